import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { createRedisRateLimiter } from '../../src/rate-limit/redis.ts'
import { createRedis, type RedisConnection } from '../../src/redis/connect.ts'
import { SHARDS, shardOf } from '../../src/redis/shards.ts'
import { createRedisAnswers } from '../../src/sold-once/redis.ts'
import type { AnswerStore, KeyedSale } from '../../src/sold-once/types.ts'
import { createRedisStatsChanges } from '../../src/stats/changes-redis.ts'
import { createRedisStatsStore } from '../../src/stats/redis.ts'
import type { StatsStore } from '../../src/stats/types.ts'
import { type RedisServer, startRedisCluster } from '../support/redis.ts'
import { hasRedis } from '../support/services.ts'
import { describeAnswerStore, newSale } from './answers-contract.ts'
import { describeRateLimiter } from './rate-limit-contract.ts'
import { describeStatsStore, everySupplyId, expectExactly, randomCounts } from './stats-contract.ts'
import { describeStatsWindow } from './stats-window-contract.ts'

/** How long Redis may take: the machine may be busy. */
const PATIENT_MS = 10_000

describe.runIf(hasRedis)('on a Redis Cluster', () => {
  let cluster: Awaited<ReturnType<typeof startRedisCluster>>
  let connections: RedisConnection[] = []
  let changed: string[] = []

  async function connect(): Promise<RedisConnection> {
    const connection = createRedis({ url: cluster.url, name: 'test' })
    connections.push(connection)
    expect(await connection.whenUp(10_000)).toBe(true)
    return connection
  }

  async function openStats(): Promise<StatsStore> {
    changed = []
    return createRedisStatsStore({
      connection: await connect(),
      changes: { publish: (supplyIds) => void changed.push(...supplyIds) },
    })
  }

  const nodeOf = (supplyId: string, keysByNode: ReadonlyMap<RedisServer, unknown>) =>
    [...keysByNode].find(([, keys]) => String(keys).includes(`stats:{${shardOf(supplyId)}}:`))?.[0]
  const keysByNode = async () =>
    new Map(await Promise.all(cluster.nodes.map(async (node) => [node, await node.command('keys', '*')] as const)))

  beforeAll(async () => {
    cluster = await startRedisCluster()
  })
  afterEach(async () => {
    await Promise.all(connections.map((connection) => connection.dispose()))
    connections = []
    await Promise.all(cluster.nodes.map((node) => node.command('flushall')))
  })
  afterAll(() => cluster.dispose())

  describe('createRedisRateLimiter', () => {
    describeRateLimiter(async (policy) =>
      createRedisRateLimiter({ connection: await connect(), policy, deadlineMs: PATIENT_MS }),
    )

    it('should limit over all processes, and spread its keys over the nodes', async () => {
      const policy = { max: 3, windowMs: 60_000 }
      const limiters = [await connect(), await connect()].map((connection) =>
        createRedisRateLimiter({ connection, policy, deadlineMs: PATIENT_MS }),
      )
      const take = async (index: number) => limiters[index % 2]?.take(`192.0.2.${Math.floor(index / 20)}`)
      const decisions = await Promise.all(Array.from({ length: 400 }, (_, index) => take(index)))
      expect(decisions.filter((decision) => decision?.isAllowed)).toHaveLength(3 * 20)
      expect(decisions.every((decision) => decision?.isLocal === false)).toBe(true)
      for (const keys of (await keysByNode()).values()) expect(String(keys)).toContain('rate-limit:{')
    })
  })

  describe('createRedisAnswers', () => {
    const openAnswers = async () => createRedisAnswers({ connection: await connect(), onDoubt: () => {} })
    describeAnswerStore(openAnswers)

    it('should sell each once over all processes, and spread the keys over the nodes', async () => {
      const stores = [await openAnswers(), await openAnswers()]
      const sales = Array.from({ length: 60 }, () => newSale())
      const sell = async (answers: AnswerStore | undefined, sale: KeyedSale) => {
        const claim = await answers?.claim(sale)
        return claim?.type === 'CLAIMED' ? answers?.keep(sale, '[1]') : claim
      }
      const results = await Promise.all(sales.flatMap((sale) => stores.map((answers) => sell(answers, sale))))
      expect(results.filter((result) => result === '[1]')).toHaveLength(60)
      for (const keys of (await keysByNode()).values()) expect(String(keys)).toContain('sold-once:')
    })
  })

  describe('createRedisStatsStore of the last hours', () => {
    describeStatsWindow(async (window, now) =>
      createRedisStatsStore({ connection: await connect(), changes: { publish: () => {} }, window, now }),
    )
  })

  describe('createRedisStatsStore', () => {
    describeStatsStore(openStats, () => changed)

    it('should spread supplies over the nodes by their shards, each with its marker', async () => {
      const store = await openStats()
      const counts = randomCounts(2_000, 30)
      await Promise.all(counts.map((count) => store.record(count)))
      await expectExactly(store, counts)
      for (const keys of (await keysByNode()).values()) {
        const supplies = [...String(keys).matchAll(/stats:\{(s\d+)\}:(supply\d+)/g)]
        expect(supplies.length).toBeGreaterThan(0)
        for (const [, shard, supplyId = ''] of supplies) {
          expect(shard).toBe(shardOf(supplyId))
          expect(String(keys)).toContain(`stats-commit:{${shard}}:`)
        }
      }
      await store.dispose()
    })

    it('should commit what was recorded meanwhile together, for each shard', async () => {
      const store = await openStats()
      const calls = async () => {
        const stats = await Promise.all(cluster.nodes.map((node) => node.command('info', 'commandstats')))
        return [...stats.join().matchAll(/cmdstat_evalsha:calls=(\d+)/g)].reduce(
          (sum, [, count]) => sum + Number(count),
          0,
        )
      }
      const counts = randomCounts(1_000, 200)
      // The scripts are there, and the supplies in the index.
      await Promise.all(counts.map((count) => store.record(count)))
      const before = await calls()
      await Promise.all(counts.map((count) => store.record(count)))
      const commits = (await calls()) - before
      expect(commits).toBeGreaterThanOrEqual(SHARDS.length)
      expect(commits).toBeLessThanOrEqual(2 * SHARDS.length)
      await store.dispose()
    })

    it('should go on from what an earlier version counted under tags of the supplies themselves', async () => {
      const store = await openStats()
      const { client } = await connect()
      const ids = ['supply1', 'a{b}']
      for (const supplyId of ids) {
        await client.hset(
          `stats:{${encodeURIComponent(supplyId)}}`,
          'total_reqs',
          7,
          'country:US',
          7,
          'bidder:b:wins',
          2,
        )
        await client.zadd('stats-supply-ids', 0, supplyId)
      }
      expect(await store.totals(ids)).toEqual([7, 7])
      for (const supplyId of ids) {
        await store.record({ supplyId, country: 'US', responses: [{ bidderId: 'b', outcome: 'WON' }], priceMicros: 5 })
      }
      expect(await store.totals(ids)).toEqual([8, 8])
      for (const stats of await store.read(await everySupplyId(store))) {
        expect(stats?.totalRequests).toBe(8)
        expect(stats?.requestsPerCountry).toEqual([{ country: 'US', requests: 8 }])
        expect(stats?.bidders).toMatchObject([{ bidderId: 'b', wins: 3, revenueMicros: 5 }])
      }
      await store.dispose()
    })

    it('should go on for the other supplies while a node hangs, and count its own once when it is back', async () => {
      const store = await openStats()
      const counts = randomCounts(1_000, 30)
      await Promise.all(counts.map((count) => store.record(count)))
      const placed = await keysByNode()
      const hanging = nodeOf('supply0', placed)
      if (hanging === undefined) throw new Error('supply0 is on no node.')
      const elsewhere = counts.find(({ supplyId }) => nodeOf(supplyId, placed) !== hanging)
      if (elsewhere === undefined) throw new Error('All supplies are on one node.')

      process.kill(hanging.pid(), 'SIGSTOP')
      try {
        await Promise.all(counts.map((count) => store.record(count)))
        const others = counts.filter(({ supplyId }) => nodeOf(supplyId, placed) !== hanging)
        await vi.waitFor(() => expect(store.pending()).toBe(counts.length - others.length))
      } finally {
        process.kill(hanging.pid(), 'SIGCONT')
      }
      await vi.waitFor(() => expect(store.pending()).toBe(0))
      await vi.waitFor(() => expectExactly(store, [...counts, ...counts]))
      await store.dispose()
    })
  })

  it('should answer while the cluster is down, and count once when it is up again', async () => {
    const store = await openStats()
    const limiter = createRedisRateLimiter({ connection: await connect(), policy: { max: 3, windowMs: 60_000 } })
    const counts = randomCounts(300, 30)
    const load = () => Promise.all(counts.map((count) => store.record(count)))
    await load()
    const [lost, remaining] = cluster.nodes
    await lost?.kill()
    await load()
    await vi.waitFor(async () => expect(await remaining?.command('cluster', 'info')).toContain('cluster_state:fail'))
    await load()
    expect(store.pending()).toBeGreaterThan(0)
    expect(await limiter.take('192.0.2.1')).toEqual({ isAllowed: true, isLocal: true })
    await lost?.start()
    await vi.waitFor(() => expect(store.pending()).toBe(0))
    await expectExactly(store, [...counts, ...counts, ...counts])
    await vi.waitFor(async () =>
      expect(await limiter.take(`198.51.100.${Math.floor(256 * Math.random())}`)).toEqual({
        isAllowed: true,
        isLocal: false,
      }),
    )
    await store.dispose()
    await limiter.dispose()
  })

  it('should carry changes from one node to the subscribers of all', async () => {
    const all = await Promise.all(Array.from({ length: 4 }, connect))
    const instances = all.map((connection) => {
      const changes = createRedisStatsChanges({ connection })
      const heard: (readonly string[] | 'all')[] = []
      changes.listen((ids) => heard.push(ids))
      return { changes, heard }
    })
    await vi.waitFor(() => expect(instances.every(({ heard }) => heard[0] === 'all')).toBe(true))
    instances[0]?.changes.publish(['supply1'])
    await vi.waitFor(() => {
      for (const { heard } of instances) expect(heard).toEqual(['all', ['supply1']])
    })
    await Promise.all(instances.map(({ changes }) => changes.dispose()))
  })
})
