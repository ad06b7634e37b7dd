import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { createMemoryRateLimiter } from '../../src/rate-limit/memory.ts'
import { createRedisRateLimiter, SHARED_DEADLINE_MS } from '../../src/rate-limit/redis.ts'
import type { RateLimiter, RateLimitPolicy } from '../../src/rate-limit/types.ts'
import { createRedis, type RedisConnection } from '../../src/redis/connect.ts'
import { type RedisServer, startRedis } from '../support/redis.ts'
import { hasRedis } from '../support/services.ts'
import { timed } from '../support/timed.ts'
import { describeRateLimiter } from './rate-limit-contract.ts'

const POLICY: RateLimitPolicy = { max: 3, windowMs: 60_000 }
/** Where a test is not about lateness: the machine may be busy. */
const PATIENT_MS = 10_000

describe('createMemoryRateLimiter', () => {
  describeRateLimiter(async (policy) => createMemoryRateLimiter({ policy }))
})

describe.runIf(hasRedis)('createRedisRateLimiter', () => {
  let redis: RedisServer
  const opened: { dispose(): Promise<void> }[] = []

  async function open(
    policy: RateLimitPolicy = POLICY,
  ): Promise<{ limiter: RateLimiter; connection: RedisConnection }> {
    const connection = createRedis({ url: redis.url, name: 'test' })
    const limiter = createRedisRateLimiter({ connection, policy, deadlineMs: PATIENT_MS })
    opened.push(limiter, connection)
    expect(await connection.whenUp(5_000)).toBe(true)
    return { limiter, connection }
  }

  beforeAll(async () => {
    redis = await startRedis()
  })
  afterEach(async () => {
    for (const each of opened.splice(0)) await each.dispose()
    await redis.command('flushall')
  })
  afterAll(() => redis.dispose())

  describeRateLimiter(async (policy) => (await open(policy)).limiter)

  it('should let exactly 3 of 50 simultaneous requests pass that are split over two processes', async () => {
    const [one, other] = [await open(), await open()]
    const decisions = await Promise.all(
      Array.from({ length: 50 }, (_, index) => (index % 2 === 0 ? one : other).limiter.take('192.0.2.1')),
    )
    expect(decisions.filter(({ isAllowed }) => isAllowed)).toHaveLength(3)
    expect(decisions.every(({ isLocal }) => !isLocal)).toBe(true)
  })

  it('should keep one list of at most max times per key, which expires', async () => {
    const { limiter } = await open({ max: 2, windowMs: 10_000 })
    await redis.command('rpush', 'rate-limit:{192.0.2.1}', '1', '2', '3')
    for (let index = 0; index < 5; index += 1) await limiter.take('192.0.2.1')
    expect(await redis.command('keys', '*')).toEqual(['rate-limit:{192.0.2.1}'])
    expect(await redis.command('llen', 'rate-limit:{192.0.2.1}')).toBe(2)
    const ttl = Number(await redis.command('pttl', 'rate-limit:{192.0.2.1}'))
    expect(ttl).toBeGreaterThan(5_000)
    expect(ttl).toBeLessThanOrEqual(10_001)
  })

  it('should have nobody wait longer than a window after the clock of Redis was set back', async () => {
    const windowMs = 200
    const { limiter } = await open({ max: 3, windowMs })
    const anHourAhead = `${(Date.now() + 3_600_000) * 1000}`
    await redis.command('rpush', 'rate-limit:{192.0.2.1}', anHourAhead, anHourAhead, anHourAhead)
    const refused = await limiter.take('192.0.2.1')
    expect(refused.isAllowed).toBe(false)
    if (!refused.isAllowed) expect(refused.retryAfterMs).toBeLessThanOrEqual(windowMs)
    await vi.waitFor(async () => expect((await limiter.take('192.0.2.1')).isAllowed).toBe(true))
  })

  it('should hold a lowered max at once, and a raised one', async () => {
    const five = await open({ max: 5, windowMs: 60_000 })
    for (let index = 0; index < 5; index += 1) expect((await five.limiter.take('192.0.2.1')).isAllowed).toBe(true)
    const two = await open({ max: 2, windowMs: 60_000 })
    expect((await two.limiter.take('192.0.2.1')).isAllowed).toBe(false)
    const six = await open({ max: 6, windowMs: 60_000 })
    expect((await six.limiter.take('192.0.2.1')).isAllowed).toBe(true)
    expect((await six.limiter.take('192.0.2.1')).isAllowed).toBe(false)
  })

  it('should refuse a key that is over its limit without asking Redis again, also one that others used up', async () => {
    const [one, other] = [await open(), await open()]
    for (let index = 0; index < 3; index += 1) await one.limiter.take('192.0.2.1')
    expect((await other.limiter.take('192.0.2.1')).isAllowed).toBe(false)
    await redis.command('config', 'resetstat')
    const decisions = [one.limiter.take('192.0.2.1'), other.limiter.take('192.0.2.1')]
    for (const decision of decisions) {
      expect(decision).toMatchObject({ isAllowed: false, isLocal: false, retryAfterMs: expect.any(Number) })
    }
    expect(await redis.command('info', 'commandstats')).not.toContain('evalsha')
    expect(other.limiter.status().decided).toEqual({ shared: 1, local: 0, refusedFromMemory: 1 })
    expect([one, other].map(({ limiter }) => limiter.decisions())).toEqual([
      { redis: { allowed: 3, refused: 0 }, local: { allowed: 0, refused: 1 }, fallback: { allowed: 0, refused: 0 } },
      { redis: { allowed: 0, refused: 1 }, local: { allowed: 0, refused: 1 }, fallback: { allowed: 0, refused: 0 } },
    ])
  })

  it('should ask for many requests in few calls', async () => {
    const { limiter } = await open()
    await redis.command('config', 'resetstat')
    const decisions = await Promise.all(Array.from({ length: 100 }, (_, index) => limiter.take(`192.0.2.${index}`)))
    expect(decisions.every(({ isAllowed, isLocal }) => isAllowed && !isLocal)).toBe(true)
    const calls = /cmdstat_eval(?:sha)?:calls=(\d+)/g
    const stats = String(await redis.command('info', 'commandstats'))
    expect([...stats.matchAll(calls)].reduce((sum, [, count]) => sum + Number(count), 0)).toBe(2)
  })

  it('should work on when Redis forgot the script', async () => {
    const { limiter } = await open()
    await limiter.take('192.0.2.1')
    await redis.command('script', 'flush')
    expect(await limiter.take('192.0.2.1')).toEqual({ isAllowed: true, isLocal: false })
  })

  it('should decide by its own window, at once, where Redis refuses the call', async () => {
    const { limiter } = await open()
    await redis.command('set', 'rate-limit:{192.0.2.1}', 'no list')
    expect(await limiter.take('192.0.2.1')).toEqual({ isAllowed: true, isLocal: true })
    await redis.command('del', 'rate-limit:{192.0.2.1}')
    expect(await limiter.take('192.0.2.1')).toEqual({ isAllowed: true, isLocal: false })
  })
})

describe.runIf(hasRedis)('createRedisRateLimiter without its Redis', () => {
  let redis: RedisServer
  let connection: RedisConnection
  let limiter: RateLimiter

  beforeAll(async () => {
    redis = await startRedis()
    connection = createRedis({ url: redis.url, name: 'test' })
    limiter = createRedisRateLimiter({ connection, policy: POLICY })
    await connection.whenUp(5_000)
  })
  afterAll(async () => {
    await limiter.dispose()
    await connection.dispose()
    await redis.dispose()
  })

  it('should decide by its own window while Redis is gone, and by Redis when it is back', async () => {
    expect((await limiter.take('192.0.2.1')).isAllowed).toBe(true)
    await redis.kill()
    await vi.waitFor(() => expect(connection.state()).toBe('down'))

    const before = limiter.status().decided?.local ?? 0
    // What Redis had allowed counts: two are left, not three.
    const decisions = Array.from({ length: 3 }, () => limiter.take('192.0.2.1'))
    expect(decisions).toMatchObject([
      { isAllowed: true, isLocal: true },
      { isAllowed: true, isLocal: true },
      { isAllowed: false, isLocal: true, retryAfterMs: expect.any(Number) },
    ])
    expect((limiter.status().decided?.local ?? 0) - before).toBe(3)
    expect(limiter.decisions().fallback).toEqual({ allowed: 2, refused: 1 })

    await redis.start()
    await vi.waitFor(() => expect(connection.state()).toBe('up'))
    await untilQuick()
    // And what this process allowed meanwhile still counts.
    expect(await limiter.take('192.0.2.1')).toMatchObject({ isAllowed: false })
  })

  it('should answer every request that was in flight when Redis was killed', async () => {
    const decisions = Array.from({ length: 500 }, (_, index) => limiter.take(`198.18.${index >> 8}.${index & 255}`))
    await redis.kill()
    for (const decision of await Promise.all(decisions)) expect(decision.isAllowed).toBe(true)
    await redis.start()
    await vi.waitFor(() => expect(connection.state()).toBe('up'))
  })

  it('should wait no longer than its deadline for a slow Redis, once, and come back by itself', async () => {
    await untilQuick()
    expect((await limiter.take('203.0.113.1')).isAllowed).toBe(true)
    process.kill(redis.pid(), 'SIGSTOP')
    try {
      const { ms, ownMs } = await timed(async () =>
        expect(await limiter.take('203.0.113.1')).toEqual({ isAllowed: true, isLocal: true }),
      )
      expect(ms).toBeGreaterThanOrEqual(SHARED_DEADLINE_MS - 1)
      expect(ownMs).toBeLessThan(SHARED_DEADLINE_MS + 200)
      // Later ones do not wait at all: the answer is no promise.
      expect(limiter.take('203.0.113.1')).toEqual({ isAllowed: true, isLocal: true })
      expect(limiter.take('203.0.113.1')).toMatchObject({ isAllowed: false, isLocal: true })
    } finally {
      process.kill(redis.pid(), 'SIGCONT')
    }
    await untilQuick()
  })

  let hosts = 0
  /** Until Redis answers within the deadline: a busy machine may keep it from that. */
  function untilQuick(): Promise<void> {
    return vi.waitFor(
      async () => {
        hosts += 1
        expect(await limiter.take(`198.51.${hosts >> 8}.${hosts & 255}`)).toEqual({ isAllowed: true, isLocal: false })
      },
      { interval: 20 },
    )
  }
})

describe.runIf(hasRedis)('createRedisRateLimiter', () => {
  it('should serve from its own window where Redis was never there', async () => {
    const connection = createRedis({ url: 'redis://127.0.0.1:1', name: 'test' })
    const limiter = createRedisRateLimiter({ connection, policy: POLICY })
    expect(limiter.take('192.0.2.1')).toEqual({ isAllowed: true, isLocal: true })
    await vi.waitFor(() => expect(connection.lastError()?.message).toContain('ECONNREFUSED'))
    await limiter.dispose()
    await connection.dispose()
  })
})
