import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { COMMIT_TIMEOUT_MS } from '../../src/commit/lane.ts'
import { createRedis, type RedisConnection } from '../../src/redis/connect.ts'
import { createMemoryStatsStore } from '../../src/stats/memory.ts'
import { createRedisStatsStore, READ_TIMEOUT_MS } from '../../src/stats/redis.ts'
import { type AuctionCount, type StatsStore, StatsUnavailableError } from '../../src/stats/types.ts'
import { type RedisServer, startRedis } from '../support/redis.ts'
import { hasRedis } from '../support/services.ts'
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts'
import { timed } from '../support/timed.ts'
import { describeStatsStore, everySupplyId, expectExactly, randomCounts } from './stats-contract.ts'

const REQUEST: AuctionCount = {
  supplyId: 'supply1',
  country: 'US',
  responses: [{ bidderId: 'bidder1', outcome: 'WON' }],
  priceMicros: 10,
}

describe('createMemoryStatsStore', () => {
  let changed: string[] = []
  describeStatsStore(
    async () => {
      changed = []
      return createMemoryStatsStore({ changes: { publish: (supplyIds) => void changed.push(...supplyIds) } })
    },
    () => changed,
  )
})

describe.runIf(hasRedis)('createRedisStatsStore', () => {
  let redis: RedisServer
  let proxy: TcpProxy
  let connection: RedisConnection
  let store: StatsStore
  let changed: string[]
  let errors: Error[]

  async function open(): Promise<StatsStore> {
    changed = []
    errors = []
    // Through the proxy, whose url is the store's only way to Redis.
    connection = createRedis({ url: `redis://127.0.0.1:${proxy.port}`, name: 'test' })
    store = createRedisStatsStore({
      connection,
      changes: { publish: (supplyIds) => void changed.push(...supplyIds) },
      onError: (error) => void errors.push(error as Error),
    })
    expect(await connection.whenUp(5_000)).toBe(true)
    return store
  }

  const untilUp = () => vi.waitFor(() => expect(connection.state()).toBe('up'))
  const untilDown = () => vi.waitFor(() => expect(connection.state()).toBe('down'))
  const untilCommitted = () => vi.waitFor(() => expect(store.pending()).toBe(0))

  beforeAll(async () => {
    redis = await startRedis({ appendonly: true })
    proxy = await startTcpProxy(redis.port)
  })
  afterEach(async () => {
    await store.dispose()
    await connection.dispose()
    await redis.command('flushall')
  })
  afterAll(async () => {
    await proxy.dispose()
    await redis.dispose()
  })

  describeStatsStore(open, () => changed)

  it('should be in Redis when record resolves, under the documented names', async () => {
    await open()
    await store.record(REQUEST)
    expect(store.pending()).toBe(0)
    expect(await redis.command('hgetall', 'stats:{supply1}')).toEqual({
      total_reqs: '1',
      'country:US': '1',
      'bidder:bidder1:wins': '1',
      'bidder:bidder1:revenue_micros': '10',
    })
    expect(await redis.command('zrange', 'stats-supply-ids', '0', '-1')).toEqual(['supply1'])
    const [marker] = (await redis.command('keys', 'stats-commit:*')) as string[]
    expect(Number(await redis.command('ttl', marker ?? ''))).toBeGreaterThan(86_000)
  })

  it('should go on from revenue that an earlier version counted in cents', async () => {
    await open()
    await redis.command('hset', 'stats:{supply1}', 'total_reqs', '2', 'bidder:bidder1:revenue', '46')
    await store.record(REQUEST)
    const [stats] = await store.read(['supply1'])
    expect(stats?.totalRequests).toBe(3)
    expect(stats?.bidders).toMatchObject([{ bidderId: 'bidder1', wins: 1, revenueMicros: 460_010 }])
  })

  it('should commit what was recorded meanwhile together', async () => {
    await open()
    await redis.command('config', 'resetstat')
    await Promise.all(randomCounts(1_000).map((count) => store.record(count)))
    const stats = String(await redis.command('info', 'commandstats'))
    const calls = [...stats.matchAll(/cmdstat_eval(?:sha)?:calls=(\d+)/g)]
    expect(calls.reduce((sum, [, count]) => sum + Number(count), 0)).toBe(2)
  })

  it('should commit in parts where there are very many counters', async () => {
    await open()
    const counts = randomCounts(20_000, 3_000)
    await redis.command('config', 'resetstat')
    await Promise.all(counts.map((count) => store.record(count)))
    await expectExactly(store, counts)
    expect(String(await redis.command('info', 'commandstats'))).toMatch(/cmdstat_evalsha:calls=[2-9],/)
  })

  it('should add up what several processes count', async () => {
    const counts = randomCounts(1_000)
    await open()
    const otherConnection = createRedis({ url: redis.url, name: 'other' })
    const other = createRedisStatsStore({ connection: otherConnection, changes: { publish: () => {} } })
    await otherConnection.whenUp(5_000)
    await Promise.all(counts.map((count, index) => (index % 2 === 0 ? store : other).record(count)))
    await expectExactly(store, counts)
    await other.dispose()
    await otherConnection.dispose()
  })

  it('should list what an earlier version put into a set, once, and forget no supply on the way', async () => {
    await open()
    await store.record(REQUEST)
    expect(await everySupplyId(store)).toEqual(['supply1'])
    const former = Array.from({ length: 2_500 }, (_, index) => `former${index}`)
    await redis.command('sadd', 'stats-supplies', 'supply1', ...former)
    const other = createRedis({ url: redis.url, name: 'other' })
    const upgraded = createRedisStatsStore({ connection: other, changes: { publish: () => {} } })
    await other.whenUp(5_000)
    expect(await everySupplyId(upgraded)).toEqual([...former, 'supply1'].sort())
    expect(await everySupplyId(store)).toHaveLength(2_501)
    expect(await redis.command('exists', 'stats-supplies')).toBe(0)
    await upgraded.dispose()
    await other.dispose()
  })

  it('should read a page of supplies at the cost of a page', async () => {
    await open()
    const members = Array.from({ length: 20_000 }, (_, index) => ['0', `supply${index}`]).flat()
    await redis.command('zadd', 'stats-supply-ids', ...members)
    await redis.command('config', 'resetstat')
    expect(await store.supplyIds({ first: 2, after: 'supply19998' })).toEqual(['supply19999', 'supply2'])
    const commands = String(await redis.command('info', 'commandstats'))
    expect(commands).toContain('cmdstat_zrangebylex:calls=1,')
    const bytes = /total_net_output_bytes:(\d+)/.exec(String(await redis.command('info', 'stats')))
    expect(Number(bytes?.[1])).toBeLessThan(20_000)
  })

  it('should not list or read a supply that has an index entry alone', async () => {
    await open()
    await redis.command('zadd', 'stats-supply-ids', '0', 'ghost')
    expect(await store.read(['ghost'])).toEqual([undefined])
  })

  it.each(['stats-commit', 'stats-supply-ids'])(
    'should count once where the connection is cut after %s was sent and before its answer',
    async (marker) => {
      await open()
      const counts = randomCounts(500)
      // The first commit is the small one, of the first count alone, the second has all others.
      const cut = proxy.cutBeforeAnswer(marker)
      await Promise.all(counts.map((count) => store.record(count)))
      await cut
      expect(connection.state()).toBe('down')
      expect(store.pending()).toBe(500)
      expect(
        Number(await redis.command('exists', 'stats:{supply1}', `stats:{${counts[0]?.supplyId}}`)),
      ).toBeGreaterThan(0)
      await untilUp()
      await untilCommitted()
      await expectExactly(store, counts)
      expect(changed).toContain(counts[0]?.supplyId)
    },
  )

  it('should count once over many cuts under load', async () => {
    await open()
    const counts = randomCounts(5_000)
    let cuts = 0
    for (let start = 0; start < counts.length; start += 500) {
      const cut = proxy.cutBeforeAnswer('stats-commit').then(() => {
        cuts += 1
      })
      await Promise.all(counts.slice(start, start + 500).map((count) => store.record(count)))
      await cut
      await untilUp()
    }
    await untilCommitted()
    expect(cuts).toBe(10)
    await expectExactly(store, counts)
  })

  it('should take counts without waiting while Redis is away, and commit them when it is back', async () => {
    await open()
    const counts = randomCounts(3_000)
    await Promise.all(counts.slice(0, 1_000).map((count) => store.record(count)))
    await redis.kill()
    await untilDown()
    for (const count of counts.slice(1_000, 2_000)) expect(store.record(count)).toBeUndefined()
    expect(store.pending()).toBe(1_000)
    await redis.start()
    await untilCommitted()
    await Promise.all(counts.slice(2_000).map((count) => store.record(count)))
    await expectExactly(store, counts)
  })

  it('should commit what waits as the first thing over a new connection', async () => {
    await open()
    proxy.close()
    await untilDown()
    store.record(REQUEST)
    const answered = new Promise<void>((resolve) => {
      connection.onUp(() => connection.client.ping(() => resolve()))
    })
    proxy.open()
    await answered
    await new Promise(setImmediate)
    expect(store.pending()).toBe(0)
  })

  it('should count once where Redis is killed and started three times under load', async () => {
    await open()
    const counts: AuctionCount[] = []
    let isDone = false
    const load = (async () => {
      for (const count of randomCounts(1_000_000)) {
        if (isDone) break
        counts.push(count)
        await store.record(count)
        await new Promise(setImmediate)
      }
    })()
    for (let time = 0; time < 3; time += 1) {
      const before = counts.length
      await vi.waitFor(() => expect(counts.length).toBeGreaterThan(before + 500))
      await redis.kill()
      await untilDown()
      await redis.start()
      await untilUp()
    }
    isDone = true
    await load
    await untilCommitted()
    await expectExactly(store, counts)
  })

  it('should let callers go after the commit timeout where Redis hangs, and count once when it goes on', async () => {
    await open()
    await store.record(REQUEST)
    process.kill(redis.pid(), 'SIGSTOP')
    try {
      const { ms, ownMs } = await timed(() => store.record(REQUEST))
      expect(ms).toBeGreaterThan(COMMIT_TIMEOUT_MS - 5)
      expect(ownMs).toBeLessThan(COMMIT_TIMEOUT_MS + 300)
      expect(store.record(REQUEST)).toBeUndefined()
    } finally {
      process.kill(redis.pid(), 'SIGCONT')
    }
    await untilCommitted()
    await expectExactly(store, [REQUEST, REQUEST, REQUEST])
    await store.record(REQUEST)
    await expectExactly(store, [REQUEST, REQUEST, REQUEST, REQUEST])
  })

  it('should give up a silent connection and count once over the new one', async () => {
    await open()
    await store.record(REQUEST)
    process.kill(redis.pid(), 'SIGSTOP')
    try {
      await store.record(REQUEST)
      await untilDown()
      expect(store.record(REQUEST)).toBeUndefined()
    } finally {
      process.kill(redis.pid(), 'SIGCONT')
    }
    await untilCommitted()
    await expectExactly(store, [REQUEST, REQUEST, REQUEST])
  })

  it('should commit once Redis takes writes again, after it was full', async () => {
    await open()
    await store.record(REQUEST)
    await redis.command('config', 'set', 'maxmemory', '1')
    await store.record(REQUEST)
    expect(store.pending()).toBe(1)
    expect(store.status()).toMatchObject({
      status: 'down',
      kind: 'single',
      pendingCounts: 1,
      error: expect.stringMatching(/OOM/),
    })
    expect(store.record({ ...REQUEST, supplyId: 'supply2' })).toBeUndefined()
    expect(await redis.command('hget', 'stats:{supply1}', 'total_reqs')).toBe('1')
    await redis.command('config', 'set', 'maxmemory', '0')
    await untilCommitted()
    expect(store.status()).toEqual({ status: 'up', kind: 'single', pendingCounts: 0 })
    await expectExactly(store, [REQUEST, REQUEST, { ...REQUEST, supplyId: 'supply2' }])
  })

  it('should commit once Redis takes writes again, after it was read only and without its master', async () => {
    await open()
    await store.record(REQUEST)
    await redis.command('config', 'set', 'replica-serve-stale-data', 'yes')
    await redis.command('replicaof', '127.0.0.1', '1')
    await store.record(REQUEST)
    expect(store.pending()).toBe(1)
    await redis.command('config', 'set', 'replica-serve-stale-data', 'no')
    store.record(REQUEST)
    await expect(store.read(['supply1'])).rejects.toThrow(StatsUnavailableError)
    await redis.command('replicaof', 'no', 'one')
    await redis.command('config', 'set', 'replica-serve-stale-data', 'yes')
    await untilCommitted()
    await expectExactly(store, [REQUEST, REQUEST, REQUEST])
  })

  it('should wait for a Redis that is still loading', async () => {
    await open()
    const loading = await startRedis({ appendonly: true })
    const otherConnection = createRedis({ url: loading.url, name: 'other' })
    const other = createRedisStatsStore({ connection: otherConnection, changes: { publish: () => {} } })
    try {
      await otherConnection.whenUp(5_000)
      const counts = randomCounts(2_000, 200)
      await Promise.all(counts.map((count) => other.record(count)))
      await loading.kill()
      await vi.waitFor(() => expect(otherConnection.state()).toBe('down'))
      other.record(REQUEST)
      // A tenth of a millisecond per counter, so that it takes a while.
      const started = loading.start(['--key-load-delay', '100'])
      await vi.waitFor(() => expect(otherConnection.client.status).toBe('connect'), { interval: 5 })
      expect(otherConnection.state()).toBe('down')
      expect(other.pending()).toBe(1)
      await started
      await vi.waitFor(() => expect(other.pending()).toBe(0))
      await expectExactly(other, [...counts, REQUEST])
    } finally {
      await other.dispose()
      await otherConnection.dispose()
      await loading.dispose()
    }
  })

  it('should list supplies again after Redis was emptied over the connection there is', async () => {
    await open()
    await store.record(REQUEST)
    await redis.command('flushall')
    expect(await everySupplyId(store)).toEqual([])
    await store.record(REQUEST)
    expect(await everySupplyId(store)).toEqual(['supply1'])
  })

  it('should list supplies again after Redis lost everything', async () => {
    await open()
    await store.record(REQUEST)
    await redis.command('flushall')
    proxy.close()
    await untilDown()
    proxy.open()
    await untilUp()
    await store.record(REQUEST)
    expect(await everySupplyId(store)).toEqual(['supply1'])
    await expectExactly(store, [REQUEST])
  })

  it('should count once when Redis forgot the scripts', async () => {
    await open()
    await store.record(REQUEST)
    await redis.command('script', 'flush')
    await store.record(REQUEST)
    await expectExactly(store, [REQUEST, REQUEST])
  })

  it('should skip and report a counter whose key holds something else, and count all others', async () => {
    await open()
    await redis.command('set', 'stats:{supply2}', 'no hash')
    const counts = ['supply1', 'supply2', 'supply3'].map((supplyId) => ({ ...REQUEST, supplyId }))
    await Promise.all(counts.map((count) => store.record(count)))
    expect(store.pending()).toBe(0)
    expect((await store.read(['supply1', 'supply3'])).map((stats) => stats?.totalRequests)).toEqual([1, 1])
    expect(errors).toHaveLength(1)
    expect(errors[0]?.message).toContain('stats:{supply2} total_reqs')
  })

  it('should count and answer where telling of it throws, and report that', async () => {
    await open()
    const broken = new Error('broken')
    const reported: unknown[] = []
    const publish = () => {
      throw broken
    }
    const other = createRedisStatsStore({ connection, changes: { publish }, onError: (error) => reported.push(error) })
    await other.record(REQUEST)
    await other.record(REQUEST)
    expect(await other.flush(1_000)).toBe(0)
    expect(reported).toEqual([broken, broken])
    await expectExactly(store, [REQUEST, REQUEST])
    await other.dispose()
  })

  it('should refuse to read, within its time limit, while Redis is away or hangs', async () => {
    await open()
    process.kill(redis.pid(), 'SIGSTOP')
    try {
      const { ownMs } = await timed(() => expect(store.read(['supply1'])).rejects.toThrow(StatsUnavailableError))
      expect(ownMs).toBeLessThan(READ_TIMEOUT_MS + 300)
    } finally {
      process.kill(redis.pid(), 'SIGCONT')
    }
    proxy.close()
    await untilDown()
    await expect(store.read(['supply1'])).rejects.toThrow(StatsUnavailableError)
    await expect(everySupplyId(store)).rejects.toThrow(StatsUnavailableError)
    proxy.open()
    await untilUp()
    expect(await store.read(['supply1'])).toEqual([undefined])
  })

  it('should flush everything, or say what is left', async () => {
    await open()
    expect(await store.flush(0)).toBe(0)
    void store.record(REQUEST)
    void store.record(REQUEST)
    expect(await store.flush(5_000)).toBe(0)
    proxy.close()
    await untilDown()
    void store.record(REQUEST)
    expect(await store.flush(10)).toBe(1)
    proxy.open()
    expect(await store.flush(5_000)).toBe(0)
    await expectExactly(store, [REQUEST, REQUEST, REQUEST])
  })

  it('should not grow with the number of auctions while Redis is away', async () => {
    await open()
    proxy.close()
    await untilDown()
    const counts = randomCounts(1_000)
    for (let time = 0; time < 100; time += 1) for (const count of counts) store.record(count)
    expect(store.pending()).toBe(100_000)
    await redis.command('config', 'resetstat')
    proxy.open()
    await untilCommitted()
    // Everything fits into one commit, for there are few counters.
    expect(String(await redis.command('info', 'commandstats'))).toMatch(/cmdstat_eval:calls=1,/)
    expect((await store.read(['supply0']))[0]?.totalRequests).toBe(
      100 * counts.filter(({ supplyId }) => supplyId === 'supply0').length,
    )
  })
})
