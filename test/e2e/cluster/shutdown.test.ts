import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { type Instance, type InstanceEnv, startInstance } from '../../support/instance.ts'
import { runLoad } from '../../support/load.ts'
import { startRedis } from '../../support/redis.ts'
import { hasPostgres, hasRedis } from '../../support/services.ts'
import { excessOf, readCounters, watchStats } from '../../support/statistics.ts'
import { createTestBed, openPreparedDatabase, SUPPLY_IDS } from '../../support/topology.ts'

describe.skipIf(!(hasPostgres && hasRedis))('an instance that is told to stop', () => {
  const shared = createTestBed()
  const bed = createTestBed()
  let database: InstanceEnv
  beforeAll(async () => {
    database = await openPreparedDatabase(shared)
  })
  afterEach(() => bed.dispose())
  afterAll(() => shared.dispose())

  it('should answer what is in flight, commit it, complete subscriptions, say so, and end with 0', async () => {
    const redis = await bed.own(startRedis())
    const env = { ...database, REDIS_URL: redis.url, SIMULATED_LATENCY_FACTOR: '20' }
    const instance = await bed.own(startInstance(env))
    const watchers = await Promise.all([1, 2].map(() => bed.own(watchStats(instance.graphqlUrl))))
    await vi.waitFor(() => expect(watchers.map(({ newest }) => newest.size)).toEqual([3, 3]))
    const load = startLoad(instance, { auctions: 20, tmax: 4000 })
    await untilInFlight(instance, 20)

    instance.signal('SIGTERM')
    const stoppedAt = performance.now()
    await vi.waitFor(() => expect(fetch(instance.url)).rejects.toThrow())
    const { acknowledged, unanswered, counters } = await load

    expect({ acknowledged, unanswered }).toEqual({ acknowledged: 20, unanswered: 0 })
    expect(await instance.exited).toEqual({ code: 0, signal: null })
    expect(performance.now() - stoppedAt).toBeLessThan(10_000)
    await vi.waitFor(() => expect(watchers.map((watcher) => watcher.ended())).toEqual(['completed', 'completed']))
    expect(instance.log.at(-1)).toMatchObject({
      msg: 'stopped',
      drained: { auctions: 20, subscribers: 2, webSockets: 2 },
      left: { auctions: 0, counts: 0 },
    })
    const next = await bed.own(startInstance(env))
    expect(excessOf(await readCounters(next.graphqlUrl), counters)).toEqual(new Map())
  })

  it('should end within SHUTDOWN_TIMEOUT_MS where an auction takes longer, and say what it left', async () => {
    const redis = await bed.own(startRedis())
    const env = { ...database, REDIS_URL: redis.url, SIMULATED_LATENCY_FACTOR: '100', SHUTDOWN_TIMEOUT_MS: '500' }
    const instance = await bed.own(startInstance(env))
    const load = startLoad(instance, { auctions: 5, tmax: 5000 })
    await untilInFlight(instance, 5)

    instance.signal('SIGTERM')
    const stoppedAt = performance.now()

    expect(await instance.exited).toEqual({ code: 0, signal: null })
    // Not as long as the auctions.
    expect(performance.now() - stoppedAt).toBeLessThan(4500)
    expect(await load).toMatchObject({ acknowledged: 0, unanswered: 5 })
    expect(instance.log.at(-1)).toMatchObject({ msg: 'stopped, with work left undone', left: { auctions: 5 } })
  })

  it('should say how many counts it could not commit where Redis is away', async () => {
    const redis = await bed.own(startRedis())
    const env = { ...database, REDIS_URL: redis.url, SIMULATED_LATENCY_FACTOR: '0', SHUTDOWN_TIMEOUT_MS: '1000' }
    const instance = await bed.own(startInstance(env))
    await redis.kill()
    expect(await startLoad(instance, { auctions: 7, tmax: 100 })).toMatchObject({ acknowledged: 7 })
    expect((await instance.readiness()).dependencies['redis.stats']).toMatchObject({ status: 'down', pendingCounts: 7 })

    instance.signal('SIGTERM')

    expect(await instance.exited).toEqual({ code: 1, signal: null })
    expect(instance.log.at(-1)).toMatchObject({
      msg: 'stopped, with work left undone',
      drained: { counts: 7 },
      left: { auctions: 0, counts: 7 },
    })
    const lost = `Redis at ${new URL(redis.url).host} was lost: auctions go on, limits hold per process, counts wait in memory, requests with an idempotency key are refused`
    expect(instance.log.filter(({ msg }) => msg.includes('was lost')).map(({ msg }) => msg)).toEqual([lost])
  })

  it('should say which Redis was lost and is back, and what that means, where there are two', async () => {
    const [limits, stats] = [await bed.own(startRedis()), await bed.own(startRedis())]
    const instance = await bed.own(
      startInstance({ ...database, REDIS_RATE_LIMIT_URL: limits.url, REDIS_STATS_URL: stats.url }),
    )
    const messages = () => instance.log.map(({ msg }) => msg).filter((msg) => msg.startsWith('Redis'))
    const said: string[] = []
    for (const [redis, effect] of [
      [limits, 'limits hold per process'],
      [stats, 'counts wait in memory, requests with an idempotency key are refused'],
    ] as const) {
      const name = `Redis at ${new URL(redis.url).host}`
      await redis.kill()
      said.push(`${name} was lost: auctions go on, ${effect}`)
      await vi.waitFor(() => expect(messages()).toEqual(said))
      await redis.start()
      said.push(`${name} is back`)
      await vi.waitFor(() => expect(messages()).toEqual(said))
    }
  })

  it('should commit what waited where Redis comes back in time', async () => {
    const redis = await bed.own(startRedis({ appendonly: true }))
    const env = { ...database, REDIS_URL: redis.url, SIMULATED_LATENCY_FACTOR: '0' }
    const instance = await bed.own(startInstance(env))
    await redis.kill()
    const { counters } = await startLoad(instance, { auctions: 7, tmax: 100 })

    instance.signal('SIGTERM')
    await vi.waitFor(() => expect(fetch(instance.url)).rejects.toThrow())
    await redis.start()

    expect(await instance.exited).toEqual({ code: 0, signal: null })
    expect(instance.log.at(-1)).toMatchObject({ msg: 'stopped', left: { auctions: 0, counts: 0 } })
    const next = await bed.own(startInstance(env))
    expect(excessOf(await readCounters(next.graphqlUrl), counters)).toEqual(new Map())
  })
})

function startLoad({ graphqlUrl }: Instance, { auctions, tmax }: { readonly auctions: number; readonly tmax: number }) {
  return runLoad({
    targets: [graphqlUrl],
    concurrency: auctions,
    auctions,
    tmax,
    supplyIds: SUPPLY_IDS,
    // Three of its bidders are asked: that all of them answer in time, and an auction ends early, is rare.
    countries: ['US'],
  })
}

async function untilInFlight({ readiness }: Instance, auctions: number): Promise<void> {
  await vi.waitFor(async () => expect((await readiness()).load.auctionsInFlight).toBe(auctions), { interval: 10 })
}
