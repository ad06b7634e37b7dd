import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { streamKeys } from '../../src/history/stream-keys.ts'
import { expectAgreement } from '../support/log-agreement.ts'
import { openShipping, type Shipping } from '../support/log-shipping.ts'
import { type PostgresServer, startPostgres } from '../support/postgres-server.ts'
import { type RedisServer, startRedis } from '../support/redis.ts'
import { hasPostgres, hasRedis } from '../support/services.ts'

describe.runIf(hasRedis && hasPostgres)('the auction log on its way through Redis', () => {
  let redis: RedisServer
  let postgres: PostgresServer
  let shipping: Shipping

  beforeAll(async () => {
    redis = await startRedis({ appendonly: true })
    postgres = await startPostgres()
  })
  beforeEach(async () => {
    shipping = await openShipping({ redisUrl: redis.url, postgresUrl: postgres.url })
  })
  afterEach(async () => {
    await shipping.dispose()
    await redis.command('flushall')
  })
  afterAll(async () => {
    await postgres?.dispose()
    await redis?.dispose()
  })

  it('should bring every auction that was counted into the database, once', async () => {
    const stats = shipping.openStats()
    await shipping.ship()
    for (let round = 0; round < 10; round += 1) await shipping.record(round * 50, round * 50 + 50)
    await shipping.untilShipped()
    await expectAgreement(shipping.prisma, stats)
  })

  it('should be in Redis with the counts when record resolves, and wait there for a worker', async () => {
    const stats = shipping.openStats()
    const before = Date.now()
    await shipping.record(0, 30)
    await shipping.record(30, 31)
    const after = Date.now()
    await shipping.record(31, 60)
    const [size] = await shipping.sizes()
    expect(size?.entries).toBeGreaterThan(0)
    expect(size?.bytes).toBeGreaterThan(30 * 80)
    expect(size?.oldestAtMs).toBeGreaterThanOrEqual(before)
    expect(size?.oldestAtMs).toBeLessThanOrEqual(after)
    expect(await redis.command('xlen', 'auction-log')).toBe(size?.entries)
    await shipping.ship()
    await shipping.untilShipped()
    await expectAgreement(shipping.prisma, stats)
  })

  it('should write no batch twice where the connection breaks before its commit is answered', async () => {
    const stats = shipping.openStats()
    await shipping.ship()
    for (const [round, marker] of ['COMMIT', 'COMMIT', 'supply_stats_hourly', 'COPY auction_log', 'BEGIN'].entries()) {
      const cut = shipping.toPostgres.cutBeforeAnswer(marker)
      await shipping.record(round * 20, round * 20 + 20)
      await cut
    }
    await shipping.untilShipped()
    await expectAgreement(shipping.prisma, stats)
  })

  it('should have one ship at a time, and another take over', async () => {
    const stats = shipping.openStats()
    const first = await shipping.ship()
    await vi.waitFor(() => expect(first.progress()).toMatchObject({ isStandby: false, error: undefined }))
    const second = await shipping.ship()
    await vi.waitFor(() => expect(second.progress()?.isStandby).toBe(true))
    await shipping.record(0, 100)
    await shipping.untilShipped()
    expect(second.progress()?.shipped).toBe(0)
    await first.dispose()
    await shipping.record(100, 200)
    await shipping.untilShipped()
    expect(second.progress()).toMatchObject({ isStandby: false })
    await expectAgreement(shipping.prisma, stats)
  })

  it('should give up rows where more wait than there may, and count each', async () => {
    const { prisma } = shipping
    const stats = shipping.openStats(2_000)
    for (let index = 0; index < 200; index += 1) await shipping.record(index, index + 1)
    const kept = Number(await redis.command('get', 'auction-log:bytes'))
    expect(kept).toBeGreaterThan(2_000)
    expect(kept).toBeLessThan(3_000)
    expect(await redis.command('exists', 'auction-log:counted')).toBe(1)
    await shipping.ship()
    await shipping.untilShipped()
    const [given] = await prisma.$queryRaw<
      { rows: number }[]
    >`SELECT sum(rows)::float8 AS rows FROM auction_log_given_up`
    expect(given?.rows).toBeGreaterThan(100)
    await expectAgreement(prisma, stats, { givenUp: given?.rows ?? 0 })
    // There is room again: a commit finds it, and rows are kept from the next one on.
    await shipping.record(200, 201)
    await shipping.record(201, 202)
    expect(Number(await redis.command('get', 'auction-log:bytes'))).toBeGreaterThan(0)
    await shipping.untilShipped()
  })

  it('should go on with a stream that begins anew', async () => {
    shipping.openStats()
    await shipping.ship()
    await shipping.record(0, 10)
    await shipping.untilShipped()
    // As if the clock had been far ahead.
    await redis.command('xadd', streamKeys().stream, '99999999999999-0', 'b', '')
    await shipping.untilShipped()
    await redis.command('flushall')
    await shipping.record(10, 20)
    await shipping.untilShipped()
    const [rows] = await shipping.prisma.$queryRaw<{ rows: number }[]>`SELECT count(*)::float8 AS rows FROM auction_log`
    expect(rows?.rows).toBe(20)
  })

  it('should write nothing twice where a crash of Redis has lost the newest entries, and that others were deleted', async () => {
    const stats = shipping.openStats()
    for (let index = 0; index < 10; index += 1) await shipping.record(index, index + 1)
    const { stream } = streamKeys()
    const { client } = shipping.connection
    const entries = await client.xrangeBuffer(stream, '-', '+')
    const shipper = await shipping.ship()
    await shipping.untilShipped()
    await shipper.dispose()
    await client.del(stream)
    for (const [id, fields] of entries.slice(3, 8)) await client.xadd(stream, id, ...fields)
    await shipping.ship()
    await shipping.untilShipped()
    await shipping.record(10, 20)
    await shipping.untilShipped()
    await expectAgreement(shipping.prisma, stats)
  })

  it('should hold auctions while the database is away', async () => {
    const stats = shipping.openStats()
    const shipper = await shipping.ship()
    await shipping.record(0, 10)
    await shipping.untilShipped()
    shipping.toPostgres.close()
    await shipping.record(10, 60)
    await vi.waitFor(() => expect(shipper.progress()?.error).toBeDefined())
    expect((await shipping.sizes())[0]?.entries).toBeGreaterThan(0)
    shipping.toPostgres.open()
    await shipping.untilShipped()
    await expectAgreement(shipping.prisma, stats)
    await vi.waitFor(() => expect(shipper.progress()?.error).toBeUndefined())
  })
})
