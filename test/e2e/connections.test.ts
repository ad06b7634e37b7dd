import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { SMALL_CATALOG, startApp, type TestApp } from '../support/app.ts'

const [ONE, ANOTHER, PROXY] = ['127.0.0.2', '127.0.0.3', '127.0.0.4']
const GET = (path: string) => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`
const UPGRADE = [
  'GET /graphql HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n',
].join('\r\n')

describe('a service of eight connections, three of each address', () => {
  let app: TestApp
  const sockets = new Set<Socket>()
  beforeAll(async () => {
    const env = { MAX_CONNECTIONS: '8', MAX_CONNECTIONS_PER_ADDRESS: '3', TRUSTED_PROXIES: PROXY as string }
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
    const answer = await ask(ONE, GET('/graphql?query={__typename}'))
    expect(answer).toMatch(/^HTTP\/1\.1 503 /)
    expect(answer).toMatch(/Retry-After: 1\r\n/)
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
    await vi.waitFor(() => expect(many.filter((socket) => !socket.resume().closed)).toHaveLength(0), { timeout: 5000 })
    first?.destroy()
    await vi.waitFor(async () => expect(await ask(ANOTHER, GET('/livez'))).toMatch(/keep-alive/))
  })
})
