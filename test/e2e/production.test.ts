import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { SMALL_CATALOG, startApp, type TestApp } from '../support/app.ts'
import { type GraphQLRequest, type HttpAnswer, send } from '../support/graphql.ts'
import { openRawWebSocket, type RawWebSocket } from '../support/raw-websocket.ts'

const json = { 'content-type': 'application/json' }
const BROWSER = { accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8' }

describe('a service whose NODE_ENV is production', () => {
  let app: TestApp
  let webSocket: RawWebSocket
  beforeAll(async () => {
    app = await startApp({ catalog: SMALL_CATALOG, env: { NODE_ENV: 'production' } })
    webSocket = await openRawWebSocket(app.graphql)
  })
  afterAll(async () => {
    webSocket?.dispose()
    await app?.dispose()
  })

  function post(request: GraphQLRequest, headers: Record<string, string> = {}): Promise<HttpAnswer> {
    return send(app.graphql, { headers: { ...json, ...headers }, body: JSON.stringify(request) })
  }
  function get(path: string, headers: Record<string, string> = {}): Promise<HttpAnswer> {
    return send(`${app.url}${path}`, { method: 'GET', headers })
  }

  /** What each way of asking is answered with. */
  async function answersTo(query: string): Promise<Record<string, string>> {
    return {
      POST: (await post({ query })).text,
      'POST again': (await post({ query })).text,
      GET: (await get(`/graphql?query=${encodeURIComponent(query)}`)).text,
      'server-sent events': (await post({ query }, { accept: 'text/event-stream' })).text,
      WebSocket: (await webSocket.ask('1', { query })).join(),
      'WebSocket again': (await webSocket.ask('1', { query })).join(),
    }
  }

  it.each([
    '{ __schema { queryType { name } } }',
    '{ __type(name: "Supply") { name } }',
    '{ __typename ...F } fragment F on Query { hidden: __schema { types { name } } }',
  ])('should not tell its schema, whichever way it is asked: %s', async (query) => {
    for (const [way, answer] of Object.entries(await answersTo(query))) {
      expect(answer, way).toContain('"code":"INTROSPECTION_DISABLED"')
      expect(answer, way).toContain('INTROSPECTION=on')
      expect(answer, way).not.toContain('"data":{')
    }
  })

  it('should tell of what type a value is', async () => {
    for (const [way, answer] of Object.entries(
      await answersTo('{ __typename supply(id: "supply1") { __typename } }'),
    )) {
      expect(answer, way).toContain('{"__typename":"Query","supply":{"__typename":"Supply"}}')
    }
  })

  it('should suggest no name of the schema', async () => {
    for (const [way, answer] of Object.entries(await answersTo('{ supplie { id } }'))) {
      expect(answer, way).toContain('Cannot query field \\"supplie\\" on type \\"Query\\".')
      expect(answer, way).not.toContain('Did you mean')
    }
    const request = {
      query: 'mutation($input: RunAuctionInput!) { runAuction(input: $input) { __typename } }',
      variables: { input: { supplyIdd: 'supply1' } },
    }
    for (const answer of [(await post(request)).text, (await webSocket.ask('2', request)).join()]) {
      expect(answer).toContain('is not defined by type')
      expect(answer).not.toContain('Did you mean')
    }
  })

  it.each(['/', '/graphql'])('should say to a browser at %s that there is no page', async (path) => {
    const answer = await get(path, BROWSER)
    expect(answer.status).toBe(404)
    const [{ message, extensions }] = JSON.parse(answer.text).errors
    expect([extensions.code, message]).toEqual(['NOT_FOUND', expect.stringContaining('GRAPHIQL=on')])
  })

  it('should answer what a browser asks for', async () => {
    const answer = await get('/graphql?query={__typename}', BROWSER)
    expect(answer).toMatchObject({ status: 200, text: '{"data":{"__typename":"Query"}}' })
  })
})
