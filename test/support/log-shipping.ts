import { expect, vi } from 'vitest'
import type { Auction } from '../../src/auction/types.ts'
import type { BidderOutcome } from '../../src/bidders/types.ts'
import { createPrismaClient } from '../../src/db/client.ts'
import { migrateUp } from '../../src/db/migrations.ts'
import type { PrismaClient } from '../../src/generated/prisma/client.ts'
import { createCommitParts } from '../../src/history/commit-part.ts'
import { createLogStreams, type StreamSize } from '../../src/history/log-stream.ts'
import { openShipper } from '../../src/history/open-shipper.ts'
import type { ShipperProgress } from '../../src/history/shipper.ts'
import { createRedis, type RedisConnection } from '../../src/redis/connect.ts'
import { createRedisStatsStore } from '../../src/stats/redis.ts'
import type { StatsStore } from '../../src/stats/types.ts'
import { loggedAuction } from './logged.ts'
import { createTestDatabase } from './postgres.ts'
import { startTcpProxy, type TcpProxy } from './tcp-proxy.ts'

/** The way of auctions through a Redis into a database of a test's own. */
export interface Shipping {
  readonly prisma: PrismaClient
  readonly connection: RedisConnection
  /** What the shippers' way to PostgreSQL leads through. */
  readonly toPostgres: TcpProxy
  /** @param bytesMax in each process, and in each stream */
  openStats(bytesMax?: number): StatsStore
  ship(): Promise<TestShipper>
  /** Records auctions of these numbers, at the same time. */
  record(from: number, to: number): Promise<void>
  /** How many commits and bytes wait in each stream, in the order of shards. */
  sizes(): Promise<readonly StreamSize[]>
  /** Until nothing waits in Redis. */
  untilShipped(): Promise<void>
  dispose(): Promise<void>
}

export interface TestShipper {
  progress(): ShipperProgress | undefined
  dispose(): Promise<void>
}

/** @param supplies how many supplies there are auctions of */
export async function openShipping({
  redisUrl,
  postgresUrl,
  supplies = 5,
}: {
  readonly redisUrl: string
  readonly postgresUrl: string
  readonly supplies?: number
}): Promise<Shipping> {
  const database = await createTestDatabase(postgresUrl)
  await migrateUp({ connectionString: database.url })
  const prisma = createPrismaClient({ connectionString: database.url, maxConnections: 2 })
  const { port } = new URL(postgresUrl)
  const toPostgres = await startTcpProxy(Number(port))
  const connection = createRedis({ url: redisUrl, name: 'test' })
  expect(await connection.whenUp(5_000)).toBe(true)
  const streams = createLogStreams(connection)
  const open: { dispose(): Promise<void> }[] = []
  let stats: StatsStore | undefined
  const sizes = () => Promise.all(streams.map((stream) => stream.size()))

  return {
    prisma,
    connection,
    toPostgres,
    openStats(bytesMax = 1e9) {
      const log = createCommitParts({ waitingBytesMax: bytesMax, streamBytesMax: bytesMax })
      stats = createRedisStatsStore({ connection, changes: { publish: () => {} }, log })
      open.push(stats)
      return stats
    },
    async ship() {
      let progress: ShipperProgress | undefined
      const shipper = await openShipper({
        redisUrl,
        redisPrefix: '',
        connectionString: database.url.replace(`:${port}`, `:${toPostgres.port}`),
        embedded: false,
        batchMax: 100,
        onProgress: (newest) => {
          progress = newest
        },
      })
      open.push(shipper)
      return { progress: () => progress, dispose: shipper.dispose }
    },
    async record(from, to) {
      const indexes = Array.from({ length: to - from }, (_, offset) => from + offset)
      await Promise.all(indexes.map((index) => stats?.record(auctionOf(index, supplies))))
    },
    sizes,
    untilShipped: () =>
      vi.waitFor(async () => {
        for (const size of await sizes()) expect(size).toEqual({ entries: 0, bytes: 0 })
        for (const stream of streams) expect(await stream.hasCounted()).toBe(false)
      }),
    async dispose() {
      for (const { dispose } of open) await dispose()
      await connection.dispose()
      await prisma.$disconnect()
      await toPostgres.dispose()
      await database.dispose()
    },
  }
}

/** One of a few supplies, whose three bidders answer in turns. */
function auctionOf(index: number, supplies: number): Auction {
  const answerOf = (bidder: number): readonly [BidderOutcome, number?] => {
    const outcome =
      bidder === 0 && index % 2 === 0
        ? 'WON'
        : (['LOST', 'NO_BID', 'TIMED_OUT', 'ERROR', 'SKIPPED'] as const)[(index + bidder) % 5]
    return outcome === 'WON' || outcome === 'LOST' ? [outcome, 1 + index * 3] : [outcome ?? 'NO_BID']
  }
  const answers = { a: answerOf(0), b: answerOf(1), c: answerOf(2) }
  const supplyId = `supply${index % supplies}`
  const { winnerId, ...auction } = loggedAuction(Date.now(), supplyId, index % 7 ? 'US' : 'GB', answers)
  const winner = winnerId === null ? null : { id: winnerId, country: auction.country }
  return { ...auction, auctionType: 'FIRST_PRICE', floorMicros: 0, winner }
}
