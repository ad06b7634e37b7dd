import { afterEach, describe, expect, it, vi } from 'vitest'
import { execute } from '../support/graphql.ts'
import { type Instance, startInstance } from '../support/instance.ts'
import { nextAddress, type RunningLoad, startLoad } from '../support/load.ts'
import { type PostgresServer, startPostgres } from '../support/postgres-server.ts'
import { startRedis } from '../support/redis.ts'
import { hasPostgres, hasRedis } from '../support/services.ts'
import {
  COUNTRIES,
  createDatabase,
  createTestBed,
  DATA,
  expectStatus,
  loadData,
  prepareDatabase,
  SUPPLY_IDS,
  untilSettled,
} from '../support/topology.ts'

const OUTAGE_MS = 10_000
const BASELINE_MS = 5_000
const FAULTS = {
  'crashes and is away': {
    begin: (server: PostgresServer) => server.stop(),
    end: (server: PostgresServer) => server.start(),
  },
  'falls silent with its connections open': {
    begin: (server: PostgresServer) => server.freeze(),
    end: async (server: PostgresServer) => server.thaw(),
  },
}

describe.skipIf(!(hasPostgres && hasRedis))('two instances under load, where PostgreSQL', () => {
  const bed = createTestBed()
  afterEach(() => bed.dispose())

  async function open() {
    const postgres = await bed.own(startPostgres())
    const redis = await bed.own(startRedis())
    const env = { DATABASE_URL: await createDatabase(postgres), REDIS_URL: redis.url, LOG_LEVEL: 'warn' }
    await prepareDatabase(env.DATABASE_URL)
    const instances = await Promise.all([bed.own(startInstance(env)), bed.own(startInstance(env))])
    await untilSettled(instances)
    return { postgres, env, instances }
  }

  it.each(Object.entries(FAULTS))('%s for 10 s, should go on at the same rate', async (_name, fault) => {
    const { postgres, env, instances } = await open()
    const targets = instances.map(({ graphqlUrl }) => graphqlUrl)
    const load = startLoad({ targets, concurrency: 32, supplyIds: SUPPLY_IDS, countries: COUNTRIES })
    const before = await rateOver(load, BASELINE_MS)

    await fault.begin(postgres)
    const during = rateOver(load, OUTAGE_MS)
    await vi.waitFor(() => expectStatus(instances, 'degraded'))
    // As often as the outage lasts.
    let isOver = false
    void during.then(() => {
      isOver = true
    })
    let asked = 0
    while (!isOver) {
      for (const instance of instances) await expectUnavailable(instance)
      asked += 1
    }
    expect(asked).toBeGreaterThan(1)
    await fault.end(postgres)
    await vi.waitFor(() => expectStatus(instances, 'ready'))
    // What else the machine does may have begun meanwhile.
    const after = await rateOver(load, BASELINE_MS)
    const result = await load.stop()

    console.log(
      `auctions per second: ${before.toFixed(0)} before, ${(await during).toFixed(0)} during the outage, ${after.toFixed(0)} after`,
    )
    expect(await during).toBeGreaterThan(Math.min(before, after) * 0.8)
    expect(result).toMatchObject({ errors: new Map(), unanswered: 0 })
    // All is well again, changes of the catalogue included.
    for (const { graphqlUrl } of instances) {
      expect((await execute(graphqlUrl, SUPPLIES)).data).toEqual({ supplies: { totalCount: SUPPLY_IDS.length } })
    }
    await loadData(env, { ...DATA, supplies: { ...DATA.supplies, travel: ['acme'] } })
    for (const instance of instances) {
      await vi.waitFor(async () => expect(await sellTravel(instance)).not.toBe('SupplyNotFoundError'))
    }
  })

  it('falls silent, should still end in time when told to stop', async () => {
    const { postgres, instances } = await open()
    await postgres.freeze()

    for (const instance of instances) instance.signal('SIGTERM')
    const stoppedAt = performance.now()

    for (const { exited } of instances) expect(await exited).toEqual({ code: 0, signal: null })
    expect(performance.now() - stoppedAt).toBeLessThan(20_000)
  })
})

const SUPPLIES = '{ supplies { totalCount } }'

/** Auctions answered per second in the next so many milliseconds. */
async function rateOver({ acknowledged }: RunningLoad, durationMs: number): Promise<number> {
  const from = { acknowledged: acknowledged(), at: performance.now() }
  await vi.waitFor(() => expect(performance.now()).toBeGreaterThan(from.at + durationMs), { timeout: 2 * durationMs })
  return ((acknowledged() - from.acknowledged) / (performance.now() - from.at)) * 1000
}

/** A query that needs the database: a coded error in 2 s, and not a hang. */
async function expectUnavailable({ graphqlUrl }: Instance): Promise<void> {
  const askedAt = performance.now()
  const { errors } = await execute(graphqlUrl, SUPPLIES)
  // Two seconds are promised; the rest is for a busy machine.
  expect(performance.now() - askedAt).toBeLessThan(4000)
  expect(errors?.map(({ extensions }) => extensions?.code)).toEqual(['DATABASE_UNAVAILABLE'])
}

async function sellTravel({ graphqlUrl }: Instance): Promise<string | undefined> {
  const query = `mutation ($ip: IPAddress!) {
    runAuction(input: { supplyId: "travel", ip: $ip, country: "US" }) { __typename }
  }`
  const { data } = await execute<{ runAuction: { __typename: string } }>(graphqlUrl, query, { ip: nextAddress() })
  return data?.runAuction.__typename
}
