import type { Client } from 'graphql-ws'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { SMALL_CATALOG, startApp, type TestApp } from '../support/app.ts'
import {
  executeOverWebSocket,
  type GraphQLRequest,
  type GraphQLResult,
  type HttpAnswer,
  type HttpRequest,
  openWebSocket,
  send,
} from '../support/graphql.ts'
import { openRawWebSocket, type RawWebSocket } from '../support/raw-websocket.ts'
import { lane, webSocketLane } from '../support/watched-fast-lane.ts'

vi.mock(import('../../src/server/fast-lane.ts'), async (importOriginal) => {
  const { watchFastLane } = await import('../support/watched-fast-lane.ts')
  return watchFastLane(await importOriginal())
})

vi.mock(import('../../src/server/websocket-fast-lane.ts'), async (importOriginal) => {
  const { watchWebSocketFastLane } = await import('../support/watched-fast-lane.ts')
  return watchWebSocketFastLane(await importOriginal())
})

let app: TestApp
let webSocket: Client
let rawWebSocket: RawWebSocket
beforeAll(async () => {
  app = await startApp({ catalog: SMALL_CATALOG, env: { RATE_LIMIT_MAX: '1000000' } })
  webSocket = openWebSocket(app.graphql)
  rawWebSocket = await openRawWebSocket(app.graphql)
})
afterAll(async () => {
  rawWebSocket?.dispose()
  await webSocket?.dispose()
  await app?.dispose()
})

const RUN = 'mutation($input: RunAuctionInput!) { runAuction(input: $input) { __typename ... on Error { message } } }'

/** Input that is answered the same each time: nothing is sold, as there is no such supply. */
function runAuction(input: Readonly<Record<string, unknown>>): GraphQLRequest {
  return { query: RUN, variables: { input: { supplyId: 'nowhere', ip: '203.0.113.7', country: 'US', ...input } } }
}

function without(field: string): GraphQLRequest {
  const input: Record<string, unknown> = { supplyId: 'nowhere', ip: '203.0.113.7', country: 'US' }
  delete input[field]
  return { query: RUN, variables: { input } }
}

interface Row {
  readonly name: string
  readonly request: GraphQLRequest
  /** The code of every error; undefined where there is none. */
  readonly code: string | undefined
  /** The status with application/json. */
  readonly status?: number
  /** The status with application/graphql-response+json, where it is another one. */
  readonly specStatus?: number
  /** Part of the first error's message. */
  readonly says?: string | RegExp
  /** Whether it is executed, so that the fast lane can answer it the next time. */
  readonly isExecuted: boolean
}

function executed(code: string | undefined, rows: Readonly<Record<string, GraphQLRequest>>, more: Partial<Row> = {}) {
  return Object.entries(rows).map(([name, request]): Row => ({ name, request, code, isExecuted: true, ...more }))
}

function refused(code: string, rows: Readonly<Record<string, GraphQLRequest>>, more: Partial<Row> = {}) {
  return executed(code, rows, { isExecuted: false, specStatus: 400, ...more })
}

/** Variables that the operation's types do not allow. */
const wrongVariables = { specStatus: 400 }

const ROWS: readonly Row[] = [
  ...executed(undefined, {
    'an unknown supply': runAuction({}),
    'a supply named __proto__': runAuction({ supplyId: '__proto__' }),
    'a supply named constructor': runAuction({ supplyId: 'constructor' }),
    'a supply id with a NUL': runAuction({ supplyId: 'supply1\u0000' }),
    'a supply id that is a number': runAuction({ supplyId: 7 }),
    'an empty supply id': runAuction({ supplyId: '' }),
    'a long supply id': runAuction({ supplyId: 'x'.repeat(50_000) }),
    'an IPv6 address': runAuction({ ip: '2001:db8::7' }),
    'an IPv6 address in upper case': runAuction({ ip: '2001:DB8:0:0:0:0:0:7' }),
    'an IPv4-mapped IPv6 address': runAuction({ ip: '::ffff:203.0.113.7' }),
    'tmax left out': runAuction({ tmax: undefined }),
    'tmax at its least': runAuction({ tmax: 1 }),
    'tmax at its most': runAuction({ tmax: 5000 }),
    'an idempotency key that is null': runAuction({ idempotencyKey: null }),
    'an idempotency key of 64 characters': runAuction({ idempotencyKey: 'k'.repeat(64) }),
    'an idempotency key of 64 emoji': runAuction({ idempotencyKey: '😀'.repeat(64) }),
    'an idempotency key of a space': runAuction({ idempotencyKey: ' ' }),
    'tmax as a whole number with a point': {
      query: RUN,
      variables: JSON.parse('{"input":{"supplyId":"nowhere","ip":"203.0.113.7","country":"US","tmax":200.0}}'),
    },
    'variables that the operation does not have': {
      ...runAuction({}),
      variables: { ...(runAuction({}).variables as object), more: 1 },
    },
    '__proto__ among the variables': {
      query: '{ __typename }',
      variables: JSON.parse('{"__proto__": {"polluted": true}}'),
    },
    'a bidder named __proto__': { query: '{ bidder(id: "__proto__") { id } }' },
    'an unknown supply queried': { query: '{ supply(id: "nowhere") { id } }' },
    introspection: { query: '{ __schema { queryType { fields { name args { type { ofType { name } } } } } } }' },
    'no supply ids': { query: '{ stats(supplyIds: []) { supplyId } }' },
    'no rows': { query: '{ supplies(first: 0) { nodes { id } } }' },
    'variables that are null': { query: '{ __typename }', variables: null },
    'an operationName that is null': { query: 'query A { __typename }', operationName: null },
    'a default of a non-null variable': {
      query: 'query($first: Int! = 1) { supplies(first: $first) { nodes { id } } }',
    },
  }),
  ...executed(
    'BAD_USER_INPUT',
    {
      'a malformed IP address': runAuction({ ip: 'localhost' }),
      'an IPv4 address of three numbers': runAuction({ ip: '203.0.113' }),
      'an IPv4 address with a leading zero': runAuction({ ip: '203.0.113.07' }),
      'an IP address with space': runAuction({ ip: ' 203.0.113.7' }),
      'a network': runAuction({ ip: '203.0.113.0/24' }),
      'an IPv6 address with a zone': runAuction({ ip: 'fe80::1%eth0' }),
      'an IPv6 address in brackets': runAuction({ ip: '[::1]' }),
      'an IPv6 address with two gaps': runAuction({ ip: '1::2::3' }),
      'an empty IP address': runAuction({ ip: '' }),
      'an IP address that is a number': runAuction({ ip: 3405803783 }),
      'a lower-case country': runAuction({ country: 'us' }),
      'an unknown country': runAuction({ country: 'ZZ' }),
      'a country named __proto__': runAuction({ country: '__proto__' }),
      'a country that is null': runAuction({ country: null }),
      'tmax as a string': runAuction({ tmax: '200' }),
      'tmax with a fraction': runAuction({ tmax: 1.5 }),
      'tmax that is null': runAuction({ tmax: null }),
      'tmax beyond Int': runAuction({ tmax: 2 ** 31 }),
      'tmax that is huge': runAuction({ tmax: 1e300 }),
      'an idempotency key that is a number': runAuction({ idempotencyKey: 7 }),
      'an idempotency key that is a list': runAuction({ idempotencyKey: ['k'] }),
      'a supply id that is an object': runAuction({ supplyId: {} }),
      'a supply id that is a list': runAuction({ supplyId: ['supply1'] }),
      'a supply id with a fraction': runAuction({ supplyId: 1.5 }),
      'supplyId left out': without('supplyId'),
      'ip left out': without('ip'),
      'country left out': without('country'),
      'an unknown field of the input': runAuction({ price: 1 }),
      '__proto__ as a field of the input': {
        query: RUN,
        variables: JSON.parse(
          '{"input":{"supplyId":"nowhere","ip":"203.0.113.7","country":"US","__proto__":{"tmax":1}}}',
        ),
      },
      'input that is null': { query: RUN, variables: { input: null } },
      'input left out': { query: RUN, variables: {} },
      'no variables': { query: RUN },
      'input that is a string': { query: RUN, variables: { input: 'supply1' } },
      'input that is a list': { query: RUN, variables: { input: [] } },
      'input that is a list of inputs': {
        query: RUN,
        variables: { input: [{ supplyId: 'nowhere', ip: '203.0.113.7', country: 'US' }] },
      },
      'ids that are no strings': {
        query: 'query($ids: [ID!]) { stats(supplyIds: $ids) { supplyId } }',
        variables: { ids: [{}, null] },
      },
      'a condition that is null, though it has a default': {
        query: 'query($d: Boolean = true) { __typename @include(if: $d) }',
        variables: { d: null },
      },
      'a condition within a list that is null, though it has a default': {
        query: 'query($d: Boolean = false) { supplies { nodes { id @skip(if: $d) } } }',
        variables: { d: null },
      },
      'a page that is null, though its variable has a default': {
        query: 'query($first: Int = 5) { stats(first: $first) { id } }',
        variables: { first: null },
      },
      'a country variable that is unknown': {
        query: 'query($c: CountryCode) { bidders(country: $c) { totalCount } }',
        variables: { c: 'XX' },
      },
    },
    wrongVariables,
  ),
  ...executed(
    'BAD_USER_INPUT',
    {
      'tmax 0': runAuction({ tmax: 0 }),
      'tmax 5001': runAuction({ tmax: 5001 }),
      'tmax -1': runAuction({ tmax: -1 }),
      'an empty idempotency key': runAuction({ idempotencyKey: '' }),
      'an idempotency key of 65 characters': runAuction({ idempotencyKey: 'k'.repeat(65) }),
      'an idempotency key with a NUL': runAuction({ idempotencyKey: 'k\u0000' }),
      'an idempotency key that ends with a line feed': runAuction({ idempotencyKey: 'k\n' }),
      'an idempotency key with DEL': runAuction({ idempotencyKey: 'k\u007f' }),
      'an idempotency key with half a surrogate pair': runAuction({ idempotencyKey: 'k\ud83d' }),
      'a negative page': { query: '{ supplies(first: -1) { nodes { id } } }' },
      'a page of 101': { query: '{ supplies(first: 101) { nodes { id } } }' },
      'a last page of 101': { query: '{ bidders(last: 101, before: "R1BDOlM6YQ==") { nodes { id } } }' },
      'a cursor that is none': { query: '{ supplies(after: "nonsense") { nodes { id } } }' },
      'an empty cursor': { query: '{ bidders(after: "") { nodes { id } } }' },
      'a cursor with a NUL': { query: '{ bidders(after: "R1BDOlM6AAAA") { nodes { id } } }' },
      'an id with a NUL': { query: '{ supply(id: "\\u0000") { id } }' },
      'more than 1000 supply ids': {
        query: 'query($ids: [ID!]) { stats(supplyIds: $ids) { supplyId } }',
        variables: { ids: Array.from({ length: 1001 }, (_, index) => `s${index}`) },
      },
      'first with last': { query: '{ supplies(first: 1, last: 1) { nodes { id } } }' },
      'a page of 101 bidders of a supply': { query: '{ supply(id: "supply1") { bidders(first: 101) { id } } }' },
      'a page of 101 supplies of a bidder': {
        query: '{ bidder(id: "acme") { supplies(first: 101) { nodes { id } } } }',
      },
      'a page of 1001 statistics': { query: '{ stats(first: 1001) { id } }' },
      'a negative page of statistics': { query: '{ stats(first: -1) { id } }' },
    },
    wrongVariables,
  ),
  ...executed('SUPPLY_NOT_FOUND', {
    'statistics of an unknown supply': { query: '{ stats(supplyIds: ["supply1", "nowhere"]) { supplyId } }' },
    'statistics of a supply named __proto__': { query: '{ stats(supplyIds: ["__proto__"]) { supplyId } }' },
    'statistics of a supply id with a NUL': { query: '{ stats(supplyIds: ["\\u0000"]) { supplyId } }' },
  }),
  ...refused(
    'GRAPHQL_PARSE_FAILED',
    {
      'an empty query': { query: '' },
      'a query of spaces': { query: '  \n' },
      'a syntax error': { query: '{ supplies { ' },
      'a query that is another language': { query: 'SELECT * FROM supplies' },
      'a string that does not end': { query: '{ supply(id: "x) { id } }' },
      'a query with a NUL': { query: '{ \u0000 }' },
    },
    { says: 'Syntax Error' },
  ),
  ...refused('GRAPHQL_VALIDATION_FAILED', {
    'an unknown field': { query: '{ nothing }' },
    'an unknown argument': { query: '{ supply(id: "supply1", colour: "red") { id } }' },
    'a literal of a wrong type': { query: '{ supply(id: true) { id } }' },
    'null for non-null': { query: '{ supply(id: null) { id } }' },
    'a missing argument': { query: '{ supply { id } }' },
    'a variable of a wrong type': { query: 'query($id: Int!) { supply(id: $id) { id } }', variables: { id: 1 } },
    'a variable that is not declared': { query: '{ supply(id: $id) { id } }' },
    'an unknown type': { query: 'query($a: Nothing) { supply(id: $a) { id } }' },
    'an alias named __proto__': { query: '{ __proto__: __typename }' },
    'a variable named __proto__': {
      query: 'query($__proto__: ID!) { supply(id: $__proto__) { id } }',
      variables: JSON.parse('{"__proto__": "nowhere"}'),
    },
    'no selection': { query: '{ supplies }' },
    'an unknown directive': { query: '{ __typename @fast }' },
    'directives repeated': { query: `{ __typename ${'@include(if: true) '.repeat(50)} }` },
    'a fragment that spreads itself': { query: '{ ...A } fragment A on Query { ...A }' },
    'fragments that spread each other': { query: '{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }' },
    'a subscription that may be of nothing': { query: 'subscription { statsUpdated @skip(if: true) { supplyId } }' },
    'a subscription within a condition': { query: 'subscription { ... @include(if: false) { statsUpdated { id } } }' },
    'two fields in a subscription': {
      query: 'subscription { a: statsUpdated { supplyId } b: statsUpdated { supplyId } }',
    },
  }),
  ...refused('BAD_USER_INPUT', {
    'a malformed IP address as a literal': {
      query: 'mutation { runAuction(input: {supplyId: "x", ip: "x", country: "US"}) { __typename } }',
    },
    'a country without quotes': { query: '{ bidders(country: US) { totalCount } }' },
  }),
  ...refused(
    'GRAPHQL_VALIDATION_FAILED',
    {
      'a deep query': {
        query: `{ supplies { nodes ${'{ bidders { supplies '.repeat(4)} { id } ${'} }'.repeat(4)} } }`,
      },
      'a deep query through fragments': {
        query:
          '{ supplies { nodes { ...A } } } fragment A on Supply { bidders { supplies { ...B } } } fragment B on Supply { bidders { supplies { bidders { supplies { id } } } } }',
      },
    },
    { says: /depth limit/ },
  ),
  ...refused(
    'GRAPHQL_VALIDATION_FAILED',
    {
      'many aliases': { query: `{ ${Array.from({ length: 40 }, (_, index) => `a${index}: __typename`).join(' ')} }` },
    },
    { says: /Aliases limit/ },
  ),
  ...refused(
    'GRAPHQL_VALIDATION_FAILED',
    {
      'many tokens': { query: `{ ${'__typename '.repeat(1500)} }` },
      'many directives': { query: `{ ${'__typename @include(if: true) '.repeat(400)} }` },
    },
    { says: /Token limit/ },
  ),
  ...refused(
    'OPERATION_RESOLUTION_FAILURE',
    {
      'a type definition': { query: 'type A { a: Int }' },
      'two operations of one name': { query: 'query A { __typename } query A { __typename }' },
      'an unknown operationName': { query: 'query A { __typename }', operationName: 'B' },
      'an empty operationName': { query: 'query A { __typename }', operationName: '' },
      'several operations and no name': { query: 'query A { __typename } query B { __typename }' },
      'a document of fragments only': { query: 'fragment A on Query { __typename }' },
    },
    { status: 400 },
  ),
]

/** The row's request with a text that was not sent before. */
let texts = 0
function fresh(request: GraphQLRequest): GraphQLRequest {
  const isShort = request.query.length > 0
  return isShort ? { ...request, query: `${request.query} # ${++texts}` } : request
}

const JSON_TYPES = ['application/json', 'application/graphql-response+json'] as const

describe('bad input', () => {
  describe.each(ROWS)('$name', ({ request: template, code, status = 200, specStatus = status, says, isExecuted }) => {
    it.each(JSON_TYPES)('should be answered alike by every lane, as %s', async (accept) => {
      const request = fresh(template)
      const http = { headers: { 'content-type': 'application/json', accept }, body: JSON.stringify(request) }
      const takenBefore = lane.taken
      const cold = await send(app.graphql, http)
      expect(lane.taken - takenBefore, 'taken by the fast lane at first').toBe(0)
      const warm = await send(app.graphql, http)
      expect(lane.taken - takenBefore, 'taken by the fast lane').toBe(isExecuted ? 1 : 0)
      const slow = await sendWithoutFastLane(http)

      expect(warm).toEqual(cold)
      expect(slow).toEqual(cold)
      expect(cold.status).toBe(accept === 'application/json' ? status : specStatus)
      expect(cold.headers['content-type']).toBe(`${accept}; charset=utf-8`)
      expectCoded(cold, code)
      if (says) expect(resultOf(cold).errors?.[0]?.message).toMatch(says)
    })

    it('should be answered alike over a WebSocket, by its lane and by graphql-ws', async () => {
      const request = fresh(template)
      const http = { headers: { 'content-type': 'application/json' }, body: JSON.stringify(request) }
      const takenBefore = webSocketLane.taken
      const cold = await rawWebSocket.ask('1', request)
      expect(webSocketLane.taken - takenBefore, 'taken by the lane at first').toBe(0)
      // The same id each time: it is free again, whoever had it.
      const warm = await rawWebSocket.ask('1', request)
      expect(webSocketLane.taken - takenBefore, 'taken by the lane').toBe(isExecuted ? 1 : 0)
      const slow = await withoutLane(webSocketLane, () => rawWebSocket.ask('1', request))
      expect(warm).toEqual(cold)
      expect(slow).toEqual(cold)

      const result = await executeOverWebSocket(webSocket, request)
      expectCodes(result, code)
      const overHttp = resultOf(await send(app.graphql, http))
      expect(result.errors).toEqual(overHttp.errors)
      expect(result.data ?? null).toEqual(overHttp.data ?? null)
    })
  })

  it('should not take an empty operationName for none', async () => {
    const query = 'query Named { __typename }'
    await send(app.graphql, { headers: json, body: JSON.stringify({ query }) })
    const answer = await send(app.graphql, { headers: json, body: JSON.stringify({ query, operationName: '' }) })
    expectCoded(answer, 'OPERATION_RESOLUTION_FAILURE')
  })

  it('should not have polluted any prototype', () => {
    expect(Object.keys(Object.prototype)).toEqual([])
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
  })
})

interface HttpRow extends HttpRequest {
  readonly name: string
  readonly code: string
  readonly status: number
  readonly path?: string
  readonly answerHeaders?: Readonly<Record<string, string>>
}

const json = { 'content-type': 'application/json' }
const OK = JSON.stringify({ query: '{ __typename }' })

const HTTP_ROWS: readonly HttpRow[] = [
  ...['not JSON', '{', '', ' ', '{"query": "{ __typename }"', '{"query": NaN}', '\u0000'].map((body) => ({
    name: `the body ${JSON.stringify(body)}`,
    headers: json,
    body,
    code: 'BAD_REQUEST',
    status: 400,
  })),
  ...['[]', '[{"query":"{ __typename }"}]', '"text"', 'null', '7', 'true'].map((body) => ({
    name: `the JSON ${body}`,
    headers: json,
    body,
    code: 'BAD_REQUEST',
    status: 400,
  })),
  {
    name: 'invalid UTF-8 outside a string',
    headers: json,
    body: Buffer.from([0xff, 0xfe, 0x7b]),
    code: 'BAD_REQUEST',
    status: 400,
  },
  { name: 'no query', headers: json, body: '{}', code: 'BAD_REQUEST', status: 400 },
  { name: 'a query that is null', headers: json, body: '{"query":null}', code: 'BAD_REQUEST', status: 400 },
  ...['7', '[]', '{}', 'true'].map((query) => ({
    name: `the query ${query}`,
    headers: json,
    body: `{"query":${query}}`,
    code: 'BAD_REQUEST',
    status: 400,
  })),
  ...['"{}"', '[]', '7', 'true'].map((variables) => ({
    name: `the variables ${variables}`,
    headers: json,
    body: `{"query":"{ __typename }","variables":${variables}}`,
    code: 'BAD_REQUEST',
    status: 400,
  })),
  ...['7', '[]', '{}', 'true'].map((name) => ({
    name: `the operationName ${name}`,
    headers: json,
    body: `{"query":"{ __typename }","operationName":${name}}`,
    code: 'OPERATION_RESOLUTION_FAILURE',
    status: 400,
  })),
  {
    name: 'extensions that are a string',
    headers: json,
    body: '{"query":"{ __typename }","extensions":"x"}',
    code: 'BAD_REQUEST',
    status: 400,
  },
  {
    name: 'an extra parameter',
    headers: json,
    body: '{"query":"{ __typename }","more":1}',
    code: 'BAD_REQUEST',
    status: 400,
  },
  {
    name: '__proto__ as a parameter',
    headers: json,
    body: '{"query":"{ __typename }","__proto__":{"a":1}}',
    code: 'BAD_REQUEST',
    status: 400,
  },
  {
    name: 'a body of 1 MB',
    headers: json,
    body: JSON.stringify({ query: '{ __typename }', variables: { a: 'x'.repeat(1e6) } }),
    code: 'PAYLOAD_TOO_LARGE',
    status: 413,
  },
  ...['PUT', 'PATCH', 'DELETE', 'OPTIONS'].map((method) => ({
    name: `the method ${method}`,
    method,
    headers: json,
    body: OK,
    code: 'METHOD_NOT_ALLOWED',
    status: 405,
    answerHeaders: { allow: 'GET, POST' },
  })),
  {
    name: 'the method PUT without a body',
    method: 'PUT',
    code: 'METHOD_NOT_ALLOWED',
    status: 405,
    answerHeaders: { allow: 'GET, POST' },
  },
  {
    name: 'a mutation by GET',
    method: 'GET',
    path: `?query=${encodeURIComponent('mutation { __typename }')}`,
    code: 'METHOD_NOT_ALLOWED',
    status: 405,
    answerHeaders: { allow: 'POST' },
  },
  { name: 'a GET without a query', method: 'GET', code: 'BAD_REQUEST', status: 400 },
  {
    name: 'a GET with variables that are no JSON',
    method: 'GET',
    path: '?query={__typename}&variables=x',
    code: 'BAD_REQUEST',
    status: 400,
  },
  ...['text/plain', 'application/xml', 'application/json-seq', 'multipart/form-data; boundary=x', 'image/png'].map(
    (type) => ({
      name: `the media type ${type}`,
      headers: { 'content-type': type },
      body: OK,
      code: 'UNSUPPORTED_MEDIA_TYPE',
      status: 415,
      answerHeaders: { 'accept-post': 'application/json, application/graphql, application/x-www-form-urlencoded' },
    }),
  ),
  { name: 'no media type', body: OK, code: 'UNSUPPORTED_MEDIA_TYPE', status: 415 },
  ...['image/png', 'text/html', 'application/json; charset=utf-16', 'nonsense'].map((accept) => ({
    name: `Accept: ${accept}`,
    headers: { ...json, accept },
    body: OK,
    code: 'NOT_ACCEPTABLE',
    status: 406,
  })),
  {
    name: 'a subscription to a client that takes no stream',
    headers: { ...json, accept: 'application/json' },
    body: JSON.stringify({ query: 'subscription { statsUpdated { supplyId } }' }),
    code: 'NOT_ACCEPTABLE',
    status: 406,
  },
  {
    name: 'a form without a query',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: 'a=b',
    code: 'BAD_REQUEST',
    status: 400,
  },
  {
    name: 'a form with variables that are no JSON',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: 'query={__typename}&variables=x',
    code: 'BAD_REQUEST',
    status: 400,
  },
]

describe('bad requests', () => {
  it.each(HTTP_ROWS)(
    'should refuse $name with $status $code',
    async ({ name: _name, code, status, path = '', answerHeaders = {}, ...request }) => {
      const url = `${app.graphql}${path}`
      // Its query, where it has one, is known to the fast lane.
      await send(app.graphql, { headers: json, body: OK })
      const answer = await send(url, request)
      const takenBefore = lane.taken
      expect(await send(url, request)).toEqual(answer)
      expect(lane.taken, 'taken by the fast lane').toBe(takenBefore)
      expect(await sendWithoutFastLane(request, url)).toEqual(answer)
      expect(answer.status).toBe(status)
      expect(answer.headers).toMatchObject({ 'content-type': 'application/json; charset=utf-8', ...answerHeaders })
      expectCoded(answer, code)
    },
  )

  it('should free what a refused subscription holds', async () => {
    const { feed } = app.services
    const body = JSON.stringify({ query: 'subscription { statsUpdated { supplyId } }' })
    await send(app.graphql, { headers: { ...json, accept: 'application/json' }, body })
    await vi.waitFor(() => expect(feed.subscribers()).toBe(0))
  })

  it('should hold no auction whose answer the client does not accept', async () => {
    const { body } = { body: JSON.stringify(runAuction({ supplyId: 'supply2' })) }
    await send(app.graphql, { headers: { ...json, accept: 'image/png' }, body })
    const stats = await app.services.stats.read(['supply2'])
    expect(stats[0]?.totalRequests ?? 0).toBe(0)
  })
})

const SUBSCRIBE =
  'subscription($ids: [ID!], $ms: Int! = 250) { statsUpdated(supplyIds: $ids, minIntervalMs: $ms) { supplyId } }'
const OPTIONAL = 'subscription($ms: Int = 250) { statsUpdated(minIntervalMs: $ms) { supplyId } }'

describe('bad subscriptions', () => {
  it.each([
    { name: 'minIntervalMs 49', variables: { ms: 49 }, code: 'BAD_USER_INPUT' },
    { name: 'minIntervalMs 60001', variables: { ms: 60_001 }, code: 'BAD_USER_INPUT' },
    { name: 'minIntervalMs null', variables: { ms: null }, code: 'BAD_USER_INPUT' },
    { name: 'minIntervalMs as a string', variables: { ms: '250' }, code: 'BAD_USER_INPUT' },
    { name: 'a default overridden by null', query: OPTIONAL, variables: { ms: null }, code: 'BAD_USER_INPUT' },
    { name: 'an unknown supply', variables: { ids: ['supply1', 'nowhere'] }, code: 'SUPPLY_NOT_FOUND' },
    {
      name: 'more than 1000 supplies',
      variables: { ids: Array.from({ length: 1001 }, (_, index) => `s${index}`) },
      code: 'BAD_USER_INPUT',
    },
    { name: 'an id that is null', variables: { ids: [null] }, code: 'BAD_USER_INPUT' },
  ])('should refuse $name over WebSocket and SSE alike', async ({ query = SUBSCRIBE, variables, code }) => {
    const { errors } = await executeOverWebSocket(webSocket, { query, variables })
    const answer = await send(app.graphql, {
      headers: { ...json, accept: 'text/event-stream' },
      body: JSON.stringify({ query, variables }),
    })
    expect(errors?.map(({ extensions }) => extensions?.code)).toEqual(errors?.map(() => code))
    expect(errors).not.toEqual([])
    expect(JSON.parse(/^data: (.+)$/m.exec(answer.text)?.[1] ?? '').errors).toEqual(errors)
    expect(app.services.feed.subscribers()).toBe(0)
  })
})

function sendWithoutFastLane(request: HttpRequest, url = app.graphql): Promise<HttpAnswer> {
  return withoutLane(lane, () => send(url, request))
}

async function withoutLane<T>(watched: { isOn: boolean }, ask: () => Promise<T>): Promise<T> {
  watched.isOn = false
  try {
    return await ask()
  } finally {
    watched.isOn = true
  }
}

function resultOf({ text }: HttpAnswer): GraphQLResult {
  return JSON.parse(text)
}

function expectCodes({ errors = [] }: GraphQLResult, code: string | undefined): void {
  expect(errors.map(({ extensions }) => extensions?.code)).toEqual(errors.map(() => code))
  expect(errors.length > 0).toBe(code !== undefined)
}

function expectCoded(answer: HttpAnswer, code: string | undefined): void {
  expectCodes(resultOf(answer), code)
  expect(answer.text).not.toMatch(/\\n\s+at |node_modules|"http":|stack|SyntaxError/)
}
