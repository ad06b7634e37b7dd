import { once } from 'node:events'
import { pino } from 'pino'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { WebSocket } from 'ws'
import { SMALL_CATALOG, startApp, type TestApp } from '../support/app.ts'
import { openRawWebSocket } from '../support/raw-websocket.ts'

const TRACE_ID = '0af7651916cd43dd8448eb211c80319c'
const USER_IP = '198.51.100.23'
const RUN = `mutation { runAuction(input: { supplyId: "supply1", ip: "${USER_IP}", country: "US" }) { __typename } }`
const JSON_HEADERS = { 'content-type': 'application/json' }

let app: TestApp
let lines: string[]
beforeAll(async () => {
  const log = pino({ level: 'info' }, { write: (line: string) => void lines.push(line) })
  lines = []
  app = await startApp({
    catalog: SMALL_CATALOG,
    env: { RATE_LIMIT_MAX: '1000', CORS_ORIGINS: 'https://a.example' },
    log,
  })
})
afterAll(() => app?.dispose())
beforeEach(() => {
  lines = []
})

/** A request with headers of its own, and what answers it. */
const WAYS: Readonly<Record<string, readonly [path: string, init: RequestInit, status: number]>> = {
  'an operation that is new': ['/graphql', post({ query: '{ __typename a: __typename }' }), 200],
  'an operation that is known': ['/graphql', post({ query: '{ __typename }' }), 200],
  'an operation that is refused': ['/graphql', post({ query: '{ nothing }' }), 200],
  'a body that cannot be read': ['/graphql', { method: 'POST', body: '{', headers: JSON_HEADERS }, 400],
  'a body too large': ['/graphql', post({ query: ' '.repeat(100_001) }), 413],
  'a GET': ['/graphql?query={__typename}', {}, 200],
  'server-sent events': ['/graphql', post({ query: '{ nothing }' }, { accept: 'text/event-stream' }), 200],
  GraphiQL: ['/graphql', { headers: { accept: 'text/html', 'accept-encoding': 'identity' } }, 200],
  'a preflight': ['/graphql', preflight(), 204],
  'a preflight of OpenRTB': ['/openrtb2/auction', preflight(), 204],
  OpenRTB: ['/openrtb2/auction', post(bidRequest('supply1')), 200],
  'OpenRTB that sells nothing': ['/openrtb2/auction', post(bidRequest('lonely')), 204],
  'OpenRTB that is wrong': ['/openrtb2/auction', post({}), 400],
  'a redirection': ['/', { redirect: 'manual' }, 302],
  health: ['/livez', {}, 200],
  readiness: ['/readyz', {}, 200],
  nothing: ['/nowhere', {}, 404],
}

describe('X-Request-Id', () => {
  it.each(Object.entries(WAYS))('should be given back with %s', async (_way, [path, init, status]) => {
    // A text that was sent before is known.
    await (await fetch(app.url + path, init)).text()
    const headers = { ...(init.headers as Record<string, string>), 'x-request-id': 'sent-by-me' }
    const answer = await fetch(app.url + path, { ...init, headers })
    await answer.text()
    expect([answer.status, answer.headers.get('x-request-id')]).toEqual([status, 'sent-by-me'])
  })

  it('should be another one for each request that sends none', async () => {
    const answers = [await fetch(`${app.url}/livez`), await run({}), await run({ 'x-request-id': 'no id' })]
    const ids = answers.map(({ headers }) => headers.get('x-request-id') ?? '')
    const numbers = ids.map((id) => Number(/^[\da-f]{8}-(\d+)$/.exec(id)?.[1]))
    expect(numbers[0]).toBeGreaterThan(0)
    expect(numbers).toEqual([numbers[0], Number(numbers[0]) + 1, Number(numbers[0]) + 2])
  })

  it('should be readable for pages of other origins that may call', async () => {
    const answer = await run({ origin: 'https://a.example' })
    expect(answer.headers.get('access-control-expose-headers')).toContain('X-Request-Id')
  })

  it('should be given back when a WebSocket is opened', async () => {
    const socket = new WebSocket(app.graphql.replace('http', 'ws'), 'graphql-transport-ws', {
      headers: { 'x-request-id': 'opened-by-me' },
    })
    const [response] = await once(socket, 'upgrade')
    socket.terminate()
    expect(response.headers['x-request-id']).toBe('opened-by-me')
  })
})

describe('the log', () => {
  it('should name the request and the caller’s trace of each auction, and no address', async () => {
    const traceparent = `00-${TRACE_ID}-b7ad6b7169203331-01`
    await run({ 'x-request-id': 'r1', traceparent })
    await (await fetch(`${app.url}/openrtb2/auction`, post(bidRequest('supply1'), { 'x-request-id': 'r2' }))).text()
    await vi.waitFor(() => expect(lines).toHaveLength(2))
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { msg: 'auction', requestId: 'r1', traceId: TRACE_ID, auction: { supplyId: 'supply1' } },
      { msg: 'auction', requestId: 'r2', auction: { supplyId: 'supply1' } },
    ])
    expect(lines.join()).not.toContain(USER_IP)
  })

  it('should name the operation of a WebSocket as well, whoever took it', async () => {
    const socket = await openRawWebSocket(app.graphql)
    try {
      await socket.ask('op1', { query: `${RUN} # new to the service` })
      await socket.ask('op2', { query: `${RUN} # new to the service` })
    } finally {
      socket.dispose()
    }
    await vi.waitFor(() => expect(lines).toHaveLength(2))
    const [first, second] = lines.map((line) => JSON.parse(line))
    expect(first).toMatchObject({ operationId: 'op1', requestId: expect.stringMatching(/^[\da-f]{8}-\d+$/) })
    expect(second).toMatchObject({ operationId: 'op2', requestId: first.requestId })
  })

  it('should name the request that met a bug', async () => {
    vi.spyOn(app.services.auctioneer, 'run').mockImplementation(() => {
      throw new Error('a bug')
    })
    const socket = await openRawWebSocket(app.graphql)
    try {
      await run({ 'x-request-id': 'r1' })
      await socket.ask('op1', { query: RUN })
      await (await fetch(`${app.url}/openrtb2/auction`, post(bidRequest('supply1'), { 'x-request-id': 'r3' }))).text()
    } finally {
      socket.dispose()
      vi.restoreAllMocks()
    }
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { msg: 'unexpected error', requestId: 'r1', err: { message: 'a bug' } },
      { msg: 'unexpected error', operationId: 'op1', err: { message: 'a bug' } },
      { msg: 'unexpected error', requestId: 'r3', err: { message: 'a bug' } },
    ])
  })
})

async function run(headers: Readonly<Record<string, string>>): Promise<Response> {
  const answer = await fetch(app.graphql, post({ query: RUN }, headers))
  await answer.text()
  return answer
}

function post(body: object, headers: Readonly<Record<string, string>> = {}): RequestInit {
  return { method: 'POST', body: JSON.stringify(body), headers: { ...JSON_HEADERS, ...headers } }
}

function preflight(): RequestInit {
  const headers = { 'access-control-request-method': 'POST', origin: 'https://a.example' }
  return { method: 'OPTIONS', headers }
}

function bidRequest(tagid: string): object {
  const device = { ip: USER_IP, geo: { country: 'USA' } }
  return { id: '1', imp: [{ id: '1', tagid, banner: { format: [{ w: 300, h: 250 }] } }], device }
}
