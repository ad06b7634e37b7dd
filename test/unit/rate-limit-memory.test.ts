import { describe, expect, it } from 'vitest'
import { createRandom } from '../../src/random.ts'
import { rateLimitKey } from '../../src/rate-limit/key.ts'
import { createKeyTable } from '../../src/rate-limit/key-table.ts'
import { createMemoryRateLimiter } from '../../src/rate-limit/memory.ts'
import { type PackedKey, packKey } from '../../src/rate-limit/packed-key.ts'
import { createSlidingWindow } from '../../src/rate-limit/window.ts'
import fc from '../support/fast-check.ts'

describe('createMemoryRateLimiter', () => {
  it('should never allow more than max in any window, and refuse only where it must', () => {
    const scenario = fc.record({
      max: fc.oneof(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 14, max: 20 })),
      windowMs: fc.integer({ min: 1, max: 100 }),
      requests: fc.array(fc.record({ key: fc.constantFrom(...KEYS), pauseMs: fc.nat(60) }), { maxLength: 200 }),
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
          expect(decision.isAllowed).toBe(withinWindow < max)
          if (decision.isAllowed) allowedAt.set(key, [...times, now])
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
          limiter.take(KEY)
        }
        now += pause
        const decision = limiter.take(KEY)
        if (decision.isAllowed) return
        now += decision.retryAfterMs - 1
        expect(limiter.take(KEY).isAllowed).toBe(false)
        now += 1
        expect(limiter.take(KEY).isAllowed).toBe(true)
      }),
    )
  })

  it('should not count refused requests', () => {
    let now = 0
    const limiter = createMemoryRateLimiter({ policy: { max: 1, windowMs: 100 }, now: () => now })
    limiter.take(KEY)
    for (now = 1; now < 100; now += 1)
      expect(limiter.take(KEY)).toEqual({ isAllowed: false, retryAfterMs: 100 - now, isLocal: false })
    expect(limiter.take(KEY).isAllowed).toBe(true)
  })

  it('should forget addresses that were quiet for a window, without keeping a timer', () => {
    let now = 0
    const limiter = createMemoryRateLimiter({ policy: { max: 3, windowMs: 1_000 }, now: () => now })
    for (let index = 0; index < 10_000; index += 1) limiter.take(address(index))
    expect(limiter.size()).toBe(10_000)
    now = 1_000
    limiter.take('203.0.113.1')
    now = 2_000
    limiter.take('203.0.113.1')
    expect(limiter.size()).toBe(1)
  })

  it('should keep within its bound of addresses, forgetting those unused for longest', () => {
    const limiter = createMemoryRateLimiter({ policy: { max: 1, windowMs: 1_000 }, now: () => 0, trackedKeysMax: 100 })
    for (let index = 0; index < 1_000; index += 1) {
      limiter.take(address(index))
      expect(limiter.size()).toBeLessThanOrEqual(100)
    }
    expect(limiter.take(address(999)).isAllowed).toBe(false)
    expect(limiter.take(address(0)).isAllowed).toBe(true)
  })
})

describe.each([
  { kind: 'packed', max: 3 },
  { kind: 'with objects', max: 20 },
])('createSlidingWindow, $kind', ({ max }) => {
  it('should keep a refusal made elsewhere until its time', () => {
    const window = createSlidingWindow({ max, windowMs: 1_000 })
    window.refuseUntil(KEY, 400, 0)
    expect(window.take(KEY, 100)).toBe(300)
    expect(window.take(KEY, 400)).toBe(0)
  })

  it('should keep the nearer of two refusals, and a new one once the old has passed', () => {
    const window = createSlidingWindow({ max, windowMs: 1_000 })
    window.refuseUntil(KEY, 400, 0)
    window.refuseUntil(KEY, 300, 10)
    window.refuseUntil(KEY, 350, 20)
    expect(window.waitMs(KEY, 100)).toBe(200)
    window.refuseUntil(KEY, 900, 300)
    expect(window.waitMs(KEY, 500)).toBe(400)
  })

  it('should count requests allowed elsewhere, also beyond max', () => {
    const window = createSlidingWindow({ max, windowMs: 1_000 })
    for (let at = 0; at <= max * 10; at += 10) window.count(KEY, at)
    expect(window.waitMs(KEY, max * 10)).toBe(1_010 - max * 10)
    expect(window.take(KEY, 1_010)).toBe(0)
  })

  it('should stay exact over days, whatever the size of the window', () => {
    for (const windowMs of [1, 60_000, 86_400_000]) {
      const window = createSlidingWindow({ max, windowMs })
      for (let now = 0; now < 40 * windowMs; now += windowMs) {
        for (let index = 0; index < max; index += 1) expect(window.take(KEY, now)).toBe(0)
        expect(window.take(KEY, now)).toBe(windowMs)
      }
    }
  })

  it('should keep no time by which a later request would be refused though the window has passed', () => {
    const window = createSlidingWindow({ max, windowMs: 1_000 })
    for (let now = 0; now < 100_000; now += 999) expect(window.take(KEY, now)).toBe(0)
  })
})

describe('the packed window', () => {
  it('should never be laxer for keeping times in whole units', () => {
    const window = createSlidingWindow({ max: 1, windowMs: 1_000 })
    expect(window.take(KEY, 0.0009)).toBe(0)
    expect(window.take(KEY, 1_000.0001)).toBe(1)
    expect(window.take(KEY, 1_000.01)).toBe(0)
  })

  it('should tell an IPv4 address from an IPv6 prefix of the same number', () => {
    for (let hashSeed = 0; hashSeed < 10; hashSeed += 1) {
      const table = createKeyTable({ recordWords: 1, hashSeed })
      for (let low = 0; low < 3_000; low += 1) table.insert({ family: 0, high: 0, low })
      for (let low = 0; low < 3_000; low += 1) {
        expect(table.find({ family: 0, high: 0, low })).toBe(low)
        expect(table.find({ family: 1, high: 0, low })).toBe(-1)
      }
    }
  })

  it('should take no two addresses for one, also where their hashes are the same', () => {
    const window = createSlidingWindow({ max: 1, windowMs: 1_000 })
    const keys = Array.from({ length: 60_000 }, (_, index) => [
      address(Math.imul(index, 0x9e3779b1) >>> 0),
      `${(index & 0xffff).toString(16)}:${(index >>> 16).toString(16)}:0:0::/64`,
      `0:0:${(index & 0xffff).toString(16)}:${(index >>> 16).toString(16)}::/64`,
    ]).flat()
    const distinct = [...new Set(keys)]
    expect(distinct.filter((key) => window.take(key, 0) !== 0)).toEqual([])
    expect(distinct.filter((key) => window.take(key, 1) !== 999)).toEqual([])
    expect(window.size()).toBe(distinct.length)
  })

  it('should remember a crowd over the change of generations, and forget it after', () => {
    const window = createSlidingWindow({ max: 1, windowMs: 1_000 })
    window.take(KEY, 0)
    for (let round = 0; round < 3; round += 1) {
      const from = 900 + round * 5_000
      for (let index = 0; index < 20_000; index += 1) expect(window.take(address(index), from)).toBe(0)
      for (let index = 0; index < 20_000; index += 1) expect(window.take(address(index), from + 999)).toBe(1)
    }
    window.take(KEY, 100_000)
    window.take(KEY, 102_000)
    expect(window.size()).toBe(1)
  })

  it('should remember one window of a steady stream of new addresses, not two', () => {
    const window = createSlidingWindow({ max: 1, windowMs: 1_000 })
    let largest = 0
    for (let index = 0; index < 5 * A_WINDOWS_KEYS; index += 1) {
      window.take(address(index), (index * 1_000) / A_WINDOWS_KEYS)
      largest = Math.max(largest, window.size())
    }
    expect(largest).toBeLessThan(1.5 * A_WINDOWS_KEYS)
  })

  it('should stay exact while new addresses take the memory of those that have left', () => {
    const random = createRandom(3)
    const windowMs = 1_000
    const window = createSlidingWindow({ max: 1, windowMs })
    const closedUntil = new Map<number, number>()
    let newest = 0
    for (let step = 0; step < 10 * A_WINDOWS_KEYS; step += 1) {
      // Whole milliseconds, or the model would have to round as the window does.
      const now = Math.floor((step * windowMs) / A_WINDOWS_KEYS)
      const known = Math.max(0, newest - Math.floor(random() * 2 * A_WINDOWS_KEYS))
      // Of three runs of addresses one is asked for once, one again and again, and one is refused elsewhere.
      const run = (index: number) => Math.floor(index / A_RUNS_KEYS) % 3
      const index = random() < 0.3 && run(known) > 0 ? known : newest++
      const wait = Math.max(0, (closedUntil.get(index) ?? 0) - now)
      if (wait === 0) closedUntil.set(index, now + windowMs)
      if (wait === 0 && run(index) === 2) window.refuseUntil(address(index), now + windowMs, now)
      else if (window.take(address(index), now) !== wait) expect.fail(`address ${index} at ${now}: not ${wait}`)
    }
  })

  it('should count addresses once that come again as their memory is taken', () => {
    const window = createSlidingWindow({ max: 2, windowMs: 1_000 })
    for (const now of [0, 600, 1_100, 1_700, 2_200]) {
      for (let index = 0; index < A_RUNS_KEYS; index += 1) expect(window.take(address(index), now)).toBe(0)
      expect(window.size()).toBe(A_RUNS_KEYS)
    }
  })

  it('should not take the memory of addresses that are refused', () => {
    const window = createSlidingWindow({ max: 1, windowMs: 1_000 })
    window.take(KEY, 0)
    const refused = Array.from({ length: A_RUNS_KEYS }, (_, index) => address(index))
    for (const key of refused) window.refuseUntil(key, 1_900, 950)
    for (let index = 0; index < A_WINDOWS_KEYS; index += 1) window.take(address(A_RUNS_KEYS + index), 1_000)
    expect(refused.filter((key) => window.waitMs(key, 1_000) !== 900)).toEqual([])
  })

  it('should pack different keys differently and equal ones alike', () => {
    const anyKey = fc.oneof(fc.ipV4(), fc.ipV6()).map(rateLimitKey)
    fc.assert(
      fc.property(anyKey, anyKey, (one, other) => {
        expect(isEqual(packed(one), packed(other))).toBe(one === other)
        expect(packed(one)).toEqual(packed(one))
      }),
      { numRuns: 2_000 },
    )
    expect(packed('0.0.0.0')).not.toEqual(packed('0:0:0:0::/64'))
    expect(packed('255.255.255.255')).toEqual({ family: 0, high: 0, low: 0xffffffff })
    expect(packed('2001:db8:ffff:1::/64')).toEqual({ family: 1, high: 0x20010db8, low: 0xffff0001 })
  })

  it('should refuse what is no key of an address, and say how to make one', () => {
    for (const text of [
      '',
      'a',
      '1.2.3',
      '1.2.3.256',
      '1.2.3.4.5',
      '1..2.3',
      '::/64',
      '1:2:3::/64',
      '1:2:3:4:5::/64',
      'g:0:0:0::/64',
    ])
      expect(() => packed(text)).toThrow(/make it with rateLimitKey/)
  })
})

function packed(key: string): PackedKey {
  const target = { family: 0, high: 0, low: 0 }
  packKey(key, target)
  return target
}

function isEqual(one: PackedKey, other: PackedKey): boolean {
  return one.family === other.family && one.high === other.high && one.low === other.low
}

function address(number: number): string {
  return `${number >>> 24}.${(number >>> 16) & 255}.${(number >>> 8) & 255}.${number & 255}`
}

/** Several chunks of a table. */
const A_WINDOWS_KEYS = 40_000
/** Two chunks: one of them at least has keys of the run alone. */
const A_RUNS_KEYS = 8192
const KEYS = ['192.0.2.1', '192.0.2.2', '2001:db8:0:1::/64']
const [KEY = ''] = KEYS
