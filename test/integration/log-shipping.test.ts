import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import type { Auction } from '../../src/auction/types.ts'
import type { BidderOutcome } from '../../src/bidders/types.ts'
import { createPrismaClient } from '../../src/db/client.ts'
import { migrateUp } from '../../src/db/migrations.ts'
import type { PrismaClient } from '../../src/generated/prisma/client.ts'
import { createCommitParts } from '../../src/history/commit-part.ts'
import { createLogStream } from '../../src/history/log-stream.ts'
import { openShipper } from '../../src/history/open-shipper.ts'
import type { ShipperProgress } from '../../src/history/shipper.ts'
import { COUNTED_KEY, STREAM_BYTES_KEY, STREAM_KEY } from '../../src/history/stream-keys.ts'
import { createRedis, type RedisConnection } from '../../src/redis/connect.ts'
import { createRedisStatsStore } from '../../src/stats/redis.ts'
import type { StatsStore } from '../../src/stats/types.ts'
import { expectAgreement } from '../support/log-agreement.ts'
import { loggedAuction } from '../support/logged.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { type PostgresServer, startPostgres } from '../support/postgres-server.ts'
import { type RedisServer, startRedis } from '../support/redis.ts'
import { hasPostgres, hasRedis } from '../support/services.ts'
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts'

/** One of a few supplies, whose three bidders answer in turns. */
function auctionOf(index: number): Auction {
  const answerOf = (bidder: number): readonly [BidderOutcome, number?] => {
    const outcome =
      bidder === 0 && index % 2 === 0 ? 'WON' : (['LOST', 'NO_BID', 'TIMED_OUT'] as const)[(index + bidder) % 3]
    return outcome === 'WON' || outcome === 'LOST' ? [outcome, 1 + index * 3] : [outcome ?? 'NO_BID']
  }
  const answers = { a: answerOf(0), b: answerOf(1), c: answerOf(2) }
  const { winnerId, ...auction } = loggedAuction(Date.now(), `supply${index % 5}`, index % 7 ? 'US' : 'GB', answers)
  const winner = winnerId === null ? null : { id: winnerId, country: auction.country }
  return { ...auction, auctionType: 'FIRST_PRICE', floorMicros: 0, winner }
}

describe.runIf(hasRedis && hasPostgres)('the auction log on its way through Redis', () => {
  let redis: RedisServer
  let postgres: PostgresServer
  let database: TestDatabase
  let toPostgres: TcpProxy
  let prisma: PrismaClient
  let connection: RedisConnection
  let stats: StatsStore
  const open: { dispose(): Promise<void> }[] = []

  /** @param bytesMax in each process, and in the stream */
  async function openStats(bytesMax = 1e9): Promise<StatsStore> {
    const parts = createCommitParts({ waitingBytesMax: bytesMax, streamBytesMax: bytesMax })
    stats = createRedisStatsStore({ connection, changes: { publish: () => {} }, log: parts })
    open.push(stats)
    return stats
  }

  async function ship(): Promise<{ progress(): ShipperProgress | undefined; dispose(): Promise<void> }> {
    let progress: ShipperProgress | undefined
    const connectionString = database.url.replace(`:${new URL(postgres.url).port}`, `:${toPostgres.port}`)
    const shipper = await openShipper({
      redisUrl: redis.url,
      connectionString,
      embedded: false,
      batchMax: 100,
      onProgress: (newest) => {
        progress = newest
      },
    })
    open.push(shipper)
    return { progress: () => progress, dispose: shipper.dispose }
  }

  async function record(from: number, to: number): Promise<void> {
    const indexes = Array.from({ length: to - from }, (_, offset) => from + offset)
    await Promise.all(indexes.map((index) => stats.record(auctionOf(index))))
  }

  const untilShipped = () =>
    vi.waitFor(async () => expect(await createLogStream(connection).size()).toEqual({ entries: 0, bytes: 0 }), {
      timeout: 20_000,
    })

  beforeAll(async () => {
    redis = await startRedis({ appendonly: true })
    postgres = await startPostgres()
  })
  afterAll(async () => {
    await postgres?.dispose()
    await redis?.dispose()
  })

  const begin = async () => {
    database = await createTestDatabase(postgres.url)
    await migrateUp({ connectionString: database.url })
    prisma = createPrismaClient({ connectionString: database.url, maxConnections: 2 })
    toPostgres = await startTcpProxy(Number(new URL(postgres.url).port))
    connection = createRedis({ url: redis.url, name: 'test' })
    expect(await connection.whenUp(5_000)).toBe(true)
  }
  afterEach(async () => {
    for (const { dispose } of open.splice(0)) await dispose()
    await connection.dispose()
    await prisma.$disconnect()
    await toPostgres.dispose()
    await database.dispose()
    await redis.command('flushall')
  })

  it('should bring every auction that was counted into the database, once', async () => {
    await begin()
    await openStats()
    await ship()
    for (let round = 0; round < 10; round += 1) await record(round * 50, round * 50 + 50)
    await untilShipped()
    await expectAgreement(prisma, stats)
  })

  it('should be in Redis with the counts when record resolves, and wait there for a worker', async () => {
    await begin()
    await openStats()
    await record(0, 30)
    const { entries, bytes } = await createLogStream(connection).size()
    expect(entries).toBeGreaterThan(0)
    expect(bytes).toBeGreaterThan(30 * 80)
    await ship()
    await untilShipped()
    await expectAgreement(prisma, stats)
  })

  it('should write no batch twice where the connection breaks before its commit is answered', async () => {
    await begin()
    await openStats()
    await ship()
    for (const [round, marker] of ['COMMIT', 'COMMIT', 'supply_stats_hourly', 'COPY auction_log', 'BEGIN'].entries()) {
      const cut = toPostgres.cutBeforeAnswer(marker)
      await record(round * 20, round * 20 + 20)
      await cut
    }
    await untilShipped()
    await expectAgreement(prisma, stats)
  })

  it('should have one ship at a time, and another take over', async () => {
    await begin()
    await openStats()
    const first = await ship()
    await vi.waitFor(() => expect(first.progress()).toMatchObject({ isStandby: false, error: undefined }))
    const second = await ship()
    await vi.waitFor(() => expect(second.progress()?.isStandby).toBe(true), { timeout: 5_000 })
    await record(0, 100)
    await untilShipped()
    expect(second.progress()?.shipped).toBe(0)
    await first.dispose()
    await record(100, 200)
    await untilShipped()
    expect(second.progress()).toMatchObject({ isStandby: false })
    await expectAgreement(prisma, stats)
  })

  it('should give up rows where more wait than there may, and count each', async () => {
    await begin()
    await openStats(2_000)
    for (let index = 0; index < 200; index += 1) await record(index, index + 1)
    const kept = Number(await redis.command('get', STREAM_BYTES_KEY))
    expect(kept).toBeGreaterThan(2_000)
    expect(kept).toBeLessThan(3_000)
    await ship()
    await untilShipped()
    await vi.waitFor(
      async () => expect(await redis.command('exists', COUNTED_KEY, `${COUNTED_KEY}:draining`)).toBe(0),
      {
        timeout: 5_000,
      },
    )
    const [given] = await prisma.$queryRaw<
      { rows: number }[]
    >`SELECT sum(rows)::float8 AS rows FROM auction_log_given_up`
    expect(given?.rows).toBeGreaterThan(100)
    await expectAgreement(prisma, stats, { givenUp: given?.rows ?? 0 })
    // There is room again: a commit finds it, and rows are kept from the next one on.
    await record(200, 201)
    await record(201, 202)
    expect(Number(await redis.command('get', STREAM_BYTES_KEY))).toBeGreaterThan(0)
    await untilShipped()
  })

  it('should go on with a stream that begins anew', async () => {
    await begin()
    await openStats()
    await ship()
    await record(0, 10)
    await untilShipped()
    // As if the clock had been far ahead.
    await redis.command('xadd', STREAM_KEY, '99999999999999-0', 'b', '')
    await untilShipped()
    await redis.command('flushall')
    await record(10, 20)
    await untilShipped()
    const [rows] = await prisma.$queryRaw<{ rows: number }[]>`SELECT count(*)::float8 AS rows FROM auction_log`
    expect(rows?.rows).toBe(20)
  })

  it('should hold auctions while the database is away', async () => {
    await begin()
    await openStats()
    const shipper = await ship()
    await record(0, 10)
    await untilShipped()
    toPostgres.close()
    await record(10, 60)
    await vi.waitFor(() => expect(shipper.progress()?.error).toBeDefined(), { timeout: 5_000 })
    expect((await createLogStream(connection).size()).entries).toBeGreaterThan(0)
    toPostgres.open()
    await untilShipped()
    await expectAgreement(prisma, stats)
    await vi.waitFor(() => expect(shipper.progress()?.error).toBeUndefined())
  })
})
