import { once } from 'node:events'
import { connect } from 'node:net'
import type { Client } from 'graphql-ws'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { SMALL_CATALOG, startApp, type TestApp } from '../support/app.ts'
import { freePort } from '../support/free-port.ts'
import { execute, executeOverWebSocket, openWebSocket, send } from '../support/graphql.ts'
import { type HttpBidder, startHttpBidder } from '../support/http-bidder.ts'
import { linesOf, scrape } from '../support/metrics.ts'
import { readCounters } from '../support/statistics.ts'

const RUN = `mutation ($supplyId: ID!, $ip: IPAddress!, $key: String) {
  runAuction(input: { supplyId: $supplyId, ip: $ip, country: "US", idempotencyKey: $key }) { __typename }
}`
const json = { 'content-type': 'application/json' }

let bidder: HttpBidder
let app: TestApp
let webSocket: Client
beforeAll(async () => {
  bidder = await startHttpBidder('bids')
  const { supplies, bidders } = SMALL_CATALOG
  app = await startApp({
    catalog: {
      supplies: { ...supplies, direct: ['over-http', 'acme'] },
      bidders: { ...bidders, 'over-http': { country: 'US', endpoint: bidder.endpoint } },
    },
  })
  webSocket = openWebSocket(app.graphql)
})
afterAll(async () => {
  await webSocket?.dispose()
  await app?.dispose()
  await bidder?.dispose()
})

let addresses = 0
const nextAddress = () => `203.0.113.${++addresses}`
const read = () => scrape(app.metricsUrl ?? '')
const run = (supplyId: string, ip = nextAddress(), key?: string) => execute(app.graphql, RUN, { supplyId, ip, key })

/** What has been added under a name, by labels, without what has not changed. */
async function addedBy(act: () => Promise<unknown>, name: string): Promise<Record<string, number>> {
  const before = linesOf(await read(), name)
  await act()
  const differences = Object.entries(linesOf(await read(), name)).map(
    ([labels, value]) => [labels, value - (before[labels] ?? 0)] as const,
  )
  return Object.fromEntries(differences.filter(([, difference]) => difference !== 0))
}

describe('/metrics', () => {
  it('should answer in Prometheus’s text format', async () => {
    const answer = await send(app.metricsUrl ?? '', { method: 'GET' })
    expect(answer.status).toBe(200)
    expect(answer.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8')
    expect(answer.text).toMatch(
      /^# HELP auction_auctions_total .+\n# TYPE auction_auctions_total counter\nauction_auctions_total\{outcome="sold"\} \d+$/m,
    )
    expect(answer.text).toMatch(/^process_cpu_seconds_total [\d.]+$/m)
    expect(answer.text).not.toContain('nodejs_active_handles')
    expect((await send(app.metricsUrl ?? '', { method: 'HEAD' })).status).toBe(200)
    expect((await send(app.metricsUrl ?? '', { method: 'POST' })).status).toBe(404)
  })

  it('should count how each request for an auction ended', async () => {
    const act = async () => {
      const ip = nextAddress()
      for (let time = 0; time < 4; time++) await run('lonely', ip)
      await run('nowhere')
      await run('nowhere', nextAddress(), 'a-key')
      for (let time = 0; time < 10; time++) await run('supply4')
    }
    const before = await read()
    const {
      'outcome="sold"': sold = 0,
      'outcome="no_bids"': noBids = 0,
      ...rest
    } = await addedBy(act, 'auction_auctions_total')
    expect(rest).toEqual({
      'outcome="no_eligible_bidders"': 3,
      'outcome="rate_limited"': 1,
      'outcome="supply_not_found"': 2,
    })
    expect(sold + noBids).toBe(10)
    const after = await read()
    const moreOf = (name: string) => (after.get(name) ?? 0) - (before.get(name) ?? 0)
    expect(moreOf('auction_duration_seconds_count')).toBe(10)
    expect(moreOf('auction_own_overhead_seconds_count')).toBeGreaterThanOrEqual(10)
    expect(moreOf('auction_rate_limit_decisions_total{source="local",result="allowed"}')).toBe(13)
    expect(moreOf('auction_rate_limit_decisions_total{source="local",result="refused"}')).toBe(1)
  })

  it('should count an answer that an idempotency key gets again once', async () => {
    const ip = nextAddress()
    const added = await addedBy(async () => {
      await run('lonely', ip, 'again')
      await run('lonely', ip, 'again')
    }, 'auction_auctions_total')
    expect(added).toEqual({ 'outcome="no_eligible_bidders"': 1 })
  })

  it('should count bidders’ answers as the statistics do, and how long those took that came in time', async () => {
    for (let time = 0; time < 20; time++) await run('direct')
    const scraped = await read()
    const expected: Record<string, number> = {}
    for (const [name, count] of await readCounters(app.graphql)) {
      const [, of, outcome] = name.split(' ')
      if (!outcome || !/^[A-Z_]+$/.test(outcome) || of === 'country') continue
      const labels = `bidder="${of}",outcome="${outcome.toLowerCase()}"`
      expected[labels] = (expected[labels] ?? 0) + count
    }
    const answers = Object.entries(linesOf(scraped, 'auction_bidder_answers_total')).filter(([, count]) => count > 0)
    expect(Object.fromEntries(answers)).toEqual(expected)
    expect(Object.keys(expected).join()).toContain('over-http')
    // Where the machine is busy one may be late, or have no time left to be asked.
    const countOf = (outcome: string) => expected[`bidder="over-http",outcome="${outcome}"`] ?? 0
    const inTime = 20 - countOf('timed_out') - countOf('skipped')
    expect(scraped.get('auction_bidder_latency_seconds_count{bidder="over-http"}')).toBe(inTime)
    expect(scraped.get('auction_bidder_latency_seconds_bucket{bidder="over-http",le="+Inf"}')).toBe(inTime)
    expect(scraped.get('auction_bidder_latency_seconds_sum{bidder="over-http"}')).toBeGreaterThan(0)
    expect(scraped.get('auction_bidder_circuit_state{bidder="over-http"}')).toBe(0)
    expect(linesOf(scraped, 'auction_bidder_circuits')).toEqual({
      'state="closed"': 1,
      'state="half_open"': 0,
      'state="open"': 0,
    })
  })

  it('should count errors by code, whatever way they were told', async () => {
    const post = (body: unknown) => send(app.graphql, { headers: json, body: JSON.stringify(body) })
    const unknown = { query: '{ stats(supplyIds: ["nowhere"]) { supplyId } }' }
    const invalid = { query: '{ nothing }' }
    const unreadable = { query: '{' }
    const added = await addedBy(async () => {
      for (const body of [unknown, unknown, invalid, unreadable]) {
        await post(body)
        await executeOverWebSocket(webSocket, body)
      }
      await send(`${app.graphql}?query=${encodeURIComponent(unknown.query)}`, { method: 'GET' })
      await send(`${app.url}/openrtb2/auction`, { headers: json, body: '{}' })
    }, 'auction_graphql_errors_total')
    expect(added).toEqual({
      'code="BAD_USER_INPUT"': 1,
      'code="GRAPHQL_PARSE_FAILED"': 2,
      'code="GRAPHQL_VALIDATION_FAILED"': 2,
      'code="SUPPLY_NOT_FOUND"': 5,
    })
  })

  it('should say what the service is made of, and who is connected', async () => {
    const idle = connect(Number(new URL(app.url).port), '127.0.0.1')
    await once(idle, 'connect')
    const subscription = webSocket.iterate({ query: 'subscription { statsUpdated { supplyId } }' })
    await subscription.next()
    // The subscription's first values are held back for a moment where the service has much to do.
    const scraped = await vi.waitFor(async () => {
      const families = await read()
      expect(Object.fromEntries(families)).toMatchObject({
        auction_catalog_supplies: 6,
        auction_catalog_bidders: 7,
        auction_catalog_refresh_failing: 0,
        auction_subscribers: 1,
        auction_feed_held_back_seconds: 0,
        auction_websocket_connections: 1,
        auction_commit_pending_auctions: 0,
        auction_in_flight: 0,
        auction_requests_shed_total: 0,
        auction_notices_due: 0,
        'auction_dependency_up{dependency="database"}': 1,
        'auction_dependency_up{dependency="catalog"}': 1,
        'auction_dependency_up{dependency="auctionLog"}': 1,
      })
      return families
    })
    expect(scraped.get('auction_http_connections')).toBeGreaterThanOrEqual(2)
    const connections = Object.values(linesOf(scraped, 'auction_postgres_connections'))
    expect(connections.reduce((sum, count) => sum + count)).toBeGreaterThanOrEqual(1)
    expect(scraped.get('auction_log_backlog_bytes_max')).toBeGreaterThan(0)
    const age = Date.now() / 1000 - (scraped.get('auction_catalog_loaded_timestamp_seconds') ?? 0)
    expect(age).toBeGreaterThan(0)
    expect(age).toBeLessThan(60)
    await subscription.return?.()
    idle.destroy()
  })
})

describe('/metrics elsewhere', () => {
  it('should be on a port of its own, and there alone', async () => {
    const apart = await startApp({ catalog: SMALL_CATALOG, env: { METRICS_PORT: '0' } })
    try {
      expect(new URL(apart.metricsUrl ?? '').port).not.toBe(new URL(apart.url).port)
      expect((await scrape(apart.metricsUrl ?? '')).get('auction_catalog_supplies')).toBe(5)
      expect((await fetch(`${apart.url}/metrics`)).status).toBe(404)
      expect((await fetch(new URL('/graphql', apart.metricsUrl))).status).toBe(404)
    } finally {
      await apart.dispose()
    }
  })

  it('should let no service start where their port is taken, nor leave its own open', async () => {
    const port = await freePort()
    const env = { PORT: String(port), METRICS_PORT: new URL(app.url).port }
    await expect(startApp({ env })).rejects.toThrow(
      /^METRICS_PORT \d+ on HOST 127\.0\.0\.1 cannot be listened on: it is in use/,
    )
    await expect(fetch(`http://127.0.0.1:${port}/livez`)).rejects.toMatchObject({ cause: { code: 'ECONNREFUSED' } })
  })

  it('should be nowhere where it is switched off', async () => {
    const off = await startApp({ catalog: SMALL_CATALOG, env: { METRICS: 'off' } })
    try {
      expect(off.metricsUrl).toBeUndefined()
      expect((await fetch(`${off.url}/metrics`)).status).toBe(404)
    } finally {
      await off.dispose()
    }
  })
})
