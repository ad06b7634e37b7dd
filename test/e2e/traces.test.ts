import { randomBytes } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { createDisposer } from '../../src/disposer.ts'
import { startApp, type TestApp } from '../support/app.ts'
import { bidOn, startBidder } from '../support/bidder-server.ts'
import { type OtlpReceiver, type ReceivedSpan, startOtlpReceiver } from '../support/otlp-receiver.ts'
import { openRawWebSocket } from '../support/raw-websocket.ts'

const USER_IP = '198.51.100.23'
const RUN = `mutation Sell($input: RunAuctionInput!) { runAuction(input: $input) { __typename } }`
const VARIABLES = { input: { supplyId: 'supply1', ip: USER_IP, country: 'US', tmax: 2000 } }
const CALLER_SPAN = 'b7ad6b7169203331'

const disposer = createDisposer()
let receiver: OtlpReceiver
let app: TestApp
const asked: IncomingHttpHeaders[] = []
const lines: string[] = []

beforeAll(async () => {
  receiver = await startOtlpReceiver()
  disposer.add(() => receiver.dispose())
  const bidder = await startBidder((request, response, { headers }) => {
    asked.push(headers)
    response.end(bidOn(request, { price: 7.5 }))
  })
  disposer.add(() => bidder.dispose())
  app = await startApp({
    catalog: {
      supplies: { supply1: ['acme', 'bolt'] },
      bidders: { acme: { country: 'US', endpoint: bidder.url }, bolt: { country: 'US' } },
    },
    env: {
      OTEL_EXPORTER_OTLP_ENDPOINT: `${receiver.url}/`,
      OTEL_EXPORTER_OTLP_HEADERS: 'api-key=a%20key',
      OTEL_SERVICE_NAME: 'exchange',
      NO_BID_PROBABILITY: '0',
      RATE_LIMIT_MAX: '8',
    },
    log: pino({ level: 'info' }, { write: (line: string) => void lines.push(line) }),
  })
  disposer.add(() => app.dispose())
})
afterAll(() => disposer.dispose())

describe('traces', () => {
  it('should have a request, its operation and its auction, each under the other, whichever lane takes it', async () => {
    const taken = [await run(), await run()]
    for (const { traceId, requestId } of taken) {
      const spans = await receiver.ofTrace(traceId, 3)
      expect(spans).toHaveLength(3)
      const request = named(spans, 'POST /graphql')
      expect(request).toMatchObject({
        parentSpanId: CALLER_SPAN,
        kind: 'SERVER',
        isError: false,
        attributes: {
          'http.route': '/graphql',
          'http.response.status_code': 200,
          'http.response.header.x-request-id': [requestId],
        },
      })
      const operation = named(spans, 'mutation Sell')
      expect(operation).toMatchObject({
        parentSpanId: request.spanId,
        kind: 'INTERNAL',
        attributes: { 'graphql.operation.type': 'mutation', 'graphql.operation.name': 'Sell' },
      })
      const auction = named(spans, 'auction')
      expect(auction).toMatchObject({
        parentSpanId: operation.spanId,
        attributes: {
          'auction.supply_id': 'supply1',
          'auction.country': 'US',
          'auction.tmax_ms': 2000,
          'auction.outcome': 'SOLD',
          'auction.winner_id': 'acme',
          'auction.price': 7.5,
        },
      })
      expect(auction.events.map(({ name, attributes }) => [name, attributes])).toEqual([
        [
          'bidder answered',
          expect.objectContaining({ 'bidder.id': 'acme', 'bidder.outcome': 'WON', 'bidder.price': 7.5 }),
        ],
        ['bidder answered', expect.objectContaining({ 'bidder.id': 'bolt', 'bidder.outcome': 'LOST' })],
        ['winner known', {}],
      ])
      for (const { atMs } of auction.events) {
        expect(atMs).toBeGreaterThan(request.startMs - CLOCK_MS)
        expect(atMs).toBeLessThan(request.endMs + CLOCK_MS)
      }
    }
  })

  it('should say whose they are, and no address, text or variable', async () => {
    await receiver.ofTrace((await run()).traceId, 3)
    const { resource, headers, text } = receiver.last
    expect(resource).toMatchObject({
      'service.name': 'exchange',
      'service.instance.id': expect.stringMatching(/-[\da-f]{8}$/),
    })
    expect(headers['api-key']).toBe('a key')
    expect(text).not.toContain(USER_IP)
    expect(text).not.toContain('__typename')
  })

  it('should go on at bidders over HTTP, and in the log', async () => {
    const { traceId, requestId } = await run({ tracestate: 'vendor=1' })
    const auction = named(await receiver.ofTrace(traceId, 3), 'auction')
    expect(asked.at(-1)).toMatchObject({
      traceparent: `00-${traceId}-${auction.spanId}-01`,
      tracestate: 'vendor=1',
      'x-openrtb-version': '2.6',
    })
    await vi.waitFor(() => expect(lines.join()).toContain(requestId))
    const line = JSON.parse(lines.find((text) => text.includes(requestId)) ?? '{}')
    expect(line).toMatchObject({ msg: 'auction', traceId })
  })

  it('should leave out what its caller leaves out, and tell bidders so', async () => {
    const before = receiver.spans.length
    const unsampled = await run({}, '00')
    expect(asked.at(-1)?.traceparent).toMatch(new RegExp(`^00-${unsampled.traceId}-[\\da-f]{16}-00$`))
    expect(asked.at(-1)?.traceparent).not.toContain(CALLER_SPAN)
    // What comes later is there, so that it would be as well.
    await receiver.ofTrace((await run()).traceId, 3)
    expect(receiver.spans.slice(before).filter(({ traceId }) => traceId === unsampled.traceId)).toEqual([])
  })

  it('should have OpenRTB’s requests', async () => {
    const traceId = newTraceId()
    const device = { ip: '198.51.100.99', geo: { country: 'USA' } }
    const imp = [{ id: '1', tagid: 'supply1', banner: { format: [{ w: 300, h: 250 }] } }]
    const headers = { ...JSON_HEADERS, traceparent: `00-${traceId}-${CALLER_SPAN}-01` }
    const body = JSON.stringify({ id: '1', tmax: 2000, imp, device })
    await (await fetch(`${app.url}/openrtb2/auction`, { method: 'POST', headers, body })).text()
    const spans = await receiver.ofTrace(traceId, 2)
    const request = named(spans, 'POST /openrtb2/auction')
    expect(named(spans, 'auction').parentSpanId).toBe(request.spanId)
  })

  it('should have the operations of WebSockets, under the caller of the request that opened them', async () => {
    const traceId = newTraceId()
    const socket = await openRawWebSocket(app.graphql, { traceparent: `00-${traceId}-${CALLER_SPAN}-01` })
    try {
      await socket.ask('op1', { query: RUN, variables: { input: { ...VARIABLES.input, ip: '198.51.100.98' } } })
      await socket.ask('op2', { query: '{ nothing }' })
      socket.send({
        id: 'op3',
        type: 'subscribe',
        payload: { query: 'subscription Live { statsUpdated { supplyId } }' },
      })
      const spans = await receiver.ofTrace(traceId, 3)
      expect(named(spans, 'mutation Sell')).toMatchObject({
        parentSpanId: CALLER_SPAN,
        kind: 'SERVER',
        attributes: { 'graphql.operation.id': 'op1' },
      })
      expect(named(spans, 'auction').parentSpanId).toBe(named(spans, 'mutation Sell').spanId)
      expect(named(spans, 'subscription Live')).toMatchObject({ attributes: { 'graphql.operation.id': 'op3' } })
    } finally {
      socket.dispose()
    }
  })

  it('should say how an operation failed, and whether that was the service’s fault', async () => {
    const input = { ...VARIABLES.input, ip: '198.51.100.97' }
    for (let sold = 0; sold < 8; sold++) await run({}, '00', input)
    const limited = named(await receiver.ofTrace((await run({}, '01', input)).traceId, 3), 'mutation Sell')
    expect(limited).toMatchObject({ isError: false, attributes: { 'error.type': 'RATE_LIMITED' } })
    vi.spyOn(app.services.catalog, 'current').mockImplementation(() => {
      throw new Error('a bug')
    })
    const { traceId } = await run({}, '01', input).finally(() => vi.restoreAllMocks())
    const spans = await receiver.ofTrace(traceId, 3)
    expect(named(spans, 'auction')).toMatchObject({ isError: true, attributes: { 'error.type': 'Error' } })
    expect(named(spans, 'mutation Sell')).toMatchObject({
      isError: true,
      attributes: { 'error.type': 'INTERNAL_SERVER_ERROR' },
    })
    expect(named(spans, 'POST /graphql')).toMatchObject({
      isError: true,
      attributes: { 'http.response.status_code': 500 },
    })
  })

  it('should not have what monitors ask, and be sent to the last at a shutdown', async () => {
    await (await fetch(`${app.url}/livez`)).text()
    const { traceId } = await run({}, '01', { ...VARIABLES.input, ip: '198.51.100.96' })
    await app.dispose()
    expect(receiver.spans.filter((span) => span.traceId === traceId)).toHaveLength(3)
    expect(receiver.spans.filter(({ name }) => name.includes('livez'))).toEqual([])
  })
})

/** Sells, as a part of a trace of its own. */
async function run(
  headers: Readonly<Record<string, string>> = {},
  flags = '01',
  input: object = VARIABLES.input,
): Promise<{ traceId: string; requestId: string }> {
  const traceId = newTraceId()
  const response = await fetch(app.graphql, {
    method: 'POST',
    headers: { ...JSON_HEADERS, traceparent: `00-${traceId}-${CALLER_SPAN}-${flags}`, ...headers },
    body: JSON.stringify({ query: RUN, variables: { input } }),
  })
  await response.text()
  return { traceId, requestId: response.headers.get('x-request-id') ?? '' }
}

function newTraceId(): string {
  return randomBytes(16).toString('hex')
}

function named(spans: readonly ReceivedSpan[], name: string): ReceivedSpan {
  const found = spans.find((span) => span.name === name)
  if (!found) throw new Error(`There is no span ${name}, but ${spans.map((span) => span.name)}`)
  return found
}

const JSON_HEADERS = { 'content-type': 'application/json' }
/** Spans have the time of another clock than auctions, to the millisecond. */
const CLOCK_MS = 50
