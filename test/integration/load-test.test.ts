import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { WebSocketServer } from 'ws'
import { createDisposer } from '../../src/disposer.ts'
import { discoverTargets } from '../../src/load-test/discover.ts'
import { createHttpTransport } from '../../src/load-test/http-transport.ts'
import { createRecorder, type LoadReport } from '../../src/load-test/recorder.ts'
import { createRequests, type Target } from '../../src/load-test/requests.ts'
import { type LoadOptions, runLoad } from '../../src/load-test/run-load.ts'
import type { Transport } from '../../src/load-test/types.ts'
import { createWebSocketTransport } from '../../src/load-test/ws-transport.ts'
import { SMALL_CATALOG, startApp, type TestApp } from '../support/app.ts'
import { BIDDERS_MS, startFakeService } from '../support/fake-service.ts'
import { freePort } from '../support/free-port.ts'

const disposer = createDisposer()
afterEach(() => disposer.dispose())

function use<T extends { dispose(): Promise<void> }>(opened: T): T {
  disposer.add(() => opened.dispose())
  return opened
}

/** A server that speaks WebSocket alone. */
async function startWebSocketServer(): Promise<{ server: WebSocketServer; port: number }> {
  const handleProtocols = () => 'graphql-transport-ws'
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols })
  disposer.add(() => void server.close())
  await once(server, 'listening')
  return { server, port: (server.address() as AddressInfo).port }
}

const fakeTargets: Target[] = [{ supplyId: 'supply1', country: 'US' }]

async function load(
  transport: Transport,
  options: Pick<LoadOptions, 'pace' | 'durationMs'> & Partial<LoadOptions>,
  targets = fakeTargets,
): Promise<LoadReport> {
  const recorder = createRecorder()
  const nextRequest = createRequests({ targets, tmaxMs: 200 })
  return recorder.report(await runLoad({ transport, nextRequest, recorder, ...options }))
}

it.each([{ concurrency: 2 }, { ratePerSecond: 1000 }])(
  'should end once there is no further request, at %o',
  async (pace) => {
    const service = use(await startFakeService((_number, respond) => setTimeout(respond, 20)))
    const transport = use(createHttpTransport({ url: service.url, connections: 5 }))
    const makeRequest = createRequests({ targets: fakeTargets, tmaxMs: 200 })
    let left = 5
    const nextRequest = () => (left-- > 0 ? makeRequest() : undefined)
    const report = await load(transport, { pace, durationMs: 3_600_000, nextRequest })
    expect(report).toMatchObject({ answers: 5, errors: 0, unsent: 0 })
    expect(service.auctions()).toBe(5)
  },
)

describe('a load with so many in flight', () => {
  it('should keep exactly so many in flight and tell the service’s own part of the delay', async () => {
    const service = use(await startFakeService((_number, respond) => setTimeout(respond, 20)))
    const transport = use(createHttpTransport({ url: service.url, connections: 8 }))
    const report = await load(transport, { pace: { concurrency: 8 }, durationMs: 400 })

    expect(service.mostInFlight()).toBe(8)
    expect(report).toMatchObject({ answers: service.auctions(), errors: 0, unsent: 0 })
    expect(report.answersByType).toEqual({ Auction: report.answers })
    expect(report.throughput).toBeCloseTo((report.answers / report.elapsedMs) * 1000)
    const { latencyMs, ownMs, ownShare } = report
    expect(latencyMs?.p50).toBeGreaterThanOrEqual(19)
    expect(latencyMs?.p99).toBeGreaterThanOrEqual(latencyMs?.p50 ?? Infinity)
    expect(latencyMs?.max).toBeGreaterThanOrEqual(latencyMs?.p999 ?? Infinity)
    expect((latencyMs?.mean ?? 0) - (ownMs?.mean ?? 0)).toBeCloseTo(BIDDERS_MS, 1)
    expect(ownShare).toBeCloseTo((ownMs?.mean ?? 0) / (latencyMs?.mean ?? 1), 1)
  })

  it('should count errors by code', async () => {
    const service = use(
      await startFakeService((number, respond, response) => {
        const kind = number % 4
        if (kind === 0) response.writeHead(502).end('<html>')
        else if (kind === 1) response.writeHead(429).end('{"errors":[{"extensions":{"code":"RATE_LIMITED"}}]}')
        else if (kind === 2) response.destroy()
        else respond()
      }),
    )
    const transport = use(createHttpTransport({ url: service.url, connections: 1 }))
    const report = await load(transport, { pace: { ratePerSecond: 40 }, durationMs: 1000 })

    expect(report.errorsByCode).toEqual({ 'HTTP 502': 10, RATE_LIMITED: 10, UND_ERR_SOCKET: 10 })
    expect(report).toMatchObject({ answers: 10, errors: 30 })
  })

  it('should count connections that are refused, and not try again at once', async () => {
    const url = new URL(`http://127.0.0.1:${await freePort()}/graphql`)
    for (const transport of [
      use(createHttpTransport({ url, connections: 2 })),
      use(createWebSocketTransport({ url: new URL(url.href.replace('http', 'ws')), connections: 2 })),
    ]) {
      const report = await load(transport, { pace: { concurrency: 2 }, durationMs: 250 })
      expect(report.answers).toBe(0)
      expect(Object.keys(report.errorsByCode)).toEqual(['ECONNREFUSED'])
      expect(report.errors).toBeLessThanOrEqual(6)
    }
  })

  it('should end when it is told to, though nobody answers', async () => {
    const service = use(await startFakeService(() => {}))
    const transport = use(createHttpTransport({ url: service.url, connections: 2 }))
    const interruption = new AbortController()
    const running = load(transport, { pace: { concurrency: 2 }, durationMs: 60_000, signal: interruption.signal })
    await expect.poll(service.auctions).toBe(2)
    const abortedAt = performance.now()
    interruption.abort()
    expect(await running).toMatchObject({ answers: 0, errors: 0 })
    expect(performance.now() - abortedAt).toBeLessThan(5000)
  })
})

describe('a load at a constant rate', () => {
  it('should send what the timetable says, whatever the service does', async () => {
    const service = use(await startFakeService((_number, respond) => setTimeout(respond, 150)))
    const transport = use(createHttpTransport({ url: service.url, connections: 200 }))
    const report = await load(transport, { pace: { ratePerSecond: 200 }, durationMs: 500 })
    expect(report).toMatchObject({ answers: 100, unsent: 0 })
  })

  it('should charge a stall with every request that fell due meanwhile', async () => {
    const service = use(
      await startFakeService((number, respond) => (number === 20 ? setTimeout(respond, 500) : respond())),
    )
    // One connection: each request is sent after the answer before, as by a generator that waits.
    const transport = use(createHttpTransport({ url: service.url, connections: 1 }))
    const report = await load(transport, { pace: { ratePerSecond: 100 }, durationMs: 1000 })

    expect(report.answers).toBe(100)
    // 50 requests fell due during the stall: the unluckiest waited all of it, the median one of them half.
    expect(report.latencyMs?.p99).toBeGreaterThan(450)
    expect(report.latencyMs?.p90).toBeGreaterThan(300)
  })

  it('should say how many were due and not sent, where too many are unanswered', async () => {
    let sent = 0
    const transport: Transport = { send: () => void sent++, dispose: async () => {} }
    const signal = AbortSignal.timeout(300)
    const report = await load(transport, { pace: { ratePerSecond: 1_000_000 }, durationMs: 100, signal })
    expect(sent).toBeGreaterThan(0)
    expect(sent).toBeLessThan(100_000)
    expect(report).toMatchObject({ answers: 0, unsent: 100_000 - sent })
  })
})

describe('a load over WebSocket', () => {
  it('should count a connection that the service closes, and open another', async () => {
    let connections = 0
    const { server, port } = await startWebSocketServer()
    server.on('connection', (socket) => {
      connections++
      socket.on('message', (data) => {
        if (String(data).includes('connection_init')) socket.send('{"type":"connection_ack"}')
        else socket.close(4500)
      })
    })
    const url = new URL(`ws://127.0.0.1:${port}/graphql`)
    const transport = use(createWebSocketTransport({ url, connections: 1 }))
    const report = await load(transport, { pace: { ratePerSecond: 10 }, durationMs: 500 })
    expect(report).toMatchObject({ answers: 0, errors: 5, errorsByCode: { 'WebSocket 4500': 5 } })
    expect(connections).toBeGreaterThan(1)
  })
})

describe('a load on the service itself', () => {
  let app: TestApp
  let url: URL
  beforeAll(async () => {
    app = await startApp({ catalog: SMALL_CATALOG })
    url = new URL(app.graphql)
  })
  afterAll(() => app.dispose())

  async function requestsCounted(): Promise<number> {
    const stats = await app.services.stats.read(await app.services.stats.supplyIds({ first: 100 }))
    return stats.reduce((sum, supply) => sum + (supply?.totalRequests ?? 0), 0)
  }

  it.each(['http', 'ws'] as const)('should be counted by it, over %s', async (protocol) => {
    const targets = await discoverTargets({ url })
    const transport = use(
      protocol === 'http'
        ? createHttpTransport({ url, connections: 4 })
        : createWebSocketTransport({ url: new URL(url.href.replace('http', 'ws')), connections: 1 }),
    )
    const before = await requestsCounted()
    const report = await load(transport, { pace: { ratePerSecond: 200 }, durationMs: 500 }, targets)

    expect(report).toMatchObject({ answers: 100, errors: 0 })
    expect((await requestsCounted()) - before).toBe(100)
    // Nobody waits for a bidder here: all delay is the service's own.
    expect(report.ownShare).toBe(1)
  })

  it('should find what can be sold, and where', async () => {
    expect(await discoverTargets({ url })).toEqual([
      { supplyId: 'supply1', country: 'US' },
      { supplyId: 'supply2', country: 'US' },
      { supplyId: 'supply3', country: expect.stringMatching(/^(US|GB)$/) },
      { supplyId: 'supply4', country: 'US' },
    ])
    expect(await discoverTargets({ url, supplyId: 'supply2', country: 'GB' })).toEqual([
      { supplyId: 'supply2', country: 'GB' },
    ])
    await expect(discoverTargets({ url, supplyId: 'nowhere' })).rejects.toThrow('has the id nowhere')
  })

  it('should be refused by the rate limit where every request is of one address', async () => {
    const transport = use(createHttpTransport({ url, connections: 4 }))
    const recorder = createRecorder()
    const nextRequest = createRequests({ targets: fakeTargets, tmaxMs: 200, ip: '203.0.113.7' })
    const pace = { ratePerSecond: 50 }
    await runLoad({ transport, nextRequest, recorder, pace, durationMs: 200 })
    expect(recorder.report({ elapsedMs: 200, unsent: 0 })).toMatchObject({
      answers: 3,
      errorsByCode: { RATE_LIMITED: 7 },
    })
  })
})

describe('finding the service', () => {
  it('should say in one line that it cannot be reached', async () => {
    const url = new URL(`http://127.0.0.1:${await freePort()}/graphql`)
    await expect(discoverTargets({ url })).rejects.toThrow(`${url} cannot be reached (ECONNREFUSED)`)
  })

  it('should say in one line that something else answers', async () => {
    const { port } = await startWebSocketServer()
    const url = new URL(`http://127.0.0.1:${port}/graphql`)
    await expect(discoverTargets({ url })).rejects.toThrow('does not answer as the auction service does (HTTP 426)')
  })
})
