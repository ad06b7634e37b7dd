import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { SMALL_CATALOG, startApp, type TestApp } from '../support/app.ts'
import { exchange, execute } from '../support/graphql.ts'
import { openRawWebSocket } from '../support/raw-websocket.ts'

/** As `curl --http2` offers it. */
const H2C = ['Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA']
const TYPENAME = JSON.stringify({ query: '{ __typename }' })
const RUN = JSON.stringify({
  query:
    'mutation { runAuction(input: {supplyId: "supply1", ip: "203.0.113.7", country: "US"}) { __typename ... on Auction { request { ip } } } }',
})

describe('a request that offers another protocol', () => {
  let app: TestApp
  beforeAll(async () => {
    app = await startApp({ catalog: SMALL_CATALOG })
  })
  afterAll(() => app?.dispose())

  it.each([
    ['h2c', H2C],
    ['TLS', ['Connection: upgrade', 'Upgrade: TLS/1.0']],
    ['several', ['Connection: keep-alive, Upgrade', 'Upgrade: h2c, websocket']],
  ])('should be answered over HTTP/1.1: %s', async (_name, headers) => {
    const text = await exchange(app.url, headOf('GET /livez', headers))
    expect(text).toMatch(/^HTTP\/1\.1 200 OK\r\n/)
    expect(text).toMatch(/\r\nConnection: close\r\n/)
    expect(text).toContain('{"status":"ok"}')
  })

  it('should be answered with its body, whose length is told', async () => {
    const head = headOf('POST /graphql', [...H2C, ...JSON_TYPE, `Content-Length: ${TYPENAME.length}`])
    for (const pieces of [[head + TYPENAME], [head, TYPENAME], [head, ...TYPENAME]]) {
      expect(await exchange(app.url, ...pieces)).toContain('{"data":{"__typename":"Query"}}')
    }
  })

  it('should be answered with its body in chunks', async () => {
    const head = headOf('POST /graphql', [...H2C, ...JSON_TYPE, 'Transfer-Encoding: chunked'])
    const chunks = [...TYPENAME].map((byte) => `1\r\n${byte}\r\n`).join('')
    expect(await exchange(app.url, head, `${chunks}0\r\n\r\n`)).toContain('{"data":{"__typename":"Query"}}')
  })

  it('should be answered after another one on the same connection', async () => {
    const first = headOf('POST /graphql', [...JSON_TYPE, `Content-Length: ${TYPENAME.length}`]) + TYPENAME
    const text = await exchange(app.url, first, headOf('GET /livez', H2C))
    expect(text).toMatch(/\{"data":\{"__typename":"Query"\}\}HTTP\/1\.1 200 OK\r\n[\s\S]*\{"status":"ok"\}$/)
  })

  it('should not have what follows its body taken for a request', async () => {
    const auction = headOf('POST /graphql', [...JSON_TYPE, `Content-Length: ${RUN.length}`]) + RUN
    await exchange(app.url, headOf('POST /livez', [...H2C, 'Content-Length: 0']) + auction).catch(() => {})
    await exchange(app.url, headOf('GET /livez', H2C), headOf('GET /livez', H2C), auction).catch(() => {})
    expect((await execute(app.graphql, '{ stats { totalRequests } }')).data).toEqual({ stats: [] })
  })

  it('should be refused as any other where it tells its length twice', async () => {
    const head = headOf('POST /graphql', [...H2C, ...JSON_TYPE, 'Content-Length: 2', 'Transfer-Encoding: chunked'])
    expect(await exchange(app.url, head)).toMatch(/^HTTP\/1\.1 400 /)
  })

  it('should leave WebSockets as they are, however they write it', async () => {
    const socket = await openRawWebSocket(app.graphql)
    expect(await socket.ask('1', { query: '{ __typename }' })).toContainEqual(expect.stringContaining('"Query"'))
    socket.dispose()
    const lower = await exchange(app.url, headOf('GET /livez', ['Connection: upgrade', 'Upgrade: WebSocket']))
    expect(lower).toMatch(/^HTTP\/1\.1 404 /)
    expect(lower).toContain('"code":"NOT_FOUND"')
    const foreign = ['Connection: upgrade', 'Upgrade: websocket', 'Origin: https://elsewhere.example']
    expect(await exchange(app.url, headOf('GET /graphql', foreign))).toContain('"code":"FORBIDDEN_ORIGIN"')
  })
})

const JSON_TYPE = ['Content-Type: application/json']

function headOf(line: string, headers: readonly string[]): string {
  return [`${line} HTTP/1.1`, 'Host: localhost', ...headers, '', ''].join('\r\n')
}
