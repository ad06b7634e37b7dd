import { createServer as createTlsServer } from 'node:https'
import type { Writable } from 'node:stream'
import { gzipSync } from 'node:zlib'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import type { ReasonName } from '../../src/bidders/reasons.ts'
import { createDisposer, type Disposer } from '../../src/disposer.ts'
import { type BidderServer, bidOn, serve, startBidder, startSocketServer } from '../support/bidder-server.ts'
import { CERTIFICATE, PRIVATE_KEY } from '../support/certificate.ts'
import fc from '../support/fast-check.ts'
import { type AskedBidders, bidderAt, openRtbBidders } from '../support/openrtb-bidders.ts'

type Behaviour = Parameters<typeof startBidder>[0]
const OK = 'HTTP/1.1 200 OK\r\n'
const BOMB = gzipSync(Buffer.alloc(50_000_000))
const KB = 'x'.repeat(1024)

/** Writes for as long as the connection is there. */
function stream(to: Writable, text: string, first = '') {
  if (first !== '') to.write(first)
  const timer = setInterval(() => to.write(text), 1)
  to.once('close', () => clearInterval(timer))
}

/** By the server's HTTP: what it does, and what it comes to. */
const ANSWERS: readonly [string, Behaviour, 'NO_BID' | 'BID' | 'TIMED_OUT' | ReasonName][] = [
  ['204', (_request, response) => response.writeHead(204).end(), 'NO_BID'],
  ['nothing', (_request, response) => response.end(), 'NO_BID'],
  ['204 in gzip', (_request, response) => response.writeHead(204, { 'content-encoding': 'gzip' }).end(), 'NO_BID'],
  ['a bid', (request, response) => response.end(bidOn(request)), 'BID'],
  [
    'a bid in pieces',
    (request, response) => [...bidOn(request)].forEach((c) => void response.write(c)) ?? response.end(),
    'BID',
  ],
  [
    'a bid in gzip',
    (request, response) => response.writeHead(200, { 'Content-Encoding': 'GZIP' }).end(gzipSync(bidOn(request))),
    'BID',
  ],
  [
    'a bid as text',
    (request, response) => response.writeHead(200, { 'content-type': 'text/html' }).end(bidOn(request)),
    'BID',
  ],
  [
    'early hints and a bid',
    (request, response) => {
      response.writeEarlyHints({ link: '</x>; rel=preload' })
      response.end(bidOn(request))
    },
    'BID',
  ],
  ['a redirect', (_request, response) => response.writeHead(302, { location: '/other' }).end(), 'HTTP_STATUS'],
  [
    '301 with a bid',
    (request, response) => response.writeHead(301, { location: '/' }).end(bidOn(request)),
    'HTTP_STATUS',
  ],
  ['201 with a bid', (request, response) => response.writeHead(201).end(bidOn(request)), 'HTTP_STATUS'],
  ['400', (_request, response) => response.writeHead(400).end(), 'HTTP_STATUS'],
  ['503 and a page', (_request, response) => response.writeHead(503).end('<html>'), 'HTTP_STATUS'],
  ['1 MB', (_request, response) => response.end(KB.repeat(1024)), 'TOO_LARGE'],
  ['a stream without end', (_request, response) => stream(response, KB.repeat(16)), 'TOO_LARGE'],
  ['one byte at a time', (_request, response) => stream(response, ' '), 'TIMED_OUT'],
  [
    'a bomb of gzip',
    (_request, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(BOMB),
    'TOO_LARGE',
  ],
  [
    'gzip cut short',
    (request, response) =>
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(bidOn(request)).subarray(0, 40)),
    'INVALID_ENCODING',
  ],
  [
    'no gzip',
    (request, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(bidOn(request)),
    'INVALID_ENCODING',
  ],
  [
    'brotli',
    (_request, response) => response.writeHead(200, { 'content-encoding': 'br' }).end('x'),
    'INVALID_ENCODING',
  ],
  [
    'bytes that are no UTF-8',
    (_request, response) => response.end(Buffer.from([0x7b, 0xff, 0xfe])),
    'INVALID_ENCODING',
  ],
  ['a page', (_request, response) => response.end('<html>'), 'INVALID_JSON'],
  ['JSON cut short', (request, response) => response.end(bidOn(request).slice(0, -5)), 'INVALID_JSON'],
  ['no answer', () => {}, 'TIMED_OUT'],
]

/** By what is on the wire. */
const WIRE: readonly [string, Parameters<typeof startSocketServer>[0], 'TIMED_OUT' | ReasonName][] = [
  ['a reset', (socket) => socket.resetAndDestroy(), 'CONNECTION_FAILED'],
  ['the end', (socket) => socket.end(), 'CONNECTION_FAILED'],
  ['what is no HTTP', (socket) => socket.end('220 mail.example ESMTP\r\n'), 'CONNECTION_FAILED'],
  ['less than it said', (socket) => socket.end(`${OK}content-length: 99\r\n\r\n{}`), 'CONNECTION_FAILED'],
  ['chunks cut short', (socket) => socket.end(`${OK}transfer-encoding: chunked\r\n\r\nff\r\n{}`), 'CONNECTION_FAILED'],
  [
    'chunks of a size that is none',
    (socket) => socket.end(`${OK}transfer-encoding: chunked\r\n\r\nzz\r\n`),
    'CONNECTION_FAILED',
  ],
  ['100 Continue', (socket) => socket.write('HTTP/1.1 100 Continue\r\n\r\n'), 'CONNECTION_FAILED'],
  ['102 for ever', (socket) => stream(socket, 'HTTP/1.1 102 Processing\r\n\r\n'), 'TIMED_OUT'],
  [
    'another protocol',
    (socket) => socket.write('HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n'),
    'CONNECTION_FAILED',
  ],
  ['headers without end', (socket) => stream(socket, `x-${KB}: y\r\n`, OK), 'TOO_LARGE'],
  ['a header without end', (socket) => stream(socket, KB, `${OK}x: `), 'TOO_LARGE'],
  ['headers one byte at a time', (socket) => stream(socket, 'x', OK), 'TIMED_OUT'],
  ['a beginning and nothing more', (socket) => socket.write(`${OK}content-length: 9\r\n\r\n{`), 'TIMED_OUT'],
]

let disposer: Disposer
let bidders: AskedBidders
beforeEach(() => {
  disposer = createDisposer()
  bidders = openRtbBidders()
  disposer.add(() => bidders.dispose())
})
afterEach(() => disposer.dispose())

const unhandled = vi.fn()
beforeAll(() => void process.on('unhandledRejection', unhandled).on('uncaughtException', unhandled))
afterAll(() => {
  process.off('unhandledRejection', unhandled).off('uncaughtException', unhandled)
  expect(unhandled).not.toHaveBeenCalled()
})

async function start(starting: Promise<BidderServer>): Promise<BidderServer> {
  const server = await starting
  disposer.add(() => server.dispose())
  return server
}

/** Asks once, expects this, and that nothing is left of it. */
async function expectOf(url: string, expected: string, tmaxMs = expected === 'TIMED_OUT' ? 800 : 3000): Promise<void> {
  const { outcome, reason, priceMicros } = await bidders.ask(bidderAt(url), tmaxMs)
  expect(reason ?? (outcome === 'LOST' ? 'BID' : outcome)).toBe(expected)
  expect(priceMicros).toBe(expected === 'BID' ? 1_500_000 : null)
  await vi.waitFor(() => expect(bidders.status().bidders.get('acme')?.inFlight).toBe(0))
}

describe('a bidder over HTTP', () => {
  it.each(ANSWERS)('should be understood where it answers %s', async (_what, behave, expected) => {
    const server = await start(startBidder(behave))
    await expectOf(server.url, expected)
    expect(server.requests).toBe(1)
  })

  it.each(WIRE)('should fail alone where its connection brings %s', async (_what, behave, expected) => {
    const server = await start(startSocketServer(behave))
    await expectOf(server.url, expected)
    expect(server.requests).toBe(1)
    await vi.waitFor(() => expect(server.ended).toBeGreaterThan(0))
  })

  it.each<[string, string, ReasonName]>([
    ['nobody listens', 'http://127.0.0.1:1/', 'CONNECTION_FAILED'],
    ['its name stands for nothing', 'http://bidder.invalid/', 'DNS_FAILED'],
  ])('should fail where %s', async (_what, url, expected) => {
    const answer = await bidders.ask(bidderAt(url), 3000)
    expect(answer).toMatchObject({ outcome: 'ERROR', reason: expected })
  })

  it('should fail where its certificate is wrong, and where it speaks no TLS', async () => {
    const tls = await start(serve(createTlsServer({ key: PRIVATE_KEY, cert: CERTIFICATE }), undefined, 'https'))
    await expectOf(tls.url, 'TLS_FAILED', 3000)
    const plain = await start(startBidder((_request, response) => response.end()))
    const { reason } = await bidders.ask(bidderAt(plain.url.replace('http:', 'https:'), {}, 'plain'), 3000)
    expect(reason).toBe('TLS_FAILED')
  })

  it('should come to an outcome, whatever bytes it sends', async () => {
    let bytes = Buffer.alloc(0)
    const server = await start(startSocketServer((socket) => void socket.end(bytes)))
    let asked = 0
    const answers = fc.oneof(
      fc.uint8Array({ maxLength: 300 }).map((random) => Buffer.from(random)),
      fc
        .tuple(fc.constantFrom('200 OK', '204 No', '999 ?', '100 C'), fc.string({ maxLength: 40 }), fc.uint8Array())
        .map(([status, header, body]) =>
          Buffer.concat([Buffer.from(`HTTP/1.1 ${status}\r\n${header}\r\nconnection: close\r\n\r\n`), body]),
        ),
    )
    await fc.assert(
      fc.asyncProperty(answers, async (random) => {
        bytes = random
        // Each is a bidder of its own: one that fails so often would not be asked any more.
        const { outcome, reason } = await bidders.ask(bidderAt(server.url, {}, `bidder-${asked++}`), 2000)
        expect(['NO_BID', 'ERROR']).toContain(outcome)
        expect(reason !== undefined).toBe(outcome === 'ERROR')
      }),
      { numRuns: 150 },
    )
    expect(server.requests).toBe(asked)
  })
})
