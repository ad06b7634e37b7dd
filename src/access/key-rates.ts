import type { RateLimitDecision, RateLimiter, RateLimitPolicy } from '../rate-limit/types.ts'

/** How much each key has asked for. */
export interface KeyRates {
  /** Asks for one thing of a key's rate and, where it is allowed, counts it. */
  take(keyId: string, rate: RateLimitPolicy): RateLimitDecision | Promise<RateLimitDecision>
  /** Forgets the limiters of all rates but these. */
  retain(rates: Iterable<RateLimitPolicy>): void
  dispose(): Promise<void>
}

/** One limiter for each rate that any key has; limiters are those of addresses, under a name that no address has. */
export function createKeyRates({
  createLimiter,
}: {
  readonly createLimiter: (rate: RateLimitPolicy) => RateLimiter
}): KeyRates {
  const limiters = new Map<string, RateLimiter>()

  return {
    take(keyId, rate) {
      const name = nameOf(rate)
      let limiter = limiters.get(name)
      if (!limiter) {
        limiter = createLimiter(rate)
        limiters.set(name, limiter)
      }
      return limiter.take(`key:${keyId}`)
    },
    retain(rates) {
      const names = new Set([...rates].map(nameOf))
      for (const [name, limiter] of limiters) {
        if (names.has(name)) continue
        limiters.delete(name)
        void limiter.dispose()
      }
    },
    async dispose() {
      for (const limiter of limiters.values()) await limiter.dispose()
    },
  }
}

function nameOf({ max, windowMs }: RateLimitPolicy): string {
  return `${max} ${windowMs}`
}
