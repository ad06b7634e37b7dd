import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { startApp, type TestApp } from '../support/app.ts'
import { dataOf, exchange } from '../support/graphql.ts'
import { nextAddress } from '../support/load.ts'
import { connectedClients } from '../support/sockets.ts'

const UNREAD_TIMEOUT_MS = 1000
const PIPELINED_MAX = 100
/** A page that may call. */
const LISTED = 'https://ads.example'
const PAGE = 'GET /graphql HTTP/1.1\r\nHost: localhost\r\nAccept: text/html\r\nConnection: close\r\n\r\n'
const BIDDERS = Array.from({ length: 600 }, (_, index) => `bidder${index}`)
const SUPPLIES = Array.from({ length: 6 }, (_, index) => `supply${index}`)
const CATALOG = {
  supplies: Object.fromEntries(SUPPLIES.map((supply) => [supply, BIDDERS])),
  bidders: Object.fromEntries(BIDDERS.map((bidder) => [bidder, { country: 'US' }])),
}
const SELL_ALL = `mutation ($ip: IPAddress!) {
  ${SUPPLIES.map((id) => `${id}: runAuction(input: { supplyId: "${id}", ip: $ip, country: "US", tmax: 1 }) { __typename }`).join(' ')}
}`
/** Most of a megabyte for each supply, since the system's own buffers, which are to be full, hold some. */
const LARGE_VALUES = `subscription { statsUpdated(minIntervalMs: 50) {
  ${Array.from({ length: 15 }, (_, index) => `a${index}: bidders { bidderId wins losses noBids timeouts totalRevenue }`).join(' ')}
} }`

let app: TestApp
let port: number
beforeAll(async () => {
  const env = {
    UNREAD_TIMEOUT_MS: `${UNREAD_TIMEOUT_MS}`,
    RATE_LIMIT_MAX: '1000000',
    CORS_ORIGINS: LISTED,
  }
  app = await startApp({ catalog: CATALOG, env })
  port = Number(new URL(app.url).port)
})
afterAll(() => app?.dispose())

function post(body: object, headers = ''): string {
  const text = JSON.stringify(body)
  return `POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n${headers}Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`
}

/** A client that takes nothing of what it is sent, unless it is resumed. */
async function openUnread(request: string): Promise<Socket> {
  const socket = connect(port, '127.0.0.1').on('error', () => {})
  await once(socket, 'connect')
  expect(connectedClients(port)).toContain(socket.localPort)
  socket.pause().write(request)
  return socket
}

async function untilCut(socket: Socket): Promise<void> {
  const localPort = socket.localPort as number
  await vi.waitFor(() => expect(connectedClients(port)).not.toContain(localPort), { interval: 20 })
}

describe('a client that does not read what it is sent', () => {
  it('should be cut off from a page', async () => {
    await untilCut(await openUnread(PAGE))
  })

  it('should be cut off from the events of a subscription', async () => {
    await dataOf(app.graphql, SELL_ALL, { ip: nextAddress() })
    const socket = await openUnread(post({ query: LARGE_VALUES }, 'Accept: text/event-stream\r\n'))
    await vi.waitFor(() => expect(app.services.feed.subscribers()).toBe(1))
    await untilCut(socket)
    await vi.waitFor(() => expect(app.services.feed.subscribers()).toBe(0))
  })

  it('should be sent all of it, where it takes longer but goes on', async () => {
    const socket = await openUnread(PAGE)
    const startedAt = performance.now()
    let received = ''
    for await (const chunk of socket.setEncoding('latin1')) {
      received += chunk
      await delay(10)
    }
    expect(performance.now() - startedAt).toBeGreaterThan(UNREAD_TIMEOUT_MS)
    const [head = ''] = received.split('\r\n\r\n', 1)
    expect(received.length - head.length - 4).toBe(Number(/content-length: (\d+)/i.exec(head)?.[1]))
  })
})

describe('requests that are sent before earlier ones are answered', () => {
  it('should be answered in their order', async () => {
    const requests = Array.from({ length: 50 }, (_, index) => post({ query: `{ a${index}: __typename }` }))
    requests.push(post({ query: '{ last: __typename }' }, 'Connection: close\r\n'))
    const answers = await exchange(app.url, requests.join(''))
    const names = [...answers.matchAll(/"data":{"(\w+)"/g)].map(([, name]) => name)
    expect(names).toEqual([...Array.from({ length: 50 }, (_, index) => `a${index}`), 'last'])
  })

  it('should be refused beyond a hundred, and end their connection', async () => {
    const answers = await exchange(
      app.url,
      `GET /livez HTTP/1.1\r\nHost: localhost\r\nOrigin: ${LISTED}\r\n\r\n`.repeat(3 * PIPELINED_MAX),
    )
    const statuses = [...answers.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status)
    expect(statuses).toEqual([...Array.from({ length: 1 + PIPELINED_MAX }, () => '200'), '429'])
    expect(answers).toMatch(/"code":"TOO_MANY_PIPELINED_REQUESTS"/)
    expect(answers.split('HTTP/1.1 429').at(-1)).toContain(`Access-Control-Allow-Origin: ${LISTED}\r\n`)
  })

  it('should cost their client its connection where nobody reads the answers', async () => {
    const socket = await openUnread(PAGE.replace('Connection: close\r\n', '').repeat(3 * PIPELINED_MAX))
    await untilCut(socket)
  })
})
