import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createKeyRates, type KeyRates } from '../../src/access/key-rates.ts'
import { createMapWindow } from '../../src/rate-limit/map-window.ts'
import { createRedisRateLimiter } from '../../src/rate-limit/redis.ts'
import { createRedis, type RedisConnection } from '../../src/redis/connect.ts'
import { type RedisServer, startRedis } from '../support/redis.ts'
import { hasRedis } from '../support/services.ts'

/** The machine may be busy. */
const PATIENT_MS = 10_000
const RATE = { max: 3, windowMs: 60_000 }
const [ONE, OTHER] = ['a1b2c3d4e5f6', 'b1b2c3d4e5f6']

describe.runIf(hasRedis)('the rates of keys in Redis', () => {
  let redis: RedisServer
  const opened: { dispose(): Promise<void> }[] = []
  beforeAll(async () => {
    redis = await startRedis()
  })
  afterEach(async () => {
    for (const each of opened.splice(0).reverse()) await each.dispose()
    await redis.command('flushall')
  })
  afterAll(() => redis.dispose())

  /** As one instance has them. */
  async function open(): Promise<{ connection: RedisConnection; rates: KeyRates }> {
    const connection = createRedis({ url: redis.url, name: 'test' })
    const rates = createKeyRates({
      createLimiter: (policy) =>
        createRedisRateLimiter({ connection, policy, deadlineMs: PATIENT_MS, window: createMapWindow(policy, 100) }),
    })
    opened.push(connection, rates)
    expect(await connection.whenUp(5_000)).toBe(true)
    return { connection, rates }
  }

  it('should be counted over all instances, each key for itself, and be no address’s', async () => {
    const instances = [await open(), await open()].map(({ rates }) => rates)
    const decisions = await Promise.all(Array.from({ length: 20 }, (_, index) => instances[index % 2]?.take(ONE, RATE)))
    expect(decisions.filter((decision) => decision?.isAllowed)).toHaveLength(3)
    expect(decisions.every((decision) => decision?.isLocal === false)).toBe(true)
    expect(await instances[0]?.take(OTHER, RATE)).toMatchObject({ isAllowed: true })
    const refused = await instances[1]?.take(ONE, RATE)
    expect(refused).toMatchObject({ isAllowed: false, retryAfterMs: expect.any(Number) })
    const names = [`rate-limit:{key:${ONE}}`, `rate-limit:{key:${OTHER}}`]
    expect(((await redis.command('keys', '*')) as string[]).sort()).toEqual(names)
  })

  it('should go on from what was counted where a key’s rate is changed', async () => {
    const { rates } = await open()
    for (let time = 0; time < 3; time++) expect(await rates.take(ONE, RATE)).toMatchObject({ isAllowed: true })
    const more = { ...RATE, max: 4 }
    rates.retain([more])
    expect(await rates.take(ONE, more)).toMatchObject({ isAllowed: true })
    expect(await rates.take(ONE, more)).toMatchObject({ isAllowed: false })
  })
})
