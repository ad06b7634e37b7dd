import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { LEASE_MARGIN_MS } from '../../src/sold-once/sold-once.ts'
import { KEPT_MS } from '../../src/sold-once/types.ts'
import { SMALL_CATALOG, startApp, type TestApp } from '../support/app.ts'
import { dataOf, execute, type GraphQLRequest, type GraphQLResult, send } from '../support/graphql.ts'
import { startInstance } from '../support/instance.ts'
import { nextAddress } from '../support/load.ts'
import { makeMigratedDataDir } from '../support/migrated-data-dir.ts'
import { openRawWebSocket, type RawWebSocket } from '../support/raw-websocket.ts'
import { type RedisServer, startRedis } from '../support/redis.ts'
import { hasRedis } from '../support/services.ts'
import { readCounters } from '../support/statistics.ts'
import { createTestBed } from '../support/topology.ts'
import { lane, webSocketLane } from '../support/watched-fast-lane.ts'

vi.mock(import('../../src/server/fast-lane.ts'), async (importOriginal) => {
  const { watchFastLane } = await import('../support/watched-fast-lane.ts')
  return watchFastLane(await importOriginal())
})
vi.mock(import('../../src/server/websocket-fast-lane.ts'), async (importOriginal) => {
  const { watchWebSocketFastLane } = await import('../support/watched-fast-lane.ts')
  return watchWebSocketFastLane(await importOriginal())
})

const RUN = `mutation($input: RunAuctionInput!) {
  runAuction(input: $input) {
    __typename
    ... on Auction { id supplyId country tmax winner { id country } price startedAt durationMs responses { bidderId outcome price latencyMs } }
    ... on NoBidsError { message auctionId responses { bidderId outcome price latencyMs } }
    ... on NoEligibleBiddersError { message supplyId country }
  }
}`
const RUN_FOR_ID = 'mutation($input: RunAuctionInput!) { runAuction(input: $input) { ... on Auction { id price } } }'

let keys = 0

/** An input of a key and an address of its own. */
function newInput(more: Readonly<Record<string, unknown>> = {}) {
  return { supplyId: 'supply1', ip: nextAddress(), country: 'US', idempotencyKey: `key${++keys}`, ...more }
}

async function requestsOf({ graphql }: TestApp, supplyId: string): Promise<number> {
  return (await readCounters(graphql)).get(`${supplyId} total`) ?? 0
}

const codeOf = ({ errors }: GraphQLResult) => errors?.[0]?.extensions?.code

describe('a request with an idempotency key', () => {
  let app: TestApp
  let webSocket: RawWebSocket
  beforeAll(async () => {
    app = await startApp({
      catalog: SMALL_CATALOG,
      env: { SIMULATED_LATENCY_FACTOR: '0.5', NO_BID_PROBABILITY: '0', RATE_LIMIT_MAX: '2' },
    })
    webSocket = await openRawWebSocket(app.graphql)
  })
  afterAll(async () => {
    webSocket?.dispose()
    await app?.dispose()
  })

  const overHttp = async (request: GraphQLRequest): Promise<GraphQLResult> => {
    const headers = { 'content-type': 'application/json' }
    return JSON.parse((await send(app.graphql, { headers, body: JSON.stringify(request) })).text)
  }
  const overWebSocket = async (request: GraphQLRequest): Promise<GraphQLResult> =>
    JSON.parse((await webSocket.ask('1', request))[0] ?? '').payload
  async function withoutLanes(ask: (request: GraphQLRequest) => Promise<GraphQLResult>, request: GraphQLRequest) {
    lane.isOn = webSocketLane.isOn = false
    try {
      return await ask(request)
    } finally {
      lane.isOn = webSocketLane.isOn = true
    }
  }
  const WAYS: Readonly<Record<string, (request: GraphQLRequest) => Promise<GraphQLResult>>> = {
    'the HTTP lane': overHttp,
    Yoga: (request) => withoutLanes(overHttp, request),
    'the WebSocket lane': overWebSocket,
    'graphql-ws': (request) => withoutLanes(overWebSocket, request),
  }

  it.each(Object.keys(WAYS))(
    'should be answered by every lane as %s answered it first, and be counted once',
    async (name) => {
      // Known to the lanes from here on.
      await WAYS[name]?.({ query: RUN, variables: { input: newInput({ supplyId: 'nowhere' }) } })
      const takenBefore = lane.taken + webSocketLane.taken
      const before = await requestsOf(app, 'supply4')
      const variables = { input: newInput({ supplyId: 'supply4' }) }
      const first = await WAYS[name]?.({ query: RUN, variables })
      expect(first).toMatchObject({ data: { runAuction: { __typename: 'Auction', winner: { country: 'US' } } } })
      for (const again of Object.values(WAYS)) expect(await again({ query: RUN, variables })).toEqual(first)
      expect(lane.taken + webSocketLane.taken - takenBefore).toBeGreaterThanOrEqual(2)
      expect(await requestsOf(app, 'supply4')).toBe(before + 1)
    },
  )

  it('should be answered with whatever is asked of the answer the second time', async () => {
    const variables = { input: newInput() }
    const first = await dataOf<object>(app.graphql, RUN_FOR_ID, variables)
    expect(await dataOf(app.graphql, RUN, variables)).toMatchObject(first)
  })

  it('should be limited once, and be answered while its address is over the limit', async () => {
    const input = newInput()
    const { idempotencyKey: _key, ...unkeyed } = input
    const first = await dataOf(app.graphql, RUN, { input })
    for (let round = 0; round < 5; round++) expect(await dataOf(app.graphql, RUN, { input })).toEqual(first)
    expect(await execute(app.graphql, RUN, { input: unkeyed })).toMatchObject({ status: 200 })
    expect(codeOf(await execute(app.graphql, RUN, { input: unkeyed }))).toBe('RATE_LIMITED')
    expect(await dataOf(app.graphql, RUN, { input })).toEqual(first)
    const refused = await execute(app.graphql, RUN, { input: { ...unkeyed, idempotencyKey: 'new' } })
    expect(refused).toMatchObject({ status: 429, errors: [{ extensions: { code: 'RATE_LIMITED' } }] })
  })

  it('should be sold once where many ask at the same time', async () => {
    const before = await requestsOf(app, 'supply2')
    const variables = { input: newInput({ supplyId: 'supply2' }) }
    const answers = await Promise.all(Array.from({ length: 20 }, () => dataOf(app.graphql, RUN, variables)))
    for (const answer of answers) expect(answer).toEqual(answers[0])
    expect(await requestsOf(app, 'supply2')).toBe(before + 1)
  })

  it('should tell again that nobody was eligible, counting it once', async () => {
    const variables = { input: newInput({ supplyId: 'supply3', country: 'FR' }) }
    const first = await dataOf(app.graphql, RUN, variables)
    expect(first).toMatchObject({ runAuction: { __typename: 'NoEligibleBiddersError', country: 'FR' } })
    expect(await dataOf(app.graphql, RUN, variables)).toEqual(first)
    expect((await readCounters(app.graphql)).get('supply3 country FR')).toBe(1)
  })

  it('should be refused where the key was another request’s, beside what others of the document got', async () => {
    const input = newInput()
    await dataOf(app.graphql, RUN, { input })
    for (const other of [{ ip: nextAddress() }, { country: 'GB' }, { tmax: 201 }]) {
      const refused = await execute(app.graphql, RUN, { input: { ...input, ...other } })
      expect(refused).toMatchObject({ status: 422, errors: [{ extensions: { code: 'IDEMPOTENCY_KEY_REUSED' } }] })
      expect(refused.errors?.[0]?.message).toContain('take a new key')
    }
    // The default is 200.
    expect(codeOf(await execute(app.graphql, RUN, { input: { ...input, tmax: 200 } }))).toBeUndefined()
    const two = `mutation($a: RunAuctionInput!, $b: RunAuctionInput!) {
      a: runAuction(input: $a) { __typename } b: runAuction(input: $b) { __typename }
    }`
    expect(await execute(app.graphql, two, { a: input, b: { ...input, tmax: 9 } })).toMatchObject({
      status: 200,
      data: { a: { __typename: 'Auction' }, b: null },
      errors: [{ path: ['b'], extensions: { code: 'IDEMPOTENCY_KEY_REUSED' } }],
    })
  })
})

describe.runIf(hasRedis)('requests with an idempotency key on two instances', () => {
  const bed = createTestBed()
  let redis: RedisServer
  let one: TestApp
  let other: TestApp
  let supplyId: string
  let country: string
  beforeAll(async () => {
    redis = await bed.own(startRedis())
    // The generated catalogue, which is the same everywhere.
    const env = { REDIS_URL: redis.url, SIMULATED_LATENCY_FACTOR: '0.9', NO_BID_PROBABILITY: '0', RATE_LIMIT_MAX: '2' }
    ;[one, other] = await Promise.all([bed.own(startApp({ env })), bed.own(startApp({ env }))])
    const [supply] = (await dataOf<Supplies>(one.graphql, SUPPLIES)).supplies.nodes
    if (!supply?.bidders[0]) throw new Error('No supply has a bidder.')
    supplyId = supply.id
    country = supply.bidders[0].country
  })
  afterAll(() => bed.dispose())

  it('should get one answer from both, counted once', async () => {
    const input = newInput({ supplyId, country })
    const before = await requestsOf(one, supplyId)
    const first = await dataOf(one.graphql, RUN, { input })
    expect(await dataOf(other.graphql, RUN, { input })).toEqual(first)
    expect(await dataOf(one.graphql, RUN, { input })).toEqual(first)
    expect(codeOf(await execute(other.graphql, RUN, { input: { ...input, tmax: 7 } }))).toBe('IDEMPOTENCY_KEY_REUSED')
    expect(await requestsOf(other, supplyId)).toBe(before + 1)
  })

  it('should be limited by what either has sold', async () => {
    // Two are allowed. Where a busy machine keeps Redis from answering at once, an instance decides alone, and says so.
    const isLocal = ({ extensions }: GraphQLResult) => extensions?.rateLimit === 'local'
    const answers = await vi.waitFor(async () => {
      const input = newInput({ supplyId, country })
      const [first, again] = [await run(one, input), await run(other, input)]
      const [second, third] = [
        await run(other, { ...input, idempotencyKey: `${input.idempotencyKey} second` }),
        await run(other, { ...input, idempotencyKey: `${input.idempotencyKey} third` }),
      ]
      expect([first, second, third].filter(isLocal)).toEqual([])
      return [first, again, second, third]
    })
    expect(answers.map(codeOf)).toEqual([undefined, undefined, undefined, 'RATE_LIMITED'])
  })

  const run = ({ graphql }: TestApp, input: object) => execute(graphql, RUN, { input })

  it('should get one answer where both are asked at the same time', async () => {
    const variables = { input: newInput({ supplyId, country, tmax: 100 }) }
    const before = await requestsOf(one, supplyId)
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) => dataOf((index % 2 === 0 ? one : other).graphql, RUN, variables)),
    )
    for (const answer of answers) expect(answer).toEqual(answers[0])
    expect(await requestsOf(one, supplyId)).toBe(before + 1)
  })

  it('should be sold by another where the first was killed before its answer', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'auction-sold-once-'))
    try {
      await makeMigratedDataDir(folder)
      const env = { DATA_DIR: folder, REDIS_URL: redis.url, SIMULATED_LATENCY_FACTOR: '100', LOG_LEVEL: 'warn' }
      const dying = await bed.own(startInstance(env))
      const tmax = 2_000
      const input = newInput({ supplyId, country, tmax })
      const before = await requestsOf(one, supplyId)
      const lost = execute(dying.graphqlUrl, RUN, { input }).catch(() => 'lost')
      await vi.waitFor(async () =>
        expect(String(await redis.command('keys', 'sold-once:*'))).toContain(input.idempotencyKey),
      )
      await dying.dispose()
      expect(await lost).toBe('lost')
      const askedAt = performance.now()
      const answer = await dataOf(one.graphql, RUN, { input })
      expect(performance.now() - askedAt).toBeLessThan(tmax + LEASE_MARGIN_MS + tmax + 1_000)
      expect(await dataOf(other.graphql, RUN, { input })).toEqual(answer)
      expect(await requestsOf(one, supplyId)).toBe(before + 1)
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  })

  it('should be answered over a WebSocket by an instance that stops, also where they wait for another', async () => {
    const env = { REDIS_URL: redis.url, NO_BID_PROBABILITY: '0', SHUTDOWN_TIMEOUT_MS: '20000' }
    const stopping = await bed.own(startApp({ env }))
    const webSocket = await openRawWebSocket(stopping.graphql)
    const input = newInput({ supplyId, country, tmax: 1 })
    // Claimed by an instance that is gone.
    const request = `${country} 1 ${input.ip}`
    const key = `sold-once:${JSON.stringify([supplyId, input.idempotencyKey])}`
    await redis.command('set', key, `${request}\ngone`, 'px', `${KEPT_MS}`)
    const asked = webSocket.ask('1', { query: RUN, variables: { input } })
    await expect.poll(() => stopping.services.soldOnce.waiting()).toBe(1)
    await Promise.all([
      stopping.dispose(),
      expect(asked).resolves.toEqual([expect.stringContaining('"Auction"'), expect.anything()]),
    ])
  })

  it('should be told to come again while Redis is away, when requests without a key go on', async () => {
    const input = newInput({ supplyId, country })
    const { idempotencyKey: _key, ...unkeyed } = input
    await redis.kill()
    const body = JSON.stringify({ query: RUN, variables: { input } })
    await vi.waitFor(async () => {
      const answer = await send(one.graphql, { headers: { 'content-type': 'application/json' }, body })
      expect(answer).toMatchObject({ status: 503, headers: { 'retry-after': '1' } })
      expect(JSON.parse(answer.text).errors[0].extensions).toEqual({
        code: 'IDEMPOTENCY_UNAVAILABLE',
        retryAfterMs: 1000,
      })
    })
    expect(await dataOf(one.graphql, RUN, { input: unkeyed })).toMatchObject({ runAuction: { __typename: 'Auction' } })
    await redis.start()
    const onceMore = { ...input, ip: nextAddress() }
    await vi.waitFor(async () => expect(codeOf(await execute(one.graphql, RUN, { input: onceMore }))).toBeUndefined())
  })
})

interface Supplies {
  readonly supplies: { readonly nodes: { readonly id: string; readonly bidders: { readonly country: string }[] }[] }
}

const SUPPLIES = '{ supplies(first: 1) { nodes { id bidders(first: 1) { country } } } }'
