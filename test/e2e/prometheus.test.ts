import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { parse } from 'yaml'
import { execute } from '../support/graphql.ts'
import { startHttpBidder } from '../support/http-bidder.ts'
import { type Instance, startInstance } from '../support/instance.ts'
import { linesOf, namesOf, scrape } from '../support/metrics.ts'
import { startPostgres } from '../support/postgres-server.ts'
import { PROMETHEUS_FOLDER, startPrometheus } from '../support/prometheus.ts'
import { type RedisServer, startRedis } from '../support/redis.ts'
import { hasPostgres, hasPrometheus, hasRedis } from '../support/services.ts'
import { createDatabase, createTestBed, DATA, prepareDatabase } from '../support/topology.ts'

const ROOT = new URL('../../', import.meta.url)
const RUN = `mutation ($ip: IPAddress!) {
  runAuction(input: { supplyId: "news", ip: $ip, country: "US", tmax: 500 }) { __typename }
}`
const AUCTIONS = 20
/** Twice what it waits for stores, and time for a busy machine; a Redis that hangs is given up after some 3 s. */
const ANSWERED_MS = 2500

interface Dashboard {
  readonly panels: readonly {
    readonly title: string
    readonly datasource?: { readonly uid: string }
    readonly targets?: readonly { readonly expr: string }[]
  }[]
}

interface Rules {
  readonly groups: readonly { readonly rules: readonly { readonly alert: string; readonly expr: string }[] }[]
}

describe('deploy/', async () => {
  const dashboard = JSON.parse(await text('deploy/grafana/dashboards/auctions.json')) as Dashboard
  const { groups } = parse(await text('deploy/prometheus/alerts.yml')) as Rules
  const rules = groups.flatMap((group) => group.rules)
  const queries = dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr))

  it.skipIf(!hasPrometheus)(
    'should have rules that promtool finds to tell what they should, and files that it takes',
    () => {
      for (const args of [
        ['test', 'rules', 'alerts.test.yml'],
        ['check', 'config', 'prometheus.yml'],
      ]) {
        const { status, stdout, stderr } = spawnSync('promtool', args, { cwd: PROMETHEUS_FOLDER, encoding: 'utf8' })
        expect(status, `${stdout}${stderr}`).toBe(0)
      }
    },
  )

  it('should try each rule, and have it told of in the README', async () => {
    const [tests, readme] = [await text('deploy/prometheus/alerts.test.yml'), await text('README.md')]
    for (const { alert } of rules) {
      expect(tests, `${alert} is not seen to be told`).toMatch(new RegExp(`alertname: ${alert}\\n\\s+exp_alerts:`))
      expect(tests, `${alert} is not seen to be quiet`).toMatch(new RegExp(`alertname: ${alert} }`))
      expect(readme).toContain(`\`${alert}\``)
    }
  })

  it('should start a Prometheus that asks both instances, and a Grafana that asks it', async () => {
    const { services } = parse(await text('docker-compose.yml'), { merge: true })
    const { scrape_configs } = parse(await text('deploy/prometheus/prometheus.yml'))
    const port = services.app1.environment.METRICS_PORT
    expect(port).toBe(9464)
    expect(scrape_configs[0].static_configs[0].targets).toEqual([`app1:${port}`, `app2:${port}`])
    const datasources = parse(await text('deploy/grafana/provisioning/datasources/prometheus.yml')).datasources
    expect(datasources[0].url).toBe('http://prometheus:9090')
    const uids = dashboard.panels.flatMap(({ datasource }) => (datasource ? [datasource.uid] : []))
    expect(new Set(uids)).toEqual(new Set([datasources[0].uid]))
    const [provider] = parse(await text('deploy/grafana/provisioning/dashboards/auctions.yml')).providers
    expect(services.grafana.volumes).toContain(`./deploy/grafana/dashboards:${provider.options.path}:ro`)
    for (const name of ['prometheus', 'grafana']) {
      const { profiles, ports, volumes } = services[name]
      expect(profiles).toEqual(['observability'])
      expect(ports[0]).toMatch(/^127\.0\.0\.1:/)
      const mounted = volumes.map((volume: string) => volume.split(':')[0] ?? '')
      for (const path of mounted)
        if (path.startsWith('.')) expect(existsSync(fileURLToPath(new URL(path, ROOT))), path).toBe(true)
    }
  })

  describe.skipIf(!(hasPostgres && hasRedis))('beside a service', () => {
    const bed = createTestBed()
    let redis: RedisServer
    let instance: Instance
    beforeAll(async () => {
      redis = await bed.own(startRedis())
      const [postgres, bidder] = await Promise.all([bed.own(startPostgres()), bed.own(startHttpBidder('bids'))])
      const databaseUrl = await createDatabase(postgres)
      const { supplies, bidders } = DATA
      await prepareDatabase(databaseUrl, {
        supplies: { ...supplies, news: ['acme', 'over-http'] },
        bidders: { ...bidders, 'over-http': { country: 'US', endpoint: bidder.endpoint } },
      })
      instance = await bed.own(
        startInstance({
          DATABASE_URL: databaseUrl,
          REDIS_URL: redis.url,
          SIMULATED_LATENCY_FACTOR: '0',
          LOG_LEVEL: 'warn',
        }),
      )
      for (let number = 0; number < AUCTIONS; number++)
        await execute(instance.graphqlUrl, RUN, { ip: `203.0.113.${number}` })
    })
    afterAll(() => bed.dispose())

    it('should name no metric that the service does not tell of', async () => {
      await vi.waitFor(async () =>
        expect(namesOf(await scrape(`${instance.url}/metrics`))).toContain('nodejs_gc_duration_seconds_sum'),
      )
      const told = namesOf(await scrape(`${instance.url}/metrics`))
      const named = [...queries, ...rules.map(({ expr }) => expr)].flatMap((expression) => metricsIn(expression))
      expect(named.length).toBeGreaterThan(50)
      expect(named.filter((name) => !told.has(name))).toEqual([])
    })

    it('should tell of commits in Redis, of the log and of who let requests pass', async () => {
      const scraped = await vi.waitFor(async () => {
        const newest = await scrape(`${instance.url}/metrics`)
        expect(newest.get('auction_commit_auctions_sum')).toBe(AUCTIONS)
        return newest
      })
      expect(scraped.get('auction_commit_duration_seconds_count')).toBe(scraped.get('auction_commit_auctions_count'))
      expect(linesOf(scraped, 'auction_redis_up')).toEqual({ 'purpose="rate_limit"': 1, 'purpose="stats"': 1 })
      // On a busy machine Redis may have been slow now and then.
      const byRedis = scraped.get('auction_rate_limit_decisions_total{source="redis",result="allowed"}') ?? 0
      const alone = scraped.get('auction_rate_limit_decisions_total{source="fallback",result="allowed"}') ?? 0
      expect(byRedis).toBeGreaterThan(0)
      expect(byRedis + alone).toBe(AUCTIONS)
      expect(scraped.get('auction_log_backlog_bytes_max')).toBe(2 ** 28)
    })

    it('should answer while Redis does not, with what it said before', async () => {
      const before = await scrape(`${instance.url}/metrics`)
      process.kill(redis.pid(), 'SIGSTOP')
      try {
        const startedAt = performance.now()
        const scraped = await scrape(`${instance.url}/metrics`)
        expect(performance.now() - startedAt).toBeLessThan(ANSWERED_MS)
        for (const name of namesOf(before)) expect(namesOf(scraped)).toContain(name)
      } finally {
        process.kill(redis.pid(), 'SIGCONT')
      }
    })

    it.skipIf(!hasPrometheus)(
      'should be read by Prometheus, with every rule and every query of the dashboard',
      async () => {
        const { host } = new URL(instance.url)
        const prometheus = await bed.own(startPrometheus([host]))
        const expected = { '{}': AUCTIONS }
        await vi.waitFor(async () => expect(await prometheus.query('sum(auction_auctions_total)')).toEqual(expected), {
          interval: 100,
        })
        const { activeTargets } = await prometheus.api<{ activeTargets: unknown[] }>('targets')
        expect(activeTargets).toMatchObject([
          { health: 'up', lastError: '', labels: { job: 'auction', instance: host } },
        ])
        expect(await prometheus.query('up')).toEqual({
          [JSON.stringify({ __name__: 'up', instance: host, job: 'auction' })]: 1,
        })

        await vi.waitFor(async () => {
          const loaded = await prometheus.api<{ groups: { rules: { name: string; health: string }[] }[] }>('rules')
          const health = loaded.groups.flatMap((group) => group.rules.map(({ name, health }) => [name, health]))
          expect(health).toEqual(rules.map(({ alert }) => [alert, 'ok']))
        })
        for (const query of queries) {
          await prometheus.query(query.replaceAll('$instance', '.*').replaceAll('$__rate_interval', '1m'))
        }
      },
    )
  })
})

/** The metrics that an expression names: what is no label, function or word of the language. */
function metricsIn(expression: string): string[] {
  const withoutLabels = expression.replaceAll(/\{[^}]*\}|\bby \([^)]*\)/g, '')
  return withoutLabels.match(/\b(?:auction|nodejs|process)_\w+/g) ?? []
}

function text(path: string): Promise<string> {
  return readFile(new URL(path, ROOT), 'utf8')
}
