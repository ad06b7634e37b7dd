import { createHash } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { SMALL_CATALOG, startApp, type TestApp } from '../support/app.ts'
import { type HttpAnswer, send } from '../support/graphql.ts'
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

const HELLO = 'query Hello { __typename }'
const BODIES = {
  hello: HELLO,
  run: 'mutation Run($input: RunAuctionInput!) { runAuction(input: $input) { __typename ... on Error { message } } }',
  live: 'subscription Live { statsUpdated(supplyIds: ["supply1"]) { supplyId } }',
  two: 'query One { one: __typename } query Two { two: __typename }',
}
const HASH = createHash('sha256').update(HELLO).digest('hex')
const MANIFEST = {
  format: 'apollo-persisted-query-manifest',
  version: 1,
  operations: Object.entries(BODIES).map(([id, body]) => ({ id, name: id, type: 'query', body })),
}
const json = { 'content-type': 'application/json' }
const hashed = (sha256Hash: string) => ({ extensions: { persistedQuery: { version: 1, sha256Hash } } })

type Parameters = Readonly<Record<string, unknown>>

/** Whatever stands for one operation. */
const NAMES: readonly (readonly [string, Parameters])[] = [
  ['documentId', { documentId: 'hello' }],
  ['documentId, the SHA-256 of its text', { documentId: `sha256:${HASH}` }],
  ['the hash of Apollo’s clients', { operationName: 'Hello', variables: {}, ...hashed(HASH) }],
  ['its id in the place of that hash', hashed('hello')],
  ['its text', { query: HELLO }],
  ['its text and an id', { query: HELLO, documentId: 'run', ...hashed('run') }],
]

describe('a service whose operations are listed', () => {
  let folder: string
  let app: TestApp
  let webSocket: RawWebSocket
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'auction-persisted-'))
    app = await startApp({ catalog: SMALL_CATALOG, env: { PERSISTED_OPERATIONS_FILE: await write(MANIFEST) } })
    webSocket = await openRawWebSocket(app.graphql)
  })
  afterAll(async () => {
    webSocket?.dispose()
    await app?.dispose()
    await rm(folder, { recursive: true, force: true })
  })
  beforeEach(() => {
    lane.taken = webSocketLane.taken = 0
  })

  async function write(content: unknown): Promise<string> {
    const file = join(folder, 'operations.json')
    await writeFile(file, JSON.stringify(content))
    return file
  }
  function post(parameters: Parameters, headers: Record<string, string> = {}): Promise<HttpAnswer> {
    return send(app.graphql, { headers: { ...json, ...headers }, body: JSON.stringify(parameters) })
  }
  function get(parameters: Parameters, accept = '*/*'): Promise<HttpAnswer> {
    const texts = Object.entries(parameters).map(([name, value]) => [
      name,
      typeof value === 'string' ? value : JSON.stringify(value),
    ])
    return send(`${app.graphql}?${new URLSearchParams(texts)}`, { method: 'GET', headers: { accept } })
  }
  const ask = (parameters: Parameters) => webSocket.ask('1', parameters as never)

  it.each(NAMES)('should execute one by %s, in the lanes from the first request on', async (_name, parameters) => {
    for (let time = 1; time <= 2; time++) {
      expect(await post(parameters)).toMatchObject({ status: 200, text: '{"data":{"__typename":"Query"}}' })
      expect((await ask(parameters))[0]).toContain('"payload":{"data":{"__typename":"Query"}}')
      expect([lane.taken, webSocketLane.taken]).toEqual([time, time])
    }
    expect((await get(parameters)).text).toBe('{"data":{"__typename":"Query"}}')
    expect((await post(parameters, { accept: 'text/event-stream' })).text).toContain('data: {"data":{"__typename"')
  })

  it('should know each operation of a text by its name', async () => {
    for (const operationName of ['One', 'Two']) {
      const { text } = await post({ documentId: 'two', operationName })
      expect(text).toBe(`{"data":{"${operationName.toLowerCase()}":"Query"}}`)
    }
    expect(lane.taken).toBe(2)
    const unnamed = await post({ documentId: 'two' })
    expect(JSON.parse(unnamed.text).errors[0].extensions.code).toBe('OPERATION_RESOLUTION_FAILURE')
  })

  it('should read variables behind an id as they are, in each lane alike', async () => {
    const inputs = ['203.0.113.7', '2001:db8::1', 'no address'].map((ip) => ({
      supplyId: 'nowhere',
      ip,
      country: 'US',
    }))
    for (const input of inputs) {
      const parameters = { documentId: 'run', variables: { input } }
      const fast = [await post(parameters), await ask(parameters)]
      lane.isOn = webSocketLane.isOn = false
      const slow = [await post(parameters), await ask(parameters)]
      lane.isOn = webSocketLane.isOn = true
      expect(slow).toEqual(fast)
    }
    expect(lane.taken).toBe(inputs.length)
    // What follows a beginning that is known is not taken for variables.
    const other = `{"documentId":"run","variables":${JSON.stringify({ input: inputs[0] })},"query":"{ __typename }"}`
    const answer = await send(app.graphql, { headers: json, body: other })
    expect(answer.text).toContain('PERSISTED_OPERATIONS_ONLY')
  })

  it('should run no mutation by GET, whatever stands for it', async () => {
    const { status, text } = await get({ documentId: 'run', variables: { input: {} } })
    expect([status, text]).toEqual([405, expect.stringContaining('METHOD_NOT_ALLOWED')])
  })

  it('should start a listed subscription over server-sent events and WebSockets', async () => {
    const response = await fetch(`${app.graphql}?documentId=live`, { headers: { accept: 'text/event-stream' } })
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
    let text = ''
    while (!text.includes('"supply1"')) text += (await reader?.read())?.value
    await reader?.cancel()
    webSocket.send({ id: 'live', type: 'subscribe', payload: { documentId: 'live' } })
    await expect.poll(() => webSocket.messages.at(-1)).toContain('"supplyId":"supply1"')
    webSocket.send({ id: 'live', type: 'complete' })
  })

  it.each([
    ['another text', { query: '{ __typename }' }, 'PERSISTED_OPERATIONS_ONLY'],
    ['a listed text with a space', { query: `${HELLO} ` }, 'PERSISTED_OPERATIONS_ONLY'],
    ['another text with a listed id', { query: '{ __typename }', documentId: 'hello' }, 'PERSISTED_OPERATIONS_ONLY'],
    ['introspection', { query: '{ __schema { queryType { name } } }', ...hashed(HASH) }, 'PERSISTED_OPERATIONS_ONLY'],
    ['an unknown id', { documentId: 'goodbye' }, 'PERSISTED_OPERATION_NOT_FOUND'],
    ['an unknown hash', hashed(HASH.toUpperCase()), 'PERSISTED_OPERATION_NOT_FOUND'],
    ['an id of Object', { documentId: 'constructor' }, 'PERSISTED_OPERATION_NOT_FOUND'],
    ['a hash that is none', hashed({} as string), 'PERSISTED_OPERATION_NOT_FOUND'],
    ['a hash that no text can be made of', hashed({ toString: 1 } as never), 'PERSISTED_OPERATION_NOT_FOUND'],
  ])('should refuse %s, whichever way it is sent', async (_name, parameters, code) => {
    for (let time = 1; time <= 2; time++) {
      const answers = [
        await post(parameters),
        await get(parameters),
        await post(parameters, { accept: 'text/event-stream' }),
        await post(parameters, { accept: 'application/graphql-response+json' }),
      ]
      for (const { status, text } of answers) {
        expect([status, text]).toEqual([400, expect.stringContaining(`"code":"${code}"`)])
        expect(text).toContain('PERSISTED_OPERATIONS_FILE')
      }
      expect(await ask(parameters)).toEqual([expect.stringContaining(`"code":"${code}"`)])
    }
    expect([lane.taken, webSocketLane.taken]).toEqual([0, 0])
  })

  it('should have no GraphiQL', async () => {
    const { status, text } = await send(app.graphql, { method: 'GET', headers: { accept: 'text/html' } })
    expect([status, text]).toEqual([404, expect.stringContaining('PERSISTED_OPERATIONS_FILE')])
  })

  it('should not start with operations that it cannot execute, and name them', async () => {
    const path = await write({
      hello: HELLO,
      wrong: 'query Wrong { supplie { id } }',
      deep: `{ supplies(first: 1) { nodes ${'{ bidders(first: 1) { nodes '.repeat(4)} { id } ${'} }'.repeat(4)} } }`,
      none: 'fragment F on Query { __typename }',
      broken: '{',
    })
    const starting = startApp({ env: { PERSISTED_OPERATIONS_FILE: path } })
    await expect(starting).rejects.toMatchObject({ code: 'PERSISTED_OPERATIONS_INVALID' })
    const message = await starting.catch((error: Error) => error.message)
    expect(message).toContain(`PERSISTED_OPERATIONS_FILE=${path} cannot be used: 4 of its 5 operations`)
    for (const problem of [
      '"wrong": Cannot query',
      '"deep": ',
      '"none": Fragment "F" is never used',
      '"broken": Syntax Error',
    ]) {
      expect(message).toContain(problem)
    }
  })
})
