import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { editedBytes } from './edits.ts'
import { GRAPHQL_REQUESTS, SUBSCRIPTION } from './requests.ts'
import type { FuzzRequest } from './send-request.ts'

/** What is right or odd around a body that is mostly right: method, path, headers, and how it is sent. */
export const oddRequests: fc.Arbitrary<FuzzRequest> = fc.record({
  method: mostly('POST', ['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND', 'PURGE', 'QUERY']),
  path: mostly('/graphql', oddPaths()),
  headers: fc
    .tuple(
      mostly('application/json', oddMediaTypes()),
      fc.dictionary(fc.constantFrom(...Object.keys(oddHeaders())), fc.nat(20), { maxKeys: 4 }),
      fc.constantFrom(...oddText()),
    )
    .map(([type, chosen, text]) => ({
      ...(type !== '' && { 'content-type': type }),
      ...Object.fromEntries(
        Object.entries(chosen).map(([name, which]) => {
          const values = oddHeaders()[name] ?? []
          return [name, which < values.length ? (values[which] as string) : text]
        }),
      ),
    })),
  body: fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom(...GRAPHQL_REQUESTS.map((request) => JSON.stringify(request))) },
    { weight: 1, arbitrary: fc.constantFrom(...oddBodies()) },
  ),
  chunks: mostly(0, [1, 2, 7]),
})

/** The bytes of one request or of several behind each other, a few of them changed. */
export const rawRequests: fc.Arbitrary<string> = editedBytes(rawTexts())

/** Half of the time what is usual. */
function mostly<T>(usual: T, odd: readonly T[]): fc.Arbitrary<T> {
  return fc.oneof({ weight: 1, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: fc.constantFrom(...odd) })
}

function oddPaths(): string[] {
  const query = encodeURIComponent('{ supplies(first: 1) { nodes { id } } }')
  return [
    ...[
      '/',
      '/livez',
      '/readyz',
      '/metrics',
      '/openrtb2/auction',
      '/graphql/',
      '/GraphQL',
      '//graphql',
      '/graphql/health',
    ],
    ...[
      '/graphql?',
      '/graphql#x',
      '/graphql?query=%FF',
      '/graphql?query',
      '/graphql?query=',
      '/graphql?%',
      '/graphql?query=%00',
    ],
    ...[
      'http://x/graphql',
      'http://[/graphql',
      '/%67raphql',
      '/../graphql',
      '/graphql;a=b',
      '*',
      '/__proto__',
      '/graphql?__proto__=1',
    ],
    `/graphql?query=${query}`,
    `/graphql?query=${query}&variables={}&operationName=&extensions={}`,
    `/graphql?query=${query}&variables=[1]`,
    `/graphql?query=${query}&variables=%7B%22__proto__%22:1%7D&query=${query}`,
    `/graphql?query=${encodeURIComponent(SUBSCRIPTION)}&variables=%7B%22ids%22:[%22bytes%22]%7D`,
    `/graphql?query=${encodeURIComponent('mutation { __typename }')}`,
    '/graphql?extensions={"persistedQuery":{"version":1,"sha256Hash":"x"}}',
    `/graphql?${'a=1&'.repeat(2000)}`,
  ]
}

function oddMediaTypes(): string[] {
  return [
    ...[
      '',
      'application/json; charset=utf-8',
      'application/json;charset=utf-16',
      'application/json; charset="',
      'APPLICATION/JSON',
    ],
    ...[
      'application/graphql',
      'application/graphql+json',
      'application/x-www-form-urlencoded',
      'text/plain',
      'multipart/form-data',
    ],
    ...[
      'multipart/form-data; boundary=x',
      'multipart/mixed',
      'application/json, application/json',
      ';',
      'text/event-stream',
      '\u00ff',
    ],
  ]
}

function oddHeaders(): Record<string, string[]> {
  return {
    accept: [
      'text/event-stream',
      'multipart/mixed',
      'text/html',
      'application/graphql-response+json',
      '*/*;q=0',
      'image/png',
      'text/html, */*',
      ',;,=',
    ],
    'accept-encoding': ['gzip', 'br;q=0, identity;q=0', '*;q=0', 'x'],
    'content-encoding': ['gzip', 'br', 'identity', 'x, y'],
    'x-request-id': ['a', 'x'.repeat(300), '\u00ff', '{"a":1}', ' '],
    traceparent: ['00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', '00-0-0-0', 'ff-x', '-', 'x'.repeat(1000)],
    tracestate: ['a=b', '='.repeat(600)],
    baggage: ['a=b;c=%', '%00'],
    authorization: ['Bearer x', 'Bearer ', 'Basic eDp5', 'bearer', `Bearer ${'x'.repeat(4000)}`, 'Bearer \u00e9'],
    host: [
      'x',
      'localhost',
      'localhost:99999',
      '[',
      '[::1]:1',
      'a b',
      'user@localhost',
      'localhost/y',
      'localhost?y',
      'localhost#y',
      '\\',
      '%',
      'xn--',
      '',
    ],
    origin: ['null', 'http://evil.example', 'http://[', 'x', '', 'http://127.0.0.1'],
    referer: ['http://evil.example/'],
    'access-control-request-method': ['POST', ''],
    'access-control-request-headers': ['content-type, x-a', '\u00ff'],
    'sec-fetch-site': ['cross-site'],
    'if-none-match': ['*', '"x"'],
    cookie: ['a=b', ';;=;'],
    range: ['bytes=0-'],
    upgrade: ['h2c', 'websocket', 'x'],
    connection: ['close', 'upgrade', 'keep-alive, x', 'Upgrade, HTTP2-Settings'],
    forwarded: ['for=1.2.3.4'],
    'x-forwarded-for': ['1.2.3.4', 'x'.repeat(200)],
    'x-http-method-override': ['GET'],
    'apollo-require-preflight': ['true'],
  }
}

function oddText(): string[] {
  return ['', 'x', '\u00ff\u0080', '__proto__', '{}', '"', '%00', ',', 'x'.repeat(2000)]
}

function oddBodies(): string[] {
  return [
    ...[
      '',
      ' ',
      '{',
      'null',
      '[]',
      '[{"query":"{ __typename }"}]',
      'query={__typename}',
      'query=%&variables=x',
      '{ __typename }',
    ],
    '--x\r\nContent-Disposition: form-data; name="operations"\r\n\r\n{"query":"{ __typename }"}\r\n--x--',
    gzipSync('{"query":"{ __typename }"}').toString('latin1'),
    JSON.stringify({ query: SUBSCRIPTION, variables: { ids: ['bytes'] } }),
    JSON.stringify({ query: '{ __typename }', extensions: { persistedQuery: 'x' }, operationName: 'x' }),
    'x'.repeat(110_000),
  ]
}

function rawTexts(): string[] {
  const body = '{"query":"{ supplies(first: 1) { nodes { id } } }","variables":{}}'
  const post = `POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n`
  const whole = `${post}Content-Length: ${body.length}\r\n\r\n${body}`
  return [
    whole,
    whole + whole,
    `${post}Transfer-Encoding: chunked\r\nTrailer: x\r\n\r\n${body.length.toString(16)};a=b\r\n${body}\r\n0\r\nx: y\r\n\r\n`,
    `${post}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n`,
    `${post}Expect: 100-continue\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    `${post}Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    `GET /graphql?query={__typename} HTTP/1.1\r\nHost: localhost\r\nHost: y\r\nAccept: text/event-stream\r\nX-Request-Id: a\r\nX-Request-Id: b\r\n\r\n`,
    'GET http://x/readyz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n',
    'CONNECT x:443 HTTP/1.1\r\nHost: localhost\r\n\r\nhello',
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    'GET /graphql HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n\x81\x85\0\0\0\0hello',
  ]
}
