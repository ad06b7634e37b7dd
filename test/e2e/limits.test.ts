import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { SMALL_CATALOG, startApp, type TestApp } from '../support/app.ts'
import { executeOverWebSocket, type HttpAnswer, openWebSocket, send } from '../support/graphql.ts'
import { openRawWebSocket } from '../support/raw-websocket.ts'

const MAX_BODY_BYTES = 2000

describe('limits that are set', () => {
  let app: TestApp
  beforeAll(async () => {
    app = await startApp({
      catalog: SMALL_CATALOG,
      env: {
        MAX_BODY_BYTES: `${MAX_BODY_BYTES}`,
        MAX_WEBSOCKET_MESSAGE_BYTES: `${MAX_BODY_BYTES}`,
        MAX_QUERY_DEPTH: '3',
        MAX_QUERY_ALIASES: '1',
        MAX_QUERY_TOKENS: '25',
        MAX_QUERY_ROWS: '10',
        MAX_QUERY_VALUES: '25',
        // Not so short that a busy machine takes as long to read what has come.
        HEADERS_TIMEOUT_MS: '1000',
        REQUEST_TIMEOUT_MS: '1000',
        KEEP_ALIVE_TIMEOUT_MS: '100',
      },
    })
  })
  afterAll(() => app?.dispose())

  function post(body: string, path = '/graphql'): Promise<HttpAnswer> {
    return send(`${app.url}${path}`, { headers: { 'content-type': 'application/json' }, body })
  }

  it.each([
    [
      'depth',
      '{ supplies(first: 1) { nodes { id } } }',
      '{ supplies(first: 1) { nodes { bidders(first: 1) { id } } } }',
    ],
    ['aliases', '{ a: __typename }', '{ a: __typename b: __typename }'],
    ['tokens', `{ ${'__typename '.repeat(23)}}`, `{ ${'__typename '.repeat(24)}}`],
    [
      'rows',
      '{ supplies(first: 5) { nodes { id } } }',
      '{ supplies(first: 11) { totalCount } bidders(first: 1) { totalCount } }',
    ],
    ['values', '{ supplies(first: 5) { nodes { id } } }', '{ supplies(first: 10) { nodes { id } edges { cursor } } }'],
  ])('should bound the %s of a query, over HTTP and WebSocket alike', async (name, within, beyond) => {
    const webSocket = openWebSocket(app.graphql)
    try {
      expect(await executeOverWebSocket(webSocket, { query: within })).not.toHaveProperty('errors')
      const overHttp = JSON.parse((await post(JSON.stringify({ query: beyond }))).text)
      expect(overHttp.errors[0].extensions.code).toBe('GRAPHQL_VALIDATION_FAILED')
      expect(overHttp.errors[0].message.toLowerCase()).toContain(name.replace(/es$|s$/, ''))
      expect(overHttp.errors[0].message).toContain(`, or set MAX_QUERY_${name.toUpperCase()} higher.`)
      expect((await executeOverWebSocket(webSocket, { query: beyond })).errors).toEqual(overHttp.errors)
    } finally {
      await webSocket.dispose()
    }
  })

  it('should run no batches, and say what to send instead', async () => {
    const { status, text } = await post(JSON.stringify([{ query: '{ __typename }' }]))
    expect([status, JSON.parse(text).errors[0]]).toEqual([
      400,
      { message: expect.stringContaining('send each on its own'), extensions: { code: 'BAD_REQUEST' } },
    ])
  })

  it('should bound bodies of GraphQL and OpenRTB, and messages', async () => {
    const bodyOf = (bytes: number) => JSON.stringify({ query: '{ __typename }' }).padEnd(bytes)
    expect((await post(bodyOf(MAX_BODY_BYTES))).status).toBe(200)
    for (const path of ['/graphql', '/openrtb2/auction']) {
      const { status, text } = await post(bodyOf(MAX_BODY_BYTES + 1), path)
      expect([status, JSON.parse(text).errors[0]]).toEqual([
        413,
        {
          message: "A request's body may have 2000 bytes at most: send less at a time, or set MAX_BODY_BYTES higher.",
          extensions: { code: 'PAYLOAD_TOO_LARGE' },
        },
      ])
    }
    const socket = await openRawWebSocket(app.graphql)
    socket.send({ type: 'ping', payload: { text: 'x'.repeat(MAX_BODY_BYTES) } })
    expect(await socket.closed).toBe(1009)
  })

  it.each([
    ['headers', 'POST /graphql HTTP/1.1\r\nHost: localhost\r\n', /^HTTP\/1\.1 408 /],
    ['a body', 'POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{', /^HTTP\/1\.1 408 /],
    ['the next request', 'GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n', /^HTTP\/1\.1 200 .*\{"status":"ok"\}$/s],
  ])('should not wait longer than it is told for %s', async (_name, sent, answered) => {
    const socket = connect(Number(new URL(app.url).port), '127.0.0.1').setEncoding('utf8')
    socket.write(sent)
    let text = ''
    for await (const piece of socket) text += piece
    expect(text).toMatch(answered)
  })
})
