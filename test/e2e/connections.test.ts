import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { SMALL_CATALOG, startApp, type TestApp } from '../support/app.ts'
import { openRawSocket, type RawSocket } from '../support/graphql.ts'

const [ONE, ANOTHER, PROXY] = ['127.0.0.2', '127.0.0.3', '127.0.0.4']
const LISTED = 'https://ads.example'
const MESSAGES_PER_SECOND = 200
const TO_ALL = 'subscription { statsUpdated { supplyId } }'
const GET = (path: string) => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`
const UPGRADE = [
  'GET /graphql HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n',
].join('\r\n')

describe('a service of eight connections, three of each address', () => {
  let app: TestApp
  const sockets = new Set<Socket>()
  beforeAll(async () => {
    const env = {
      CORS_ORIGINS: LISTED,
      MAX_CONNECTIONS: '8',
      MAX_CONNECTIONS_PER_ADDRESS: '3',
      TRUSTED_PROXIES: PROXY as string,
      MAX_SUBSCRIPTIONS_PER_CONNECTION: '3',
      MAX_SUBSCRIPTIONS_PER_ADDRESS: '4',
      MAX_WEBSOCKET_MESSAGE_BYTES: '2000',
      MAX_WEBSOCKET_MESSAGES_PER_SECOND: `${MESSAGES_PER_SECOND}`,
    }
    app = await startApp({ catalog: SMALL_CATALOG, env })
  })
  afterEach(async () => {
    const closed = [...sockets].map((socket) => (socket.closed ? undefined : once(socket, 'close')))
    for (const socket of sockets) socket.destroy()
    sockets.clear()
    await Promise.all(closed)
    // The service hears of it a moment later.
    await vi.waitFor(async () => expect(await ask(ONE, GET('/livez'))).toMatch(/keep-alive/))
  })
  afterAll(() => app?.dispose())

  async function open(localAddress: string | undefined): Promise<Socket> {
    const socket = connect({ port: Number(new URL(app.url).port), host: '127.0.0.1', localAddress })
    sockets.add(socket.on('error', () => {}))
    await once(socket, 'connect')
    return socket
  }

  function openSome(count: number, localAddress: string | undefined): Promise<Socket[]> {
    return Promise.all(Array.from({ length: count }, () => open(localAddress)))
  }

  /** What is answered, up to what is looked for. */
  async function askUntil(localAddress: string | undefined, request: string, pattern: RegExp): Promise<string> {
    const socket = await open(localAddress)
    socket.write(request)
    let text = ''
    for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
      text += chunk
      if (pattern.test(text)) return text
    }
    return text
  }

  function subscribe(localAddress: string | undefined, headers = ''): Promise<string> {
    const path = `/graphql?query=${encodeURIComponent(TO_ALL)}`
    const request = `GET ${path} HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n${headers}\r\n`
    return askUntil(localAddress, request, /supplyId|errors/)
  }

  function untilReceived({ messages }: RawSocket, count: number): Promise<void> {
    return vi.waitFor(() => expect(messages.length).toBeGreaterThanOrEqual(count), { interval: 5 })
  }

  /** What is answered first. */
  async function ask(localAddress: string | undefined, request: string): Promise<string> {
    const socket = await open(localAddress)
    socket.write(request)
    const [data] = await once(socket, 'data')
    socket.destroy()
    return String(data)
  }

  it('should tell the fourth of an address why it is refused, and what to do', async () => {
    await openSome(3, ONE)
    const answer = await ask(ONE, GET('/graphql?query={__typename}').replace('\r\n', `\r\nOrigin: ${LISTED}\r\n`))
    expect(answer).toMatch(/^HTTP\/1\.1 503 /)
    expect(answer).toMatch(/Retry-After: 1\r\n/)
    expect(answer).toContain(`Access-Control-Allow-Origin: ${LISTED}\r\n`)
    expect(answer).toMatch(
      /"message":"[^"]*MAX_CONNECTIONS_PER_ADDRESS[^"]*","extensions":{"code":"TOO_MANY_CONNECTIONS"}/,
    )
    expect(await ask(ANOTHER, GET('/graphql?query={__typename}'))).toMatch(/^HTTP\/1\.1 200 /)
  })

  it('should not count the connections of a proxy by address, but the ninth in all', async () => {
    const [first] = await openSome(8, PROXY)
    const answer = await ask(ONE, UPGRADE)
    expect(answer).toMatch(/^HTTP\/1\.1 503 /)
    expect(answer).toMatch(/"message":"[^"]*MAX_CONNECTIONS [^"]*","extensions":{"code":"TOO_MANY_CONNECTIONS"}/)
    first?.write(GET('/graphql?query={__typename}'))
    expect(String(await once(first as Socket, 'data'))).toMatch(/^HTTP\/1\.1 200 /)
  })

  it('should still say that it lives where no connection is left', async () => {
    await openSome(8, PROXY)
    expect(await ask(ONE, GET('/livez'))).toMatch(/^HTTP\/1\.1 200 .*\r\nConnection: close/s)
  })

  it('should close what it refuses and what then asks nothing, hundreds at once, and serve who comes later', async () => {
    const [first] = await openSome(8, PROXY)
    const many = await openSome(300, ONE)
    await vi.waitFor(() => expect(many.filter((socket) => !socket.resume().closed)).toHaveLength(0))
    first?.destroy()
    await vi.waitFor(async () => expect(await ask(ANOTHER, GET('/livez'))).toMatch(/keep-alive/))
  })

  it('should bound the subscriptions of a connection, and of an address over every transport', async () => {
    const client = await openRawSocket(app.graphql)
    const errors = () => client.messages.filter(({ type }) => type === 'error')
    for (let count = 0; count < 3; count++) client.subscribe(TO_ALL)
    await untilReceived(client, 3)
    client.subscribe(TO_ALL)
    await vi.waitFor(() => expect(errors()).toHaveLength(1))
    expect(JSON.stringify(errors())).toMatch(/A connection may have 3 .*"code":"TOO_MANY_SUBSCRIPTIONS"/)

    expect(await subscribe('127.0.0.1')).toMatch(/supplyId/)
    expect(await subscribe('127.0.0.1')).toMatch(/MAX_SUBSCRIPTIONS_PER_ADDRESS.*"code":"TOO_MANY_SUBSCRIPTIONS"/)
    expect(await subscribe(PROXY, 'X-Forwarded-For: 127.0.0.1\r\n')).toMatch(/"code":"TOO_MANY_SUBSCRIPTIONS"/)
    expect(await subscribe(PROXY, 'X-Forwarded-For: 127.0.0.1, 198.51.100.1\r\n')).toMatch(/supplyId/)
    expect(await subscribe(PROXY)).toMatch(/supplyId/)

    client.socket.send('{"id":"1","type":"complete"}')
    await vi.waitFor(async () => expect(await subscribe(PROXY, 'X-Forwarded-For: 127.0.0.1\r\n')).toMatch(/supplyId/))
    await client.dispose()
  })

  it('should read no more of a WebSocket in a second than it may send, and all of it in time', async () => {
    const [hasty, other] = [await openRawSocket(app.graphql), await openRawSocket(app.graphql)]
    const startedAt = performance.now()
    for (let count = 0; count < 300; count++) hasty.socket.send('{"type":"ping"}')
    await untilReceived(hasty, 300)
    hasty.socket.send('{"type":"ping"}')
    other.socket.send('{"type":"ping"}')
    await untilReceived(other, 1)
    expect(hasty.messages).toHaveLength(300)
    await untilReceived(hasty, 301)
    // What it may send at once, in a tenth of a second, is over by then.
    expect(performance.now() - startedAt).toBeGreaterThan(((301 - 21) / MESSAGES_PER_SECOND) * 1000)
    await Promise.all([hasty.dispose(), other.dispose()])
  })

  it('should close a WebSocket whose message is larger than it may be', async () => {
    const client = await openRawSocket(app.graphql)
    client.socket.send(JSON.stringify({ type: 'ping', payload: { text: 'x'.repeat(2000) } }))
    expect(await client.closed).toBe(1009)
  })
})
