import { afterEach, describe, expect, it, vi } from 'vitest'
import { type Instance, runAuctionCommand, startInstance, startWorker } from '../support/instance.ts'
import { type RunningLoad, startLoad } from '../support/load.ts'
import { query } from '../support/postgres.ts'
import { startPostgres } from '../support/postgres-server.ts'
import { type RedisServer, startRedis, startRedisCluster } from '../support/redis.ts'
import { hasPostgres, hasRedis } from '../support/services.ts'
import {
  COUNTRIES,
  createDatabase,
  createTestBed,
  DATA,
  prepareDatabase,
  SUPPLY_IDS,
  untilSettled,
} from '../support/topology.ts'

const KILLS = 20
const NODE_KILLS = 9
/** CHAOS_OUTAGE_MS=60000 takes 40 s longer. */
const OUTAGE_MS = Number(process.env.CHAOS_OUTAGE_MS ?? 20_000)
const AGREES = 'Counters, the auction log and the statistics of hours agree.\n'

describe.skipIf(!(hasPostgres && hasRedis))('the auction log of two instances and two workers under load', () => {
  const bed = createTestBed()
  afterEach(() => bed.dispose())

  async function open({ url }: { readonly url: string }, supplyIds: readonly string[] = SUPPLY_IDS) {
    const postgres = await bed.own(startPostgres())
    const env = {
      DATABASE_URL: await createDatabase(postgres),
      REDIS_URL: url,
      LOG_LEVEL: 'warn',
      WORKER: 'off',
      SIMULATED_LATENCY_FACTOR: '1.1',
    }
    const bidderIds = Object.keys(DATA.bidders)
    await prepareDatabase(env.DATABASE_URL, {
      ...DATA,
      supplies: Object.fromEntries(supplyIds.map((id) => [id, bidderIds])),
    })
    const instances = [await startInstance(env), await startInstance(env)]
    const workers = [startWorker(env), startWorker(env)]
    bed.own({ dispose: () => Promise.all([...instances, ...workers].map((process) => process.dispose())) })
    await untilSettled(instances)
    const targets = instances.map(({ graphqlUrl }) => graphqlUrl)
    const load = startLoad({ targets, concurrency: 32, supplyIds, countries: COUNTRIES })
    return { postgres, env, instances, workers, load }
  }

  const startDurable = () => bed.own(startRedis({ appendonly: true }))

  async function expectAgreement(env: Record<string, string>, instances: readonly Instance[], load: RunningLoad) {
    const { acknowledged, unanswered, errors } = await load.stop()
    expect(errors).toEqual(new Map())
    await untilSettled(instances, 30_000)
    expect(await runAuctionCommand(['reconcile'], env)).toBe(AGREES)
    const [row] = await query(
      env.DATABASE_URL ?? '',
      'SELECT count(*)::int AS rows, count(DISTINCT id)::int AS ids FROM auction_log',
    )
    const { rows, ids } = row as { rows: number; ids: number }
    expect(ids).toBe(rows)
    expect(rows).toBeGreaterThanOrEqual(acknowledged)
    expect(rows).toBeLessThanOrEqual(acknowledged + unanswered)
    console.log(`${acknowledged} auctions acknowledged, ${unanswered} without an answer, ${rows} in the log`)
  }

  it(`should agree with the counters after ${KILLS} kills of instances and workers at whatever moment`, async () => {
    const { env, instances, workers, load } = await open(await startDurable())
    for (let kill = 0; kill < KILLS; kill += 1) {
      await load.more(Math.ceil(Math.random() * 500))
      if (kill % 2 === 0) {
        const index = Math.round(Math.random())
        await workers[index]?.kill()
        workers[index] = startWorker(env)
      } else {
        const index = Math.round(Math.random())
        const killed = instances[index] as Instance
        await killed.dispose()
        instances[index] = await startInstance(env, { port: killed.port })
      }
    }
    await expectAgreement(env, instances, load)
  })

  it('should agree with the counters after PostgreSQL was away for a while, and Redis killed three times', async () => {
    const redis = await startDurable()
    const { postgres, env, instances, load } = await open(redis)
    await load.more(500)
    await postgres.stop()
    const endsAt = performance.now() + OUTAGE_MS
    for (let kill = 0; kill < 3; kill += 1) {
      await load.more(500)
      await redis.kill()
      await load.more(500)
      await redis.start()
    }
    while (performance.now() < endsAt) await load.more(100)
    await postgres.start()
    await vi.waitFor(async () =>
      expect((await instances[0]?.readiness())?.dependencies.auctionLog).toMatchObject({ status: 'up' }),
    )
    await expectAgreement(env, instances, load)
  })

  it(`should agree with the counters of a cluster after ${NODE_KILLS} kills of nodes and workers`, async () => {
    const cluster = await bed.own(startRedisCluster())
    // So many that each of the streams has some.
    const supplyIds = Array.from({ length: 64 }, (_, index) => `supply${index}`)
    const { env, instances, workers, load } = await open(cluster, supplyIds)
    for (let kill = 0; kill < NODE_KILLS; kill += 1) {
      await load.more(Math.ceil(Math.random() * 500))
      const node = cluster.nodes[kill % cluster.nodes.length] as RedisServer
      await node.kill()
      await load.more(Math.ceil(Math.random() * 500))
      await workers[kill % 2]?.kill()
      workers[kill % 2] = startWorker(env)
      await node.start()
      await vi.waitFor(async () => expect((await instances[0]?.readiness())?.status).toBe('ready'), { timeout: 30_000 })
    }
    await expectAgreement(env, instances, load)
  })
})
