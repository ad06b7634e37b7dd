import fc from 'fast-check'
import { editedBytes, editedJson } from './edits.ts'
import { GRAPHQL_REQUESTS, SUBSCRIPTION } from './requests.ts'
import type { SocketSession } from './run-session.ts'
import { frame } from './websocket-frames.ts'

const PROTOCOL = { 'sec-websocket-protocol': 'graphql-transport-ws' }
const payloads = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...socketRequests()) },
  {
    weight: 2,
    arbitrary: fc.constantFrom<unknown>(
      null,
      undefined,
      1,
      'x',
      [],
      {},
      [[]],
      { query: 1 },
      { query: '' },
      { query: '{' },
    ),
  },
)
const ids = fc.constantFrom<unknown>(
  '1',
  '2',
  '',
  '__proto__',
  'constructor',
  'x'.repeat(300),
  1,
  null,
  undefined,
  {},
  ['1'],
  '\ud800',
)
const messages = fc.oneof(
  {
    weight: 5,
    arbitrary: fc
      .record({
        type: fc.constantFrom(
          'subscribe',
          'subscribe',
          'complete',
          'ping',
          'pong',
          'connection_init',
          'next',
          'error',
          'connection_ack',
          'start',
          '',
          7,
          null,
        ),
        id: ids,
        payload: payloads,
      })
      .map((message) => JSON.stringify(message)),
  },
  { weight: 2, arbitrary: editedJson(socketRequests().map((payload) => ({ id: '1', type: 'subscribe', payload }))) },
  {
    weight: 2,
    arbitrary: editedBytes(socketRequests().map((payload) => JSON.stringify({ id: '1', type: 'subscribe', payload }))),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      '',
      ' ',
      '[]',
      'null',
      '"x"',
      '{',
      '{}',
      `${'['.repeat(40_000)}${']'.repeat(40_000)}`,
      'x'.repeat(110_000),
    ),
  },
)
const plainFrames = messages.map((payload) => [frame({ payload })])
const fragmented = fc.tuple(messages, fc.integer({ min: 1, max: 6 }), fc.boolean()).map(([payload, parts, hasPing]) => {
  const size = Math.ceil(payload.length / parts) || 1
  return Array.from({ length: parts }, (_, index) => [
    ...(hasPing && index > 0 ? [frame({ opcode: 9, payload: 'between' })] : []),
    frame({
      opcode: index === 0 ? 1 : 0,
      isLast: index === parts - 1,
      payload: payload.slice(index * size, (index + 1) * size),
    }),
  ]).flat()
})
const oddFrames = fc
  .record({
    isLast: fc.boolean(),
    reserved: fc.constantFrom(0, 0, 0, 1, 4, 7),
    opcode: fc.constantFrom(0, 1, 2, 3, 8, 9, 10, 15),
    isMasked: fc.constantFrom(true, true, true, false),
    payload: fc.oneof(
      fc.constantFrom(
        '',
        '\x03\xe8',
        '\x03',
        '\x03\xe9bye',
        '\x13\x88\xff',
        '\0\0',
        '\xff\xff',
        '\xc0\x80',
        'x'.repeat(126),
        'x'.repeat(70_000),
      ),
      fc.uint8Array({ maxLength: 140 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
    ),
    missing: fc.constantFrom(0, 0, 0, 0, 1, 2 ** 31, 2 ** 40),
  })
  .map((odd) => [odd])

export const socketSessions: fc.Arbitrary<SocketSession> = fc.record({
  headers: fc.oneof(
    { weight: 12, arbitrary: fc.constant(PROTOCOL) },
    {
      weight: 1,
      arbitrary: fc.constantFrom<Record<string, string>>(
        {},
        { 'sec-websocket-protocol': 'graphql-ws' },
        { 'sec-websocket-protocol': ',,' },
        { ...PROTOCOL, 'sec-websocket-version': '8' },
        { ...PROTOCOL, 'sec-websocket-key': 'x' },
        { ...PROTOCOL, 'sec-websocket-extensions': 'permessage-deflate; client_max_window_bits=x, a;;b' },
        { ...PROTOCOL, origin: 'http://evil.example' },
        { ...PROTOCOL, origin: 'http://[' },
        { ...PROTOCOL, host: '[' },
        { ...PROTOCOL, 'x-request-id': '\xff', authorization: 'Bearer \xff', traceparent: '00-' },
      ),
    },
  ),
  path: fc.constantFrom('/graphql', '/graphql', '/graphql', '/graphql', '/graphql?query=%', '/', '/graphql/'),
  greets: fc.constantFrom(true, true, true, false),
  frames: fc
    .array(fc.oneof({ weight: 3, arbitrary: plainFrames }, fragmented, oddFrames), { minLength: 1, maxLength: 10 })
    .map((all) => all.flat()),
  end: fc.constantFrom('close', 'reset'),
})

function socketRequests(): object[] {
  return [
    ...GRAPHQL_REQUESTS,
    { query: SUBSCRIPTION, variables: { ids: ['bytes', 'beside'] } },
    { query: SUBSCRIPTION },
    { query: '{ __typename }' },
  ]
}
