import type { RateLimitDecision, RateLimiter, RateLimitPolicy, SlidingWindow } from './types.ts'
import { createSlidingWindow } from './window.ts'

const ALLOWED: RateLimitDecision = Object.freeze({ isAllowed: true, isLocal: false })
const NONE = Object.freeze({ allowed: 0, refused: 0 })

/** The limiter of a service that is one process. */
export interface MemoryRateLimiter extends RateLimiter {
  take(key: string): RateLimitDecision
  /** How many keys are remembered, for metrics. */
  size(): number
}

/**
 * An exact sliding window in this process's memory; a key is remembered for one to two windows after its last request.
 * @param now a monotonic clock in milliseconds
 * @param trackedKeysMax the most keys remembered at once
 * @param window where they are, for keys that are no addresses
 */
export function createMemoryRateLimiter({
  policy,
  now = () => performance.now(),
  trackedKeysMax,
  window = createSlidingWindow(policy, trackedKeysMax),
}: {
  readonly policy: RateLimitPolicy
  readonly now?: () => number
  readonly trackedKeysMax?: number
  readonly window?: SlidingWindow
}): MemoryRateLimiter {
  const local = { allowed: 0, refused: 0 }
  return {
    take: (key) => {
      const retryAfterMs = window.take(key, now())
      if (retryAfterMs === 0) {
        local.allowed += 1
        return ALLOWED
      }
      local.refused += 1
      return { isAllowed: false, retryAfterMs, isLocal: false }
    },
    size: () => window.size(),
    status: () => ({ status: 'up', kind: 'memory' }),
    decisions: () => ({ redis: NONE, local, fallback: NONE }),
    dispose: async () => {},
  }
}
