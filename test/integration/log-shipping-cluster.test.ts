import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { createLogStreams } from '../../src/history/log-stream.ts'
import { compareCounters } from '../../src/reconcile/counters.ts'
import { createMendCounter } from '../../src/reconcile/mend-counter.ts'
import { untilShipped } from '../../src/reconcile/until-shipped.ts'
import { SHARDS, shardOf } from '../../src/redis/shards.ts'
import type { StatsStore } from '../../src/stats/types.ts'
import { expectAgreement } from '../support/log-agreement.ts'
import { openShipping, type Shipping } from '../support/log-shipping.ts'
import { type PostgresServer, startPostgres } from '../support/postgres-server.ts'
import { startRedisCluster } from '../support/redis.ts'
import { hasPostgres, hasRedis } from '../support/services.ts'

/** So many that each shard has some. */
const SUPPLIES = 64

describe.runIf(hasRedis && hasPostgres)('the auction log on its way through a Redis Cluster', () => {
  let cluster: Awaited<ReturnType<typeof startRedisCluster>>
  let postgres: PostgresServer
  let shipping: Shipping

  beforeAll(async () => {
    cluster = await startRedisCluster()
    postgres = await startPostgres()
  })
  beforeEach(async () => {
    shipping = await openShipping({ redisUrl: cluster.url, postgresUrl: postgres.url, supplies: SUPPLIES })
  })
  afterEach(async () => {
    await shipping.dispose()
    await Promise.all(cluster.nodes.map((node) => node.command('flushall')))
  })
  afterAll(async () => {
    await postgres?.dispose()
    await cluster?.dispose()
  })

  it('should be in the stream of its shard when record resolves, and then in the database, once', async () => {
    const stats = shipping.openStats()
    await shipping.record(0, 500)
    const waiting = await shipping.sizes()
    expect(waiting).toHaveLength(SHARDS.length)
    for (const { entries, bytes } of waiting) {
      expect(entries).toBeGreaterThan(0)
      expect(bytes).toBeGreaterThan(80)
    }
    await shipping.ship()
    for (let from = 500; from < 1_000; from += 50) await shipping.record(from, from + 50)
    await shipping.untilShipped()
    await expectAgreement(shipping.prisma, stats)
    const writers = await shipping.prisma.auctionLogWriter.findMany({ orderBy: { writer: 'asc' } })
    expect(writers.map(({ writer }) => writer)).toEqual(SHARDS.map((shard) => `redis:auction-log:{${shard}}`).sort())
  })

  it('should write no batch twice where the connection breaks before its commit is answered', async () => {
    const stats = shipping.openStats()
    await shipping.ship()
    for (const [round, marker] of ['COMMIT', 'auction_log_writers', 'COMMIT', 'COPY auction_log'].entries()) {
      const cut = shipping.toPostgres.cutBeforeAnswer(marker)
      await shipping.record(round * 100, round * 100 + 100)
      await cut
    }
    await shipping.untilShipped()
    await expectAgreement(shipping.prisma, stats)
  })

  it('should have one ship at a time, and another take over all streams', async () => {
    const stats = shipping.openStats()
    const first = await shipping.ship()
    await vi.waitFor(() => expect(first.progress()).toMatchObject({ isStandby: false, error: undefined }))
    const second = await shipping.ship()
    await vi.waitFor(() => expect(second.progress()?.isStandby).toBe(true))
    await shipping.record(0, 200)
    await shipping.untilShipped()
    expect(second.progress()?.shipped).toBe(0)
    await first.dispose()
    await shipping.record(200, 400)
    await shipping.untilShipped()
    expect(second.progress()).toMatchObject({ isStandby: false })
    await expectAgreement(shipping.prisma, stats)
  })

  it('should give up rows of the shards whose streams are full, and count each', async () => {
    const { prisma } = shipping
    const stats = shipping.openStats(3_000)
    // One supply's, and then everyone's.
    for (let time = 0; time < 50; time += 1) await shipping.record(0, 1)
    for (let from = 0; from < SUPPLIES; from += 8) await shipping.record(from, from + 8)
    const full = SHARDS.indexOf(shardOf('supply0'))
    for (const [index, { bytes }] of (await shipping.sizes()).entries()) {
      if (index === full) expect(bytes).toBeGreaterThan(3_000)
      else expect(bytes).toBeLessThan(3_000)
    }
    await shipping.ship()
    await shipping.untilShipped()
    const supplies = await prisma.$queryRaw<{ id: string }[]>`SELECT DISTINCT supply_id AS id FROM auction_log`
    const known = new Set(supplies.map(({ id }) => id))
    const others = Array.from({ length: SUPPLIES }, (_, index) => `supply${index}`).filter(
      (id) => shardOf(id) !== SHARDS[full],
    )
    expect(others.filter((id) => !known.has(id))).toEqual([])
    const [given] = await prisma.$queryRaw<
      { rows: number }[]
    >`SELECT sum(rows)::float8 AS rows FROM auction_log_given_up`
    expect(given?.rows).toBeGreaterThan(10)
    await expectAgreement(prisma, stats, { givenUp: given?.rows ?? 0 })
  })

  it('should go on for the streams of other nodes while one is away, and bring its own once it is back', async () => {
    // Else the whole cluster stops with a node.
    for (const node of cluster.nodes) await node.command('config', 'set', 'cluster-require-full-coverage', 'no')
    const stats = shipping.openStats()
    const shipper = await shipping.ship()
    await shipping.record(0, 200)
    await shipping.untilShipped()
    const [lost] = cluster.nodes
    await lost?.kill()
    await vi.waitFor(() => expect(shipper.progress()?.error).toBeDefined())
    const before = shipper.progress()?.shipped ?? 0
    await shipping.record(200, 500)
    await vi.waitFor(() => expect(shipper.progress()?.shipped).toBeGreaterThan(before))
    expect(stats.pending()).toBeGreaterThan(0)
    await lost?.start()
    expect(await stats.flush(20_000)).toBe(0)
    await shipping.untilShipped()
    await vi.waitFor(() => expect(shipper.progress()?.error).toBeUndefined())
    await expectAgreement(shipping.prisma, stats)
  })

  describe('reconcile', () => {
    const differences = async (stats: StatsStore) => {
      const { prisma, connection } = shipping
      const untilLogged = () => untilShipped(createLogStreams(connection), prisma)
      const found = []
      for await (const difference of compareCounters({ stats, prisma, untilLogged })) found.push(difference)
      return found
    }

    it('should wait for all streams, and find and mend counters that differ', async () => {
      const { connection } = shipping
      const stats = shipping.openStats()
      await shipping.record(0, 300)
      await expect(untilShipped(createLogStreams(connection), shipping.prisma, 100)).rejects.toThrow('`auction worker`')
      await shipping.ship()
      expect(await differences(stats)).toEqual([])
      await connection.client.hincrby(`stats:{${shardOf('supply7')}}:supply7`, 'total_reqs', 3)
      // As an earlier version has it.
      await connection.client.hincrby('stats:{supply9}', 'bidder:a:wins', 2)
      const found = await differences(stats)
      expect(found.map(({ supplyId, field, counted, logged }) => [supplyId, field, counted - logged])).toEqual([
        ['supply7', 'total_reqs', 3],
        ['supply9', 'bidder:a:wins', 2],
      ])
      const mend = createMendCounter({
        connection,
        changes: { publish: () => {} },
        prisma: shipping.prisma,
        window: undefined,
      })
      for (const difference of found) expect(await mend(difference)).toBe(true)
      expect(await differences(stats)).toEqual([])
      // It is added where counting goes on.
      expect(await connection.client.hget('stats:{supply9}', 'bidder:a:wins')).toBe('2')
    })
  })
})
