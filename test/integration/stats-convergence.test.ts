import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { createDisposer } from '../../src/disposer.ts'
import { createRedis } from '../../src/redis/connect.ts'
import { createRedisStatsChanges } from '../../src/stats/changes-redis.ts'
import { createStatsFeed } from '../../src/stats/feed.ts'
import { createRedisStatsStore } from '../../src/stats/redis.ts'
import type { StatsStore } from '../../src/stats/types.ts'
import { type RedisServer, startRedis } from '../support/redis.ts'
import { hasRedis } from '../support/services.ts'

/** How long a subscriber may lag behind, whatever dies, and as long for a busy machine. */
const CONVERGES_WITHIN_MS = 2 * 5_000

describe.runIf(hasRedis)('subscribers of an instance, where another dies', () => {
  let redis: RedisServer
  let disposer = createDisposer()

  beforeAll(async () => {
    redis = await startRedis()
  })
  afterEach(async () => {
    await disposer.dispose()
    disposer = createDisposer()
    await redis.command('flushall')
  })
  afterAll(() => redis.dispose())

  async function connect() {
    const connection = createRedis({ url: redis.url, name: 'test' })
    disposer.add(() => connection.dispose())
    expect(await connection.whenUp(5_000)).toBe(true)
    return connection
  }

  /** An instance as it is between its commit and its PUBLISH: what it commits, it tells nobody. */
  async function openDying(): Promise<StatsStore> {
    const store = createRedisStatsStore({ connection: await connect(), changes: { publish: () => {} } })
    disposer.add(() => store.dispose())
    return store
  }

  async function openWatching() {
    const connection = await connect()
    const changes = createRedisStatsChanges({ connection })
    disposer.add(() => changes.dispose())
    const store = createRedisStatsStore({ connection, changes })
    disposer.add(() => store.dispose())
    const feed = createStatsFeed({ store, changes, allSupplyIds: () => ['news', 'sport'], onError: () => {} })
    disposer.add(() => feed.dispose())
    return {
      /** The newest totals that a subscriber was told. */
      watch(supplyIds: readonly string[] | undefined): ReadonlyMap<string, number> {
        const totals = new Map<string, number>()
        const subscription = feed.subscribe({ supplyIds, minIntervalMs: 50 })
        void (async () => {
          for await (const { supplyId, totalRequests } of subscription) totals.set(supplyId, totalRequests)
        })()
        return totals
      },
    }
  }

  const record = (store: StatsStore, supplyId: string) =>
    store.record({ supplyId, country: 'US', responses: [], priceMicros: 0 })
  const within = { timeout: CONVERGES_WITHIN_MS, interval: 20 }

  it('should bring them to the true value where it died between its commit and telling of it', async () => {
    const [dying, watching] = [await openDying(), await openWatching()]
    await record(dying, 'news')
    const named = watching.watch(['news'])
    const all = watching.watch(undefined)
    await vi.waitFor(() => expect([named.get('news'), all.get('news'), all.get('sport')]).toEqual([1, 1, 0]), within)

    await record(dying, 'news')
    await record(dying, 'sport')
    // Not in the catalogue that this instance has, and never heard of.
    await record(dying, 'weather')
    await vi.waitFor(
      () => expect([named.get('news'), ...['news', 'sport', 'weather'].map((id) => all.get(id))]).toEqual([2, 2, 1, 1]),
      within,
    )
  })

  it('should bring them to zero where the statistics were deleted', async () => {
    const [dying, watching] = [await openDying(), await openWatching()]
    await record(dying, 'news')
    const named = watching.watch(['news'])
    await vi.waitFor(() => expect(named.get('news')).toBe(1), within)
    await redis.command('flushall')
    await vi.waitFor(() => expect(named.get('news')).toBe(0), within)
  })
})
