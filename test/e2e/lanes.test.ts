import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { SMALL_CATALOG, startApp, type TestApp } from '../support/app.ts'
import fc from '../support/fast-check.ts'
import { type GraphQLRequest, type HttpAnswer, send } from '../support/graphql.ts'
import { openRawWebSocket, type RawWebSocket } from '../support/raw-websocket.ts'
import { lane, webSocketLane } from '../support/watched-fast-lane.ts'

vi.mock(import('../../src/server/fast-lane.ts'), async (importOriginal) => {
  const { watchFastLane } = await import('../support/watched-fast-lane.ts')
  return watchFastLane(await importOriginal())
})
vi.mock(import('../../src/server/websocket-fast-lane.ts'), async (importOriginal) => {
  const { watchWebSocketFastLane } = await import('../support/watched-fast-lane.ts')
  return watchWebSocketFastLane(await importOriginal())
})

let app: TestApp
let webSocket: RawWebSocket
beforeAll(async () => {
  app = await startApp({ catalog: SMALL_CATALOG, env: { RATE_LIMIT_MAX: '1000000' } })
  webSocket = await openRawWebSocket(app.graphql)
})
afterAll(async () => {
  webSocket?.dispose()
  await app?.dispose()
})

/** Operations that are answered the same each time, with what each variable is often given. */
const OPERATIONS: Readonly<Record<string, Readonly<Record<string, readonly unknown[]>>>> = {
  'mutation($input: RunAuctionInput!) { runAuction(input: $input) { __typename ... on Error { message } } }': {
    input: [
      { supplyId: 'nowhere', ip: '203.0.113.7', country: 'US' },
      { supplyId: 'nowhere', ip: '2001:db8::1', country: 'GB', tmax: 50 },
    ],
  },
  'mutation($supply: ID!, $ip: IPAddress!, $tmax: Int! = 90) { runAuction(input: {supplyId: $supply, ip: $ip, country: "US", tmax: $tmax}) { __typename } }':
    { supply: ['nowhere', 7], ip: ['203.0.113.7', '::1'], tmax: [1, 5000, 0] },
  // Sold when it is asked for first, and told again after that.
  'mutation($key: String!, $tmax: Int! = 50) { runAuction(input: {supplyId: "supply1", ip: "203.0.113.7", country: "US", tmax: $tmax, idempotencyKey: $key}) { __typename ... on Auction { id price startedAt winner { id country } responses { bidderId outcome price latencyMs } } ... on NoBidsError { auctionId } } }':
    { key: ['a', 'b', '', 'k'.repeat(65)], tmax: [50, 60, 0] },
  'query($first: Int, $after: String) { supplies(first: $first, after: $after) { nodes { id } totalCount } }': {
    first: [0, 2, 100, 101, -1],
    after: ['', 'R1BDOlM6YQ=='],
  },
  'query($id: ID = "acme", $country: CountryCode) { bidder(id: $id) { country } bidders(country: $country) { totalCount } }':
    { id: ['acme', 'nobody', 1], country: ['US', 'GB', 'us'] },
  'query($first: Int = 5, $ids: [ID!]) { stats(first: $first, supplyIds: $ids) { supplyId totalRequests } }': {
    first: [1, 1000, 1001],
    ids: [[], ['supply1'], ['supply1', 'nowhere'], 'supply2'],
  },
  'query($a: Boolean = true, $b: Boolean!) { supply(id: "supply1") { id @include(if: $a) stats { id @skip(if: $b) } } }':
    { a: [true, false], b: [true, false] },
  'query($a: Boolean = false) { ...F @skip(if: $a) } fragment F on Query { bidders { nodes { id } } }': {
    a: [true, false],
  },
}

const requests: fc.Arbitrary<GraphQLRequest> = fc.constantFrom(...Object.entries(OPERATIONS)).chain(([query, usual]) =>
  fc.record({
    query: fc.constant(query),
    variables: fc.record(
      Object.fromEntries(
        Object.entries(usual).map(([name, values]) => [
          name,
          fc.oneof(
            { weight: 4, arbitrary: fc.constantFrom(...values) },
            { weight: 1, arbitrary: fc.constant(null) },
            { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 2 }) },
          ),
        ]),
      ),
      { requiredKeys: [] },
    ),
  }),
)

describe('the lanes', () => {
  it('should answer whatever is asked as Yoga and graphql-ws do', async () => {
    // From the second time on the lanes take a text.
    for (const query of Object.keys(OPERATIONS)) await overHttp({ query, variables: {} })
    const takenBefore = { http: lane.taken, webSocket: webSocketLane.taken }
    await fc.assert(
      fc.asyncProperty(requests, async (request) => {
        const fast = [await overHttp(request), await webSocket.ask('1', request)]
        lane.isOn = webSocketLane.isOn = false
        try {
          expect(fast).toEqual([await overHttp(request), await webSocket.ask('1', request)])
        } finally {
          lane.isOn = webSocketLane.isOn = true
        }
      }),
      { numRuns: RUNS },
    )
    expect(lane.taken - takenBefore.http).toBeGreaterThanOrEqual(RUNS)
    expect(webSocketLane.taken - takenBefore.webSocket).toBeGreaterThanOrEqual(RUNS)
  })
})

function overHttp(request: GraphQLRequest): Promise<HttpAnswer> {
  const headers = { 'content-type': 'application/json', 'x-request-id': 'lanes' }
  return send(app.graphql, { headers, body: JSON.stringify(request) })
}

const RUNS = 200
