import { afterAll, beforeAll, expect, it } from 'vitest'
import { SMALL_CATALOG, startApp, type TestApp } from '../support/app.ts'
import {
  dataOf,
  execute,
  executeOverWebSocket,
  type GraphQLResult,
  openWebSocket,
  send,
  subscribeOverSse,
} from '../support/graphql.ts'
import { nextAddress } from '../support/load.ts'
import { scrape } from '../support/metrics.ts'

const RUN = `mutation($ip: IPAddress!, $tmax: Int!, $idempotencyKey: String) {
  runAuction(input: { supplyId: "supply1", ip: $ip, country: "US", tmax: $tmax, idempotencyKey: $idempotencyKey }) {
    __typename
  }
}`
const TYPENAME = '{ __typename }'
const STATS = 'subscription { statsUpdated(supplyIds: ["supply1"]) { totalRequests } }'
const PAGE = 'https://ads.example'
const JSON_HEADERS = { 'content-type': 'application/json', origin: PAGE }
const SHED = {
  message: 'The service has more requests than it can answer in time: try again in 1000 ms.',
  extensions: { code: 'OVERLOADED', retryAfterMs: 1000 },
}

let app: TestApp
beforeAll(async () => {
  // No bidder answers in time, and one auction at a time, with a request for its answer, is all that may be under way.
  const env = {
    MAX_AUCTIONS_IN_FLIGHT: '2',
    SIMULATED_LATENCY_FACTOR: '100',
    SIMULATION_SEED: '1',
    CORS_ORIGINS: PAGE,
  }
  app = await startApp({ catalog: SMALL_CATALOG, env })
})
afterAll(() => app?.dispose())

async function load(): Promise<{ shed: number; auctionsInFlight: number }> {
  const response = await fetch(`${app.url}/readyz`)
  expect(response.status).toBe(200)
  return ((await response.json()) as { load: { shed: number; auctionsInFlight: number } }).load
}

async function firstOf(results: AsyncIterable<GraphQLResult>): Promise<GraphQLResult | undefined> {
  for await (const result of results) return result
  return undefined
}

it('should refuse at once, over every transport, what is one too many, and answer what was taken', async () => {
  const client = openWebSocket(app.graphql)
  await executeOverWebSocket(client, { query: TYPENAME })
  const sale = { ip: nextAddress(), tmax: 5000, idempotencyKey: 'asked for twice' }
  const running = Promise.all([dataOf(app.graphql, RUN, sale), dataOf(app.graphql, RUN, sale)])
  await expect.poll(load).toEqual({ shed: 0, admittedShare: 1, auctionsInFlight: 2 })

  const body = JSON.stringify({ query: TYPENAME })
  const overHttp = [
    await send(app.graphql, { headers: JSON_HEADERS, body }),
    await send(`${app.graphql}?query={__typename}`, {
      method: 'GET',
      headers: { accept: 'application/json', origin: PAGE },
    }),
    await send(app.graphql, { method: 'GET', headers: { accept: 'text/html', origin: PAGE } }),
    await send(app.graphql, { headers: { ...JSON_HEADERS, accept: 'text/event-stream' }, body }),
    await send(`${app.url}/openrtb2/auction`, { headers: JSON_HEADERS, body: '{}' }),
    await send(app.graphql, { method: 'PUT', headers: JSON_HEADERS, body }),
  ]
  for (const { status, headers, text } of overHttp) {
    expect(status).toBe(503)
    expect(headers).toMatchObject({
      'retry-after': '1',
      'content-type': 'application/json; charset=utf-8',
      'access-control-allow-origin': PAGE,
    })
    expect(JSON.parse(text)).toEqual({ errors: [SHED] })
  }
  expect(await executeOverWebSocket(client, { query: TYPENAME })).toEqual({ errors: [SHED] })
  expect(await firstOf(client.iterate({ query: STATS }) as AsyncIterable<GraphQLResult>)).toEqual({ errors: [SHED] })
  expect((await fetch(`${app.url}/livez`)).status).toBe(200)
  expect(await load()).toMatchObject({ shed: 8, auctionsInFlight: 2 })
  const metrics = await scrape(app.metricsUrl ?? '')
  expect(metrics.get('auction_requests_shed_total')).toBe(8)
  expect(metrics.get('auction_in_flight')).toBe(2)

  const noBids = { runAuction: { __typename: 'NoBidsError' } }
  expect(await running).toEqual([noBids, noBids])
  expect(await execute(app.graphql, RUN, { ip: nextAddress(), tmax: 1 })).toMatchObject({ status: 200 })
  expect(await firstOf(subscribeOverSse(app.graphql, STATS))).toMatchObject({ data: expect.anything() })
  const { stats } = await dataOf<{ stats: object[] }>(
    app.graphql,
    '{ stats(supplyIds: ["supply1"]) { totalRequests } }',
  )
  expect(stats).toEqual([{ totalRequests: 2 }])
  await client.dispose()
})
