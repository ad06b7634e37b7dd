import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createRedis, type RedisConnection } from '../../src/redis/connect.ts'
import { createMemoryStatsStore } from '../../src/stats/memory.ts'
import { createRedisStatsStore } from '../../src/stats/redis.ts'
import type { AuctionCount } from '../../src/stats/types.ts'
import type { StatsWindow } from '../../src/stats/window.ts'
import { idAt } from '../support/logged.ts'
import { type RedisServer, startRedis } from '../support/redis.ts'
import { hasRedis } from '../support/services.ts'
import { describeStatsStore } from './stats-contract.ts'
import { describeStatsWindow } from './stats-window-contract.ts'

const HOUR_MS = 3_600_000
const DAY: StatsWindow = { hours: 24 }
const REQUEST: AuctionCount = {
  supplyId: 'supply1',
  country: 'US',
  responses: [{ bidderId: 'bidder1', outcome: 'WON' }],
  priceMicros: 10,
}

describe('createMemoryStatsStore of the last hours', () => {
  describeStatsWindow(async (window, now) => createMemoryStatsStore({ changes: { publish: () => {} }, window, now }))

  describe('as every store', () => {
    let changed: string[] = []
    const changes = { publish: (supplyIds: Iterable<string>) => void changed.push(...supplyIds) }
    describeStatsStore(
      async () => {
        changed = []
        return createMemoryStatsStore({ changes, window: DAY })
      },
      () => changed,
    )
  })
})

describe.runIf(hasRedis)('createRedisStatsStore of the last hours', () => {
  let redis: RedisServer
  let connections: RedisConnection[] = []
  let changed: string[] = []

  async function open(window: StatsWindow | undefined, now?: () => number) {
    changed = []
    const connection = createRedis({ url: redis.url, name: 'test' })
    connections.push(connection)
    expect(await connection.whenUp(5_000)).toBe(true)
    const changes = { publish: (supplyIds: Iterable<string>) => void changed.push(...supplyIds) }
    return createRedisStatsStore({ connection, changes, window, ...(now && { now }) })
  }

  const keys = async () =>
    ((await redis.command('keys', '*')) as string[]).filter((key) => key.includes('supply1')).sort()

  beforeAll(async () => {
    redis = await startRedis()
  })
  afterEach(async () => {
    await Promise.all(connections.map((connection) => connection.dispose()))
    connections = []
    await redis.command('flushall')
  })
  afterAll(() => redis.dispose())

  describeStatsWindow(open)
  describe('as every store', () => {
    describeStatsStore(
      () => open(DAY),
      () => changed,
    )
  })

  it("should go by Redis' clock, whatever an instance's is, and count an auction in the hour of its id", async () => {
    const store = await open(DAY)
    const nowMs = Date.now()
    await store.record({ ...REQUEST, id: idAt(nowMs) })
    await store.record({ ...REQUEST, id: idAt(nowMs - 22 * HOUR_MS) })
    await store.record({ ...REQUEST, id: idAt(nowMs - 25 * HOUR_MS) })
    const late = `hour:${Math.floor(nowMs / HOUR_MS) - 25}:window-stats:{supply1}`
    expect(await keys()).not.toContain(late)
    expect((await store.read(['supply1']))[0]?.totalRequests).toBe(2)
    await store.dispose()
  })

  it('should leave nothing of an hour that has left, and nothing for ever of a supply that is not asked for again', async () => {
    let nowMs = Date.now()
    const store = await open({ hours: 2 }, () => nowMs)
    await store.record(REQUEST)
    const first = `hour:${Math.floor(nowMs / HOUR_MS)}:window-stats:{supply1}`
    expect(await keys()).toEqual([first, 'window-stats:{supply1}'])
    for (const key of await keys()) expect(Number(await redis.command('ttl', key))).toBeGreaterThan(168 * 3600)
    // The longest window of all may still want to take it out of the sums, which end before.
    const [ofHour, ofSums] = await Promise.all((await keys()).map((key) => redis.command('ttl', key)))
    expect(Number(ofHour)).toBeGreaterThan(Number(ofSums) + 168 * 3600)
    nowMs += 2 * HOUR_MS
    await store.totals(['supply1'])
    expect(await keys()).toEqual(['window-stats:{supply1}'])
    expect(await redis.command('hgetall', 'window-stats:{supply1}')).toEqual({
      from_hour: `${Math.floor(nowMs / HOUR_MS) - 1}`,
      gone_reqs: '1',
    })
    // What nobody reads leaves with a commit.
    await store.record(REQUEST)
    nowMs += 2 * HOUR_MS
    await store.record(REQUEST)
    expect(await keys()).toEqual([
      `hour:${Math.floor(nowMs / HOUR_MS)}:window-stats:{supply1}`,
      'window-stats:{supply1}',
    ])
    await store.dispose()
  })

  it('should keep what is counted for ever apart', async () => {
    const forEver = await open(undefined)
    await forEver.record(REQUEST)
    const store = await open(DAY)
    expect(await store.read(['supply1'])).toEqual([undefined])
    await store.record(REQUEST)
    await store.record(REQUEST)
    expect((await forEver.read(['supply1']))[0]?.totalRequests).toBe(1)
    expect((await store.read(['supply1']))[0]?.totalRequests).toBe(2)
    await Promise.all([forEver.dispose(), store.dispose()])
  })

  it('should agree over several instances, whichever sees the hour leave first', async () => {
    let nowMs = Date.now()
    const stores = await Promise.all([open({ hours: 1 }, () => nowMs), open({ hours: 1 }, () => nowMs)])
    await Promise.all(Array.from({ length: 100 }, (_, index) => stores[index % 2]?.record(REQUEST)))
    nowMs += HOUR_MS
    await Promise.all(Array.from({ length: 50 }, (_, index) => stores[index % 2]?.record(REQUEST)))
    for (const store of stores) {
      expect((await store.read(['supply1']))[0]).toMatchObject({ totalRequests: 50, goneRequests: 100 })
      await store.dispose()
    }
  })

  it('should give what it had where Redis takes no writes when an hour leaves, and the truth when it does', async () => {
    let nowMs = Date.now()
    const store = await open({ hours: 1 }, () => nowMs)
    await store.record(REQUEST)
    nowMs += HOUR_MS
    await redis.command('config', 'set', 'maxmemory', '1')
    expect((await store.read(['supply1']))[0]?.totalRequests).toBe(1)
    await redis.command('config', 'set', 'maxmemory', '0')
    expect(await store.read(['supply1'])).toEqual([undefined])
    await store.dispose()
  })
})
