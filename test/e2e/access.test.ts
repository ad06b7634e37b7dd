import { createClient } from 'graphql-ws'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { WebSocket } from 'ws'
import { discoverTargets } from '../../src/load-test/discover.ts'
import { createHttpTransport } from '../../src/load-test/http-transport.ts'
import { createWebSocketTransport } from '../../src/load-test/ws-transport.ts'
import { makeKeysFile, type TestKeys } from '../support/access.ts'
import { SMALL_CATALOG, startApp, type TestApp } from '../support/app.ts'
import { executeOverWebSocket, type GraphQLResult, openRawSocket, send } from '../support/graphql.ts'

const json = { 'content-type': 'application/json' }
const QUERY = '{ stats(supplyIds: ["supply1"]) { supplyId } }'
const UNKNOWN = `auk_${'0'.repeat(12)}_${'0'.repeat(64)}`

let keys: TestKeys
let app: TestApp
/** Tokens of an admin, an analyst, and a publisher of supply1 alone. */
let admin: string
let analyst: string
let publisher: string
beforeAll(async () => {
  keys = await makeKeysFile()
  admin = await keys.add({ role: 'admin' })
  analyst = await keys.add({ role: 'analyst' })
  publisher = await keys.add({ role: 'publisher', supplies: ['supply1'] })
  app = await startApp({
    catalog: SMALL_CATALOG,
    env: {
      API_KEYS_FILE: keys.path,
      CORS_ORIGINS: 'https://ads.example',
      RATE_LIMIT_MAX: '1000',
      NO_BID_PROBABILITY: '0',
    },
  })
})
afterAll(async () => {
  await app?.dispose()
  await keys?.dispose()
})

interface Answer {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  readonly text: string
}

const authorization = (token: string | undefined): Record<string, string> =>
  token === undefined ? {} : { authorization: `Bearer ${token}` }

function post(query: string, token?: string, headers: Record<string, string> = {}): Promise<Required<Answer>> {
  const body = JSON.stringify({ query })
  return send(app.graphql, { headers: { ...json, ...headers, ...authorization(token) }, body })
}

const metrics = (token: string | undefined) =>
  send(`${app.url}/metrics`, { method: 'GET', headers: authorization(token) })

function runOpenRtb(supplyIds: readonly string[], token?: string): Promise<Required<Answer>> {
  const imp = supplyIds.map((tagid, index) => ({ id: `${index}`, tagid }))
  const device = { ip: '203.0.113.7', geo: { country: 'USA' } }
  const body = JSON.stringify({ id: '1', imp, device })
  return send(`${app.url}/openrtb2/auction`, { headers: { ...json, ...authorization(token) }, body })
}

async function overWebSocket(
  query: string,
  params: Record<string, unknown>,
  headers: Record<string, string> = {},
): Promise<GraphQLResult> {
  class Socket extends WebSocket {
    constructor(url: string, protocol: string) {
      super(url, protocol, { headers })
    }
  }
  const client = createClient({
    url: app.graphql.replace('http', 'ws'),
    webSocketImpl: Socket,
    connectionParams: params,
    retryAttempts: 0,
  })
  try {
    // The first goes by graphql-ws, the second by the lane.
    await executeOverWebSocket(client, { query })
    return await executeOverWebSocket(client, { query })
  } finally {
    await client.dispose()
  }
}

const WAYS: readonly [string, (token?: string) => Promise<Answer>][] = [
  ['a POST', (token) => post(QUERY, token)],
  ['a text that was never sent', (token) => post(`${QUERY} # ${Math.random()}`, token)],
  ['a text that cannot be parsed', (token) => post('{ secret', token)],
  [
    'a GET',
    (token) =>
      send(`${app.graphql}?query=${encodeURIComponent(QUERY)}`, { method: 'GET', headers: authorization(token) }),
  ],
  [
    'a form',
    (token) =>
      send(app.graphql, {
        headers: { 'content-type': 'application/x-www-form-urlencoded', ...authorization(token) },
        body: `query=${encodeURIComponent(QUERY)}`,
      }),
  ],
  ['another method', (token) => send(app.graphql, { method: 'PUT', headers: authorization(token) })],
  ['introspection', (token) => post('{ __schema { queryType { name } } }', token)],
  [
    'server-sent events',
    (token) => post('subscription { statsUpdated { supplyId } }', token, { accept: 'text/event-stream' }),
  ],
  ['OpenRTB', (token) => runOpenRtb(['supply1'], token)],
]

describe('without a key that holds', () => {
  it.each(WAYS)('%s should be answered 401, and told what it takes', async (_name, ask) => {
    // Its text is known to the lanes.
    for (let time = 0; time < 2; time++) await post(QUERY, admin)
    for (const token of [undefined, UNKNOWN, `${admin.slice(0, -4)}0000`]) {
      const { status, headers, text } = await ask(token)
      expect([status, headers?.['www-authenticate']]).toEqual([401, 'Bearer'])
      expect(JSON.parse(text)).toEqual({
        errors: [{ message: expect.stringContaining('auction keys create'), extensions: { code: 'UNAUTHENTICATED' } }],
      })
    }
  })

  it('should answer alike on both lanes, in whatever media type', async () => {
    const query = `${QUERY} # lanes`
    const accept = { accept: 'application/graphql-response+json' }
    const byYoga = await post(query, undefined, accept)
    for (let time = 0; time < 2; time++) await post(query, admin)
    const byLane = await post(query, undefined, accept)
    const { 'x-request-id': _one, ...yogaHeaders } = byYoga.headers
    const { 'x-request-id': _other, ...laneHeaders } = byLane.headers
    expect([byLane.status, byLane.text, laneHeaders]).toEqual([byYoga.status, byYoga.text, yogaHeaders])
  })

  it('should be counted among the errors that callers are told', async () => {
    const [forbidden, unauthenticated] = await told()
    for (const query of [QUERY, `${QUERY} # ${Math.random()}`, '{ secret']) await post(query)
    await expect(overWebSocket(QUERY, {})).rejects.toBeDefined()
    await metrics(analyst)
    await runOpenRtb(['supply1'])
    for (const [supplyId, token] of [
      ['supply1', analyst],
      ['supply2', publisher],
    ] as const) {
      await runOpenRtb([supplyId], token)
    }
    expect(await told()).toEqual([Number(forbidden) + 3, Number(unauthenticated) + 5])
  })

  async function told(): Promise<number[]> {
    const told = (await metrics(admin)).text.matchAll(/errors_total{code="(?:FORBIDDEN|UNAUTHENTICATED)"} (\d+)/g)
    return [...told].map(([, errors]) => Number(errors))
  }

  it('should close a WebSocket with 4403, and a reason', async () => {
    for (const params of [{}, { Authorization: `Bearer ${UNKNOWN}` }, { authorization: 1 }]) {
      await expect(overWebSocket(QUERY, params)).rejects.toMatchObject({
        code: 4403,
        reason: expect.stringContaining('connection_init'),
      })
    }
  })

  it('should show health and the page of GraphiQL, which names nothing of the catalogue', async () => {
    for (const path of ['/livez', '/readyz']) expect((await fetch(`${app.url}${path}`)).status).toBe(200)
    const page = await fetch(app.graphql, { headers: { accept: 'text/html' } })
    const html = await page.text()
    expect(page.status).toBe(200)
    expect(html).toContain('RunAuction')
    for (const name of ['supply2', 'lonely', 'acme']) expect(html).not.toContain(name)
  })

  it('should tell a browser that asks before it sends a key that it may', async () => {
    const answer = await fetch(app.graphql, {
      method: 'OPTIONS',
      headers: {
        origin: 'https://ads.example',
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization,content-type',
      },
    })
    expect([answer.status, answer.headers.get('access-control-allow-headers')]).toEqual([
      204,
      'authorization,content-type',
    ])
  })
})

describe('with a key', () => {
  it('should take it in the header, in connection_init and in the header of the upgrade', async () => {
    for (let time = 0; time < 2; time++) expect(JSON.parse((await post(QUERY, analyst)).text).data).toBeDefined()
    const bearer = `Bearer ${analyst}`
    for (const params of [{ Authorization: bearer }, { authorization: bearer }, { AUTHORIZATION: bearer }]) {
      expect(await overWebSocket(QUERY, params)).toMatchObject({ data: { stats: [{ supplyId: 'supply1' }] } })
    }
    expect(await overWebSocket(QUERY, {}, { authorization: bearer })).toMatchObject({ data: expect.anything() })
  })

  it('should be taken by load tests, over HTTP and WebSockets', async () => {
    const url = new URL(app.graphql)
    const targets = await discoverTargets({ url, apiKey: publisher, supplyId: 'supply1' })
    expect(targets).toEqual([{ supplyId: 'supply1', country: 'US' }])
    await expect(discoverTargets({ url, apiKey: publisher })).rejects.toThrow('may not use supplies')
    const options = { connections: 1, apiKey: publisher }
    const transports = [
      createHttpTransport({ url, ...options }),
      createWebSocketTransport({ url: new URL(url.href.replace('http', 'ws')), ...options }),
    ]
    const input = { supplyId: 'supply1', ip: '203.0.113.7', country: 'US', tmax: 100 }
    for (const transport of transports) {
      const answer = await new Promise((resolve) => transport.send(input, resolve))
      expect(answer).toMatchObject({ resultType: 'Auction' })
      await transport.dispose()
    }
  })

  const SALE = `mutation { runAuction(input: { supplyId: "supply1", ip: "203.0.113.7", country: "US" }) { __typename } }`

  it('should refuse the same on both lanes, over a WebSocket, as events and over OpenRTB', async () => {
    const refused = {
      errors: [
        {
          message:
            'An API key of the role analyst may not use runAuction: it takes one of the role publisher or admin.',
          extensions: { code: 'FORBIDDEN' },
          path: ['runAuction'],
        },
      ],
      data: { runAuction: null },
    }
    for (let time = 0; time < 2; time++) {
      const { status, text } = await post(SALE, analyst)
      expect([status, JSON.parse(text)]).toEqual([
        403,
        { ...refused, errors: [expect.objectContaining(refused.errors[0])] },
      ])
    }
    expect(await overWebSocket(SALE, { authorization: `Bearer ${analyst}` })).toMatchObject(refused)
    const events = await post('subscription { statsUpdated { supplyId } }', publisher, { accept: 'text/event-stream' })
    expect(events.text).toContain('"code":"FORBIDDEN"')
    expect(events.text).not.toContain('"data":{')
    const { status, text } = await runOpenRtb(['supply1'], analyst)
    expect([status, JSON.parse(text).errors[0].extensions.code]).toEqual([403, 'FORBIDDEN'])
  })

  it('should show metrics to an admin alone', async () => {
    const answers = await Promise.all([undefined, publisher, analyst, admin].map(metrics))
    expect(answers.map(({ status }) => status)).toEqual([401, 403, 403, 200])
  })

  it('should sell its own supplies alone', async () => {
    expect((await post(SALE, publisher)).text).toContain('"Auction"')
    expect((await post(SALE.replace('supply1', 'supply2'), publisher)).status).toBe(403)
    const both = `${SALE.replace('{ runAuction', '{ a: runAuction').slice(0, -2)} ${SALE.slice('mutation { '.length, -2).replace('supply1', 'supply2')} }`
    const some = await post(both, publisher)
    expect([some.status, JSON.parse(some.text).data]).toEqual([200, { a: { __typename: 'Auction' }, runAuction: null }])
    expect((await runOpenRtb(['supply1'], publisher)).status).toBe(200)
    for (const other of ['supply2', 'nowhere']) {
      const { status, text } = await runOpenRtb(['supply1', other], publisher)
      expect([status, text]).toEqual([403, expect.stringContaining(`other supplies than \\"${other}\\"`)])
    }
  })

  it('should sell nothing where a field of the answer is not for the key', async () => {
    const before = await requestsOf('supply1')
    const field = '... on Auction { winner { ...Whole } }'
    const sale = `${SALE.replace('__typename', field)} fragment Whole on Bidder { id all: supplies { totalCount } }`
    for (let time = 0; time < 2; time++) {
      const { status, text } = await post(sale, publisher)
      expect([status, JSON.parse(text)]).toEqual([
        403,
        { errors: [{ message: expect.stringContaining('not use supplies'), extensions: { code: 'FORBIDDEN' } }] },
      ])
    }
    expect(await overWebSocket(sale, { authorization: `Bearer ${publisher}` })).not.toHaveProperty('data')
    expect(await requestsOf('supply1')).toBe(before)
    expect((await post(sale, admin)).text).toContain('"totalCount"')
  })

  it('should count a rate over everything that it asks for, before anything else is counted', async () => {
    const limited = await keys.add({ role: 'publisher', rate: { max: 3, windowMs: 60_000 } })
    await vi.waitFor(async () => expect((await post('{ __typename }', limited)).status).toBe(200))
    const before = await requestsOf('supply3')
    const sale = SALE.replace('supply1', 'supply3')
    const twice = sale.replace(/(runAuction.*) \}$/, 'a: $1 b: $1 }')
    expect((await post(twice, limited)).text).toMatch(/"Auction".*"Auction"/)
    const [some, none] = [await post(twice, limited), await post(sale, limited)]
    expect([some.status, none.status]).toEqual([200, 429])
    expect(some.text).toMatch(/"code":"RATE_LIMITED","retryAfterMs":\d+.*"Auction"/)
    expect(none.text).toContain('with this API key')
    const overOpenRtb = await runOpenRtb(['supply3'], limited)
    for (const { headers } of [none, overOpenRtb]) {
      const seconds = headers['retry-after']
      expect(Number(seconds)).toBeGreaterThan(0)
      expect(headers).toMatchObject({ ratelimit: `"key";r=0;t=${seconds}`, 'ratelimit-policy': '"key";q=3;w=60' })
    }
    expect([overOpenRtb.status, overOpenRtb.text]).toEqual([429, expect.stringContaining('with this API key')])
    expect(await requestsOf('supply3')).toBe(before + 3)
  })

  async function requestsOf(supplyId: string): Promise<number> {
    const { text } = await post(`{ stats(supplyIds: ["${supplyId}"]) { totalRequests } }`, admin)
    return JSON.parse(text).data.stats[0].totalRequests
  }
})

describe('a key that is revoked', () => {
  it('should be refused within two seconds, and its connections and streams ended', async () => {
    const token = await keys.add({ role: 'admin' })
    await vi.waitFor(async () => expect((await post(QUERY, token)).status).toBe(200))
    const socket = await openRawSocket(app.graphql, { authorization: `Bearer ${token}` })
    const other = await openRawSocket(app.graphql, { authorization: `Bearer ${analyst}` })
    const events = await fetch(app.graphql, {
      method: 'POST',
      headers: { ...json, accept: 'text/event-stream', ...authorization(token) },
      body: JSON.stringify({ query: 'subscription { statsUpdated(supplyIds: ["supply1"]) { supplyId } }' }),
    })
    expect(events.status).toBe(200)
    const sockets = [socket, other]
    for (const { subscribe } of sockets) subscribe('subscription { statsUpdated { supplyId } }')
    await vi.waitFor(() => expect(sockets.every(({ messages }) => messages.length > 0)).toBe(true))

    const revokedAt = performance.now()
    await keys.revoke(token)
    expect(await socket.closed).toBe(4403)
    expect(await events.text()).toContain('event: complete')
    // Two seconds are promised; the rest is for a busy machine.
    expect(performance.now() - revokedAt).toBeLessThan(5000)
    expect((await post(QUERY, token)).status).toBe(401)
    expect(other.socket.readyState).toBe(WebSocket.OPEN)
    expect(other.messages.some(({ type }) => type === 'complete')).toBe(false)
    await Promise.all(sockets.map(({ dispose }) => dispose()))
  })

  it('should run nothing any more over a socket whose client does not take the close', async () => {
    const token = await keys.add({ role: 'admin' })
    await vi.waitFor(async () => expect((await post(QUERY, token)).status).toBe(200))
    const { socket, dispose } = await openRawSocket(app.graphql, { authorization: `Bearer ${token}` })
    const sale = `mutation { runAuction(input: { supplyId: "supply4", ip: "203.0.113.7", country: "US" }) { __typename } }`
    // Known to the lane.
    for (let time = 0; time < 2; time++) await post(sale, admin)
    const requests = async () => {
      const { text } = await post('{ stats(supplyIds: ["supply4"]) { totalRequests } }', admin)
      return JSON.parse(text).data.stats[0].totalRequests
    }
    const before = await requests()
    socket.pause()
    await keys.revoke(token)
    await vi.waitFor(async () => expect((await post(QUERY, token)).status).toBe(401))
    socket.send(JSON.stringify({ id: '1', type: 'subscribe', payload: { query: sale } }))
    // What was sent before is read before.
    await post(sale, admin)
    await vi.waitFor(async () => expect(await requests()).toBe(before + 1))
    await dispose()
  })
})
