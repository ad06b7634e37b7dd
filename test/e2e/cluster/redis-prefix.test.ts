import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { execute } from '../../support/graphql.ts'
import {
  type Instance,
  type InstanceEnv,
  runAuctionCommand,
  startInstance,
  startWorker,
} from '../../support/instance.ts'
import { query } from '../../support/postgres.ts'
import { type PostgresServer, startPostgres } from '../../support/postgres-server.ts'
import { type RedisServer, startRedis, startRedisCluster } from '../../support/redis.ts'
import { hasPostgres, hasRedis } from '../../support/services.ts'
import { readCounters, watchStats } from '../../support/statistics.ts'
import { createDatabase, createTestBed, prepareDatabase, SUPPLY_IDS } from '../../support/topology.ts'

const RUN_AUCTION = `mutation ($input: RunAuctionInput!) { runAuction(input: $input) { ... on Auction { id } } }`
const INPUT = { supplyId: 'news', ip: '203.0.113.7', country: 'US' }
const KEYED = { ...INPUT, idempotencyKey: 'the same' }
const PREFIXES = ['exchange-a:', 'exchange-b/'] as const
const OF_EVERY_SERVICE = ['auction-log', 'rate-limit', 'sold-once', 'stats-commit', 'stats-supply-ids']

const TOPOLOGIES = {
  'one Redis': { open: openOne, env: {}, kinds: ['stats'] },
  'one cluster': { open: startRedisCluster, env: { RETENTION_HOT_HOURS: '24' }, kinds: ['window-stats', 'hour'] },
}

describe.runIf(hasPostgres && hasRedis)('two services, each with a prefix of its own', () => {
  const shared = createTestBed()
  let postgres: PostgresServer
  let template: string
  beforeAll(async () => {
    postgres = await shared.own(startPostgres())
    template = await createDatabase(postgres)
    await prepareDatabase(template)
  })
  afterAll(() => shared.dispose())

  describe.each(Object.entries(TOPOLOGIES))('on %s', (_name, { open, env, kinds }) => {
    const bed = createTestBed()
    let nodes: readonly RedisServer[]
    let envs: InstanceEnv[]
    let a: Instance
    let b: Instance

    beforeAll(async () => {
      const redis = await bed.own(open())
      nodes = redis.nodes
      envs = []
      for (const prefix of PREFIXES) {
        const settings = {
          REDIS_URL: redis.url,
          REDIS_PREFIX: prefix,
          SIMULATED_LATENCY_FACTOR: '0',
          NO_BID_PROBABILITY: '0',
        }
        envs.push({ ...settings, ...env, DATABASE_URL: await createDatabase(postgres, template) })
      }
      ;[a, b] = (await Promise.all([
        // The log of one is brought into its database by a worker, that of the other by itself.
        bed.own(startInstance({ ...envs[0], WORKER: 'off' })),
        bed.own(startInstance({ ...envs[1] })),
      ])) as [Instance, Instance]
      await bed.own(startWorker(envs[0] ?? {}))
    })
    afterAll(() => bed.dispose())

    it('should share neither limit nor answers, statistics, live updates and log', async () => {
      const watcher = await bed.own(watchStats(b.graphqlUrl))
      await vi.waitFor(() => expect(watcher.newest.size).toBe(SUPPLY_IDS.length))

      const sold = await run(a, KEYED)
      await run(a, INPUT)
      await run(a, INPUT)
      expect(await run(a, INPUT)).toBe('RATE_LIMITED')
      expect(await run(a, KEYED)).toBe(sold)
      const other = await run(b, KEYED)

      expect(other).toMatch(/^[0-9a-f-]{36}$/)
      expect(other).not.toBe(sold)
      expect((await readCounters(a.graphqlUrl)).get('news total')).toBe(3)
      expect((await readCounters(b.graphqlUrl)).get('news total')).toBe(1)
      await vi.waitFor(() => expect(watcher.total()).toBe(1))
      await Promise.all([expectLogged(envs[0], 3), expectLogged(envs[1], 1)])
    })

    it('should begin the name of every key and channel with it', async () => {
      await bed.own(watchStats(a.graphqlUrl))
      await vi.waitFor(async () =>
        expect((await onEachNode('pubsub', 'channels')).sort()).toEqual(
          PREFIXES.map((prefix) => `${prefix}stats-changed`),
        ),
      )
      const keys = await onEachNode('keys', '*')
      for (const prefix of PREFIXES) {
        const own = keys.filter((key) => key.startsWith(prefix)).map((key) => key.slice(prefix.length).split(':')[0])
        expect([...new Set(own)].sort()).toEqual([...OF_EVERY_SERVICE, ...kinds].sort())
      }
      expect(keys.filter((key) => !PREFIXES.some((prefix) => key.startsWith(prefix)))).toEqual([])
    })

    /** The id of the auction, or the error's code. */
    async function run({ graphqlUrl }: Instance, input: object): Promise<unknown> {
      const { data, errors } = await execute<{ runAuction: { id: string } }>(graphqlUrl, RUN_AUCTION, { input })
      return errors?.[0]?.extensions?.code ?? data?.runAuction.id
    }

    async function onEachNode(...command: readonly [string, string]): Promise<string[]> {
      return (await Promise.all(nodes.map((node) => node.command(...command)))).flat() as string[]
    }
  })
})

/** The counters of one service, and the log that was brought into its database, are those of so many auctions. */
async function expectLogged(env: InstanceEnv | undefined, rows: number): Promise<void> {
  expect(await runAuctionCommand(['reconcile'], env ?? {})).toContain('agree')
  expect(await query(env?.DATABASE_URL ?? '', 'SELECT count(*)::int AS rows FROM auction_log')).toEqual([{ rows }])
}

async function openOne() {
  const redis = await startRedis()
  return { url: redis.url, nodes: [redis], dispose: redis.dispose }
}
