import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createMemoryRateLimiter } from '../../src/rate-limit/memory.ts'
import { createSlidingWindow } from '../../src/rate-limit/window.ts'

describe('createMemoryRateLimiter', () => {
  it('should never allow more than max in any window, and refuse only where it must', () => {
    const scenario = fc.record({
      max: fc.integer({ min: 1, max: 5 }),
      windowMs: fc.integer({ min: 1, max: 100 }),
      requests: fc.array(fc.record({ key: fc.constantFrom('a', 'b', 'c'), pauseMs: fc.nat(60) }), { maxLength: 200 }),
    })
    fc.assert(
      fc.property(scenario, ({ max, windowMs, requests }) => {
        let now = 0
        const limiter = createMemoryRateLimiter({ policy: { max, windowMs }, now: () => now })
        const allowedAt = new Map<string, number[]>()
        for (const { key, pauseMs } of requests) {
          now += pauseMs
          const times = allowedAt.get(key) ?? []
          const withinWindow = times.filter((time) => time > now - windowMs).length
          const decision = limiter.take(key)
          expect(decision.allowed).toBe(withinWindow < max)
          if (decision.allowed) allowedAt.set(key, [...times, now])
        }
      }),
      { numRuns: 1_000 },
    )
  })

  it('should say exactly when a request will pass', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(400), { minLength: 3, maxLength: 3 }), fc.nat(500), (pauses, pause) => {
        let now = 0
        const limiter = createMemoryRateLimiter({ policy: { max: 3, windowMs: 1_000 }, now: () => now })
        for (const pauseMs of pauses) {
          now += pauseMs
          limiter.take('a')
        }
        now += pause
        const decision = limiter.take('a')
        if (decision.allowed) return
        now += decision.retryAfterMs - 1
        expect(limiter.take('a').allowed).toBe(false)
        now += 1
        expect(limiter.take('a').allowed).toBe(true)
      }),
    )
  })

  it('should not count refused requests', () => {
    let now = 0
    const limiter = createMemoryRateLimiter({ policy: { max: 1, windowMs: 100 }, now: () => now })
    limiter.take('a')
    for (now = 1; now < 100; now += 1)
      expect(limiter.take('a')).toEqual({ allowed: false, retryAfterMs: 100 - now, local: false })
    expect(limiter.take('a').allowed).toBe(true)
  })

  it('should forget addresses that were quiet for a window, without keeping a timer', () => {
    let now = 0
    const limiter = createMemoryRateLimiter({ policy: { max: 3, windowMs: 1_000 }, now: () => now })
    for (let index = 0; index < 10_000; index += 1) limiter.take(`early ${index}`)
    expect(limiter.size()).toBe(10_000)
    now = 1_000
    limiter.take('later')
    now = 2_000
    limiter.take('later')
    expect(limiter.size()).toBe(1)
  })

  it('should keep within its bound of addresses, forgetting those unused for longest', () => {
    const limiter = createMemoryRateLimiter({ policy: { max: 1, windowMs: 1_000 }, now: () => 0, trackedKeysMax: 100 })
    for (let index = 0; index < 1_000; index += 1) {
      limiter.take(`address ${index}`)
      expect(limiter.size()).toBeLessThanOrEqual(100)
    }
    expect(limiter.take('address 999').allowed).toBe(false)
    expect(limiter.take('address 0').allowed).toBe(true)
  })
})

describe('createSlidingWindow', () => {
  it('should keep a refusal made elsewhere until its time', () => {
    const window = createSlidingWindow({ max: 3, windowMs: 1_000 })
    window.refuseUntil('a', 400, 0)
    expect(window.take('a', 100)).toBe(300)
    expect(window.take('a', 400)).toBe(0)
  })

  it('should keep the nearer of two refusals, and a new one once the old has passed', () => {
    const window = createSlidingWindow({ max: 3, windowMs: 1_000 })
    window.refuseUntil('a', 400, 0)
    window.refuseUntil('a', 300, 10)
    window.refuseUntil('a', 350, 20)
    expect(window.waitMs('a', 100)).toBe(200)
    window.refuseUntil('a', 900, 300)
    expect(window.waitMs('a', 500)).toBe(400)
  })

  it('should count requests allowed elsewhere, also beyond max', () => {
    const window = createSlidingWindow({ max: 2, windowMs: 1_000 })
    for (const at of [0, 100, 200]) window.count('a', at)
    expect(window.waitMs('a', 200)).toBe(900)
    expect(window.take('a', 1_100)).toBe(0)
  })
})
