import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { SMALL_CATALOG, startApp, type TestApp } from '../support/app.ts'
import { send } from '../support/graphql.ts'
import { openRawWebSocket } from '../support/raw-websocket.ts'

const query = 'query Hello { __typename }'
const sha256Hash = createHash('sha256').update(query).digest('hex')
const HASH = { operationName: 'Hello', variables: {}, extensions: { persistedQuery: { version: 1, sha256Hash } } }
const NOT_SUPPORTED = [{ message: 'PersistedQueryNotSupported', extensions: { code: 'PERSISTED_QUERY_NOT_SUPPORTED' } }]

describe("Apollo's persisted queries", () => {
  let app: TestApp
  beforeAll(async () => {
    app = await startApp({ catalog: SMALL_CATALOG })
  })
  afterAll(() => app?.dispose())

  it.each([
    ['*/*', 'application/json; charset=utf-8'],
    ['application/graphql-response+json,application/json;q=0.9', 'application/graphql-response+json; charset=utf-8'],
  ])('should be answered as Apollo Server does that supports none, with Accept: %s', async (accept, contentType) => {
    const headers = { 'content-type': 'application/json', accept }
    const answer = await send(app.graphql, { headers, body: JSON.stringify(HASH) })
    expect(answer).toMatchObject({ status: 200, headers: { 'content-type': contentType } })
    expect(JSON.parse(answer.text)).toEqual({ errors: NOT_SUPPORTED })
  })

  it('should be answered so to a GET', async () => {
    const parameters = new URLSearchParams({ ...HASH, variables: '{}', extensions: JSON.stringify(HASH.extensions) })
    const answer = await send(`${app.graphql}?${parameters}`, { method: 'GET', headers: { accept: '*/*' } })
    expect([answer.status, JSON.parse(answer.text)]).toEqual([200, { errors: NOT_SUPPORTED }])
  })

  it('should be answered so over a WebSocket, which stays open', async () => {
    const socket = await openRawWebSocket(app.graphql)
    const message = JSON.stringify({ id: '1', type: 'error', payload: NOT_SUPPORTED })
    for (const payload of [HASH, { ...HASH, query: null }]) {
      const [answer = ''] = await socket.ask('1', payload as never)
      expect(JSON.parse(answer)).toEqual(JSON.parse(message))
    }
    expect(await socket.ask('2', { ...HASH, query })).toHaveLength(2)
    socket.dispose()
  })

  it('should have the text that follows executed, again and again', async () => {
    const body = JSON.stringify({ ...HASH, query })
    for (const _time of [1, 2, 3]) {
      const answer = await send(app.graphql, { headers: { 'content-type': 'application/json' }, body })
      expect([answer.status, answer.text]).toEqual([200, '{"data":{"__typename":"Query"}}'])
    }
  })

  it('should leave a request with neither text nor hash as it was', async () => {
    const headers = { 'content-type': 'application/json' }
    const answer = await send(app.graphql, { headers, body: '{"extensions":{}}' })
    expect([answer.status, JSON.parse(answer.text).errors[0].extensions.code]).toEqual([400, 'BAD_REQUEST'])
    const socket = await openRawWebSocket(app.graphql)
    socket.send({ id: '1', type: 'subscribe', payload: { extensions: {} } })
    expect(await socket.closed).toBe(4400)
  })
})
