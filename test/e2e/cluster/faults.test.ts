import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { type Instance, type InstanceEnv, startInstance } from '../../support/instance.ts'
import { type LoadOptions, type LoadResult, runLoad, startLoad } from '../../support/load.ts'
import { startRedis } from '../../support/redis.ts'
import { hasPostgres, hasRedis } from '../../support/services.ts'
import { excessOf, readCounters, watchStats } from '../../support/statistics.ts'
import { startTcpProxy } from '../../support/tcp-proxy.ts'
import {
  COUNTRIES,
  createTestBed,
  expectStatus,
  openPreparedDatabase,
  SUPPLY_IDS,
  untilSettled,
} from '../../support/topology.ts'

/** Shorter than what a commit may keep an auction waiting, longer than what the limiter waits. */
const STANDSTILL_MS = 200
/** Two seconds are promised; the rest is for a busy machine. */
const TRUE_WITHIN_MS = 5_000
/** A Redis that has written to its file what it answered: a kill loses nothing that was acknowledged. */
const DURABLE = { appendonly: true }

describe.skipIf(!(hasPostgres && hasRedis))('two instances under load, through faults', () => {
  const shared = createTestBed()
  const bed = createTestBed()
  let database: InstanceEnv
  beforeAll(async () => {
    database = await openPreparedDatabase(shared)
  })
  afterEach(() => bed.dispose())
  afterAll(() => shared.dispose())

  /** @param otherRedisUrl how the second instance reaches the same Redis, where it is another way */
  async function startTwo(redisUrl: string, otherRedisUrl = redisUrl): Promise<[Instance, Instance]> {
    // Some auctions wait for bidders and some do not, so that any step of one can meet the fault.
    const env = { ...database, SIMULATED_LATENCY_FACTOR: '1.1', LOG_LEVEL: 'warn' }
    const start = (url: string) => bed.own(startInstance({ ...env, REDIS_URL: url }))
    const instances = await Promise.all([start(redisUrl), start(otherRedisUrl)])
    await untilSettled(instances)
    return instances
  }

  it('should count each acknowledged auction once where an instance is killed', async () => {
    const redis = await bed.own(startRedis(DURABLE))
    const [a, b] = await startTwo(redis.url)
    const targets = [a.graphqlUrl, b.graphqlUrl]
    const concurrency = 64

    const load = await runLoad({
      ...LOAD,
      targets,
      concurrency,
      auctions: 20_000,
      onAcknowledged: (total) => {
        if (total !== 10_000) return
        // Redis stands still around the kill, so that auctions wait for their commit: what is not counted yet must not
        // have been acknowledged.
        process.kill(redis.pid(), 'SIGSTOP')
        setTimeout(() => {
          a.signal('SIGKILL')
          targets.shift()
          process.kill(redis.pid(), 'SIGCONT')
        }, STANDSTILL_MS)
      },
    })

    expect(load.errors).toEqual(new Map())
    expect(load.unanswered).toBeGreaterThan(0)
    expect(load.unanswered).toBeLessThanOrEqual(concurrency)
    expect(load.acknowledged + load.unanswered).toBe(20_000)
    await untilSettled([b])
    const excess = excessOf(await readCounters(b.graphqlUrl), load.counters)
    expectInFlightOnly(excess, load.unanswered)
  }, 120_000)

  it('should fail no request where Redis is killed three times, and count each auction once', async () => {
    const redis = await bed.own(startRedis(DURABLE))
    const instances = await startTwo(redis.url)
    const load = startLoad(toAll(instances))
    await load.more(300)

    for (let kill = 1; kill <= 3; kill += 1) {
      await redis.kill()
      await vi.waitFor(() => expectStatus(instances, 'degraded'))
      await load.more(300)
      await redis.start()
      await vi.waitFor(() => expectStatus(instances, 'ready'))
      await load.more(300)
    }

    await expectCountedOnce(instances, await load.stop())
  })

  it('should count each auction once where the connection breaks between a commit and its answer', async () => {
    const redis = await bed.own(startRedis(DURABLE))
    const proxy = await bed.own(startTcpProxy(redis.port))
    const instances = await startTwo(`redis://127.0.0.1:${proxy.port}`)
    const load = startLoad(toAll(instances))
    await load.more(300)

    for (let cut = 1; cut <= 5; cut += 1) {
      await proxy.cutBeforeAnswer('stats-commit:')
      await untilSettled(instances)
      await load.more(100)
    }

    await expectCountedOnce(instances, await load.stop())
  })

  it('should bring subscribers to the true value within 2 s of the return of Redis, on the same connection', async () => {
    const redis = await bed.own(startRedis(DURABLE))
    const instances = await startTwo(redis.url)
    const [a, b] = instances
    const watcher = await bed.own(watchStats(a.graphqlUrl))
    const first = await runLoad({ ...LOAD, targets: [b.graphqlUrl], concurrency: 8, auctions: 100 })
    await vi.waitFor(() => expect(watcher.total()).toBe(100))

    await redis.kill()
    const second = await runLoad({ ...LOAD, targets: [b.graphqlUrl], concurrency: 8, auctions: 100 })
    expect(watcher.total()).toBe(100)
    await redis.start()
    const backAt = performance.now()

    await vi.waitFor(() => expect(watcher.total()).toBe(200), { interval: 10 })
    expect(performance.now() - backAt).toBeLessThan(TRUE_WITHIN_MS)
    expect([first.acknowledged, second.acknowledged]).toEqual([100, 100])
    expect(watcher.ended()).toBeUndefined()
  })

  it('should bring subscribers to the true value where one instance alone had lost Redis', async () => {
    const redis = await bed.own(startRedis())
    const proxy = await bed.own(startTcpProxy(redis.port))
    const [a, b] = await startTwo(`redis://127.0.0.1:${proxy.port}`, redis.url)
    const watcher = await bed.own(watchStats(a.graphqlUrl))
    await vi.waitFor(() => expect(watcher.newest.size).toBe(SUPPLY_IDS.length))

    proxy.close()
    await vi.waitFor(() => expectStatus([a], 'degraded'))
    // What was told of these meanwhile, the first instance has not heard.
    await runLoad({ ...LOAD, targets: [b.graphqlUrl], concurrency: 8, auctions: 100 })
    await untilSettled([b])
    proxy.open()
    const backAt = performance.now()

    await vi.waitFor(() => expect(watcher.total()).toBe(100), { interval: 10 })
    expect(performance.now() - backAt).toBeLessThan(TRUE_WITHIN_MS)
    expect(watcher.ended()).toBeUndefined()
  })
})

const LOAD = { supplyIds: SUPPLY_IDS, countries: COUNTRIES, tmax: 20 } satisfies Partial<LoadOptions>

function toAll(instances: readonly Instance[]) {
  return { ...LOAD, targets: instances.map(({ graphqlUrl }) => graphqlUrl), concurrency: 32 }
}

async function expectCountedOnce(instances: readonly Instance[], load: LoadResult): Promise<void> {
  expect(load).toMatchObject({ errors: new Map(), unanswered: 0 })
  await untilSettled(instances)
  for (const { graphqlUrl } of instances) {
    expect(excessOf(await readCounters(graphqlUrl), load.counters)).toEqual(new Map())
  }
}

/** What was counted beyond the acknowledged belongs to so many auctions at most, each of one supply and country. */
function expectInFlightOnly(excess: ReadonlyMap<string, number>, inFlight: number): void {
  let auctions = 0
  for (const [name, count] of excess) {
    expect(count, name).toBeGreaterThan(0)
    const [, what, detail] = name.split(' ')
    if (what === 'total') auctions += count
    // A price is a dollar at most.
    expect(count, name).toBeLessThanOrEqual(detail === 'revenue' ? 1e6 * inFlight : inFlight)
  }
  expect(auctions).toBeLessThanOrEqual(inFlight)
}
