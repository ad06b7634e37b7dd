import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect, it } from 'vitest'
import type { RateLimiter, RateLimitPolicy } from '../../src/rate-limit/types.ts'

/**
 * What every rate limiter does, on the real clock. Call it within a `describe`.
 * @param create makes a limiter; those made for one test share one store
 */
export function describeRateLimiter(create: (policy: RateLimitPolicy) => Promise<RateLimiter>): void {
  const opened: RateLimiter[] = []
  let keys = 0
  const open = async (policy: RateLimitPolicy) => {
    const limiter = await create(policy)
    opened.push(limiter)
    return limiter
  }
  const newKey = () => {
    keys += 1
    return `192.0.2.${keys}`
  }
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((limiter) => limiter.dispose()))
  })

  it('should allow max requests of a key and refuse the next', async () => {
    const limiter = await open({ max: 3, windowMs: 60_000 })
    const key = newKey()
    for (let index = 0; index < 3; index += 1)
      expect(await limiter.take(key)).toEqual({ isAllowed: true, isLocal: false })
    const refused = await limiter.take(key)
    if (refused.isAllowed) throw new Error('The fourth request was allowed.')
    expect(refused.isLocal).toBe(false)
    expect(refused.retryAfterMs).toBeGreaterThan(50_000)
    expect(refused.retryAfterMs).toBeLessThanOrEqual(60_000)
    expect(Number.isInteger(refused.retryAfterMs)).toBe(true)
  })

  it('should limit each key on its own', async () => {
    const limiter = await open({ max: 1, windowMs: 60_000 })
    const [one, other] = [newKey(), newKey()]
    expect((await limiter.take(one)).isAllowed).toBe(true)
    expect((await limiter.take(other)).isAllowed).toBe(true)
    expect((await limiter.take(one)).isAllowed).toBe(false)
  })

  it('should let exactly 3 of 50 simultaneous requests pass', async () => {
    const limiter = await open({ max: 3, windowMs: 60_000 })
    const key = newKey()
    const decisions = await Promise.all(Array.from({ length: 50 }, () => limiter.take(key)))
    expect(decisions.filter(({ isAllowed }) => isAllowed)).toHaveLength(3)
  })

  it('should let one pass after the time that it names, however often it is asked before', async () => {
    const limiter = await open({ max: 3, windowMs: 400 })
    const key = newKey()
    for (let index = 0; index < 3; index += 1) await limiter.take(key)
    let decision = await limiter.take(key)
    while (!decision.isAllowed) {
      await limiter.take(key)
      const { retryAfterMs } = decision
      expect(retryAfterMs).toBeLessThanOrEqual(400)
      // The limiter's word is what is tested: it is asked again exactly then, and once must do.
      await sleep(retryAfterMs + 1)
      decision = await limiter.take(key)
      expect(decision.isAllowed).toBe(true)
    }
  })

  it('should never let more than max pass in any window', async () => {
    const policy = { max: 3, windowMs: 150 }
    const limiter = await open(policy)
    const key = newKey()
    const passed: { readonly before: number; readonly after: number }[] = []
    const end = performance.now() + 1_000
    while (performance.now() < end) {
      const before = performance.now()
      const { isAllowed } = await limiter.take(key)
      if (isAllowed) passed.push({ before, after: performance.now() })
      await new Promise(setImmediate)
    }
    expect(passed.length).toBeGreaterThan(2 * policy.max)
    for (const [index, { before }] of passed.entries()) {
      const next = passed[index + policy.max]
      if (next !== undefined) expect(next.after - before).toBeGreaterThanOrEqual(policy.windowMs)
    }
  })
}
