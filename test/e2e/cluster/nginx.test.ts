import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { execute, subscribeOverSse } from '../../support/graphql.ts'
import { type InstanceEnv, startInstance } from '../../support/instance.ts'
import { nextAddress, runLoad, startLoad } from '../../support/load.ts'
import { startNginx } from '../../support/nginx.ts'
import { startRedis } from '../../support/redis.ts'
import { hasNginx, hasPostgres, hasRedis } from '../../support/services.ts'
import { watchStats } from '../../support/statistics.ts'
import { COUNTRIES, createTestBed, openPreparedDatabase, SUPPLY_IDS } from '../../support/topology.ts'

const RUN_AUCTION = `mutation ($ip: IPAddress!) {
  runAuction(input: { supplyId: "news", ip: $ip, country: "US" }) { __typename }
}`

describe.skipIf(!(hasNginx && hasPostgres && hasRedis))(
  'two instances behind nginx, as docker-compose.yml has them',
  () => {
    const shared = createTestBed()
    const bed = createTestBed()
    let env: InstanceEnv
    beforeAll(async () => {
      const redis = await shared.own(startRedis({ appendonly: true }))
      env = {
        ...(await openPreparedDatabase(shared)),
        REDIS_URL: redis.url,
        SIMULATED_LATENCY_FACTOR: '0',
        NO_BID_PROBABILITY: '0',
      }
    })
    afterEach(() => bed.dispose())
    afterAll(() => shared.dispose())

    async function openTopology() {
      const [a, b] = await Promise.all([bed.own(startInstance(env)), bed.own(startInstance(env))])
      const nginx = await bed.own(startNginx({ upstreams: [`127.0.0.1:${a.port}`, `127.0.0.1:${b.port}`] }))
      return { a, b, nginx, graphqlUrl: `${nginx.url}/graphql` }
    }

    it('should answer auctions, GraphiQL and health, and spread the load over both', async () => {
      const { a, b, nginx, graphqlUrl } = await openTopology()

      const { data } = await execute(graphqlUrl, RUN_AUCTION, { ip: nextAddress() })
      expect(data).toEqual({ runAuction: { __typename: 'Auction' } })

      const page = await fetch(graphqlUrl, { headers: { accept: 'text/html' } })
      expect(page.status).toBe(200)
      expect(await page.text()).toContain('GraphiQL')
      const ready = await fetch(`${nginx.url}/readyz`)
      expect(await ready.json()).toMatchObject({ status: 'ready' })
      expect((await fetch(`${nginx.url}/metrics`)).status).toBe(404)
      expect((await fetch(`${a.url}/metrics`)).status).toBe(200)

      const load = { targets: [graphqlUrl], concurrency: 8, auctions: 200, supplyIds: SUPPLY_IDS, countries: COUNTRIES }
      expect(await runLoad(load)).toMatchObject({ acknowledged: 200, unanswered: 0 })
      for (const { log } of [a, b]) {
        await vi.waitFor(() => expect(log.filter(({ msg }) => msg === 'auction').length).toBeGreaterThan(20))
      }
    })

    it('should carry subscriptions over WebSocket and over server-sent events', async () => {
      const { graphqlUrl } = await openTopology()
      const watcher = await bed.own(watchStats(graphqlUrl))
      const events = await bed.own(readEvents(graphqlUrl))
      await vi.waitFor(() => expect(watcher.newest.size).toBe(SUPPLY_IDS.length))
      const before = watcher.newest.get('news')?.totalRequests ?? 0

      await execute(graphqlUrl, RUN_AUCTION, { ip: nextAddress() })

      await vi.waitFor(() => expect(watcher.newest.get('news')?.totalRequests).toBe(before + 1))
      await vi.waitFor(() => expect(events.newest()).toEqual({ supplyId: 'news', totalRequests: before + 1 }))
    })

    it('should go on without a failed request when an instance is told to stop, and when it is back', async () => {
      const { a, b, graphqlUrl } = await openTopology()
      const load = startLoad({ targets: [graphqlUrl], concurrency: 8, supplyIds: SUPPLY_IDS, countries: COUNTRIES })

      await load.more(100)
      a.signal('SIGTERM')
      expect(await a.exited).toEqual({ code: 0, signal: null })
      await load.more(100)
      const served = b.log.length
      await bed.own(startInstance(env, { port: a.port }))
      await load.more(100)

      expect(served).toBeGreaterThan(0)
      expect(await load.stop()).toMatchObject({ errors: new Map(), unanswered: 0 })
    })
  },
)

/** Subscribes to a supply's statistics over server-sent events. */
async function readEvents(graphqlUrl: string): Promise<{ newest(): unknown; dispose(): Promise<void> }> {
  const query = 'subscription { statsUpdated(supplyIds: ["news"]) { supplyId totalRequests } }'
  const controller = new AbortController()
  let newest: unknown
  const read = async () => {
    for await (const { data } of subscribeOverSse(graphqlUrl, query, { signal: controller.signal })) {
      newest = data?.statsUpdated
    }
  }
  const done = read().catch(() => {})
  return {
    newest: () => newest,
    dispose: async () => {
      controller.abort()
      await done
    },
  }
}
