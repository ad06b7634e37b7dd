import { GraphQLError } from 'graphql'
import type { Client } from 'graphql-ws'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import type { GraphQLContext } from '../../src/graphql/context.ts'
import { type Admission, admitAll } from '../../src/server/admission.ts'
import { SMALL_CATALOG, startApp, type TestApp } from '../support/app.ts'
import { executeOverWebSocket, openWebSocket, send } from '../support/graphql.ts'

/** Who is admitted, for a test to say, and what it is told of answers. */
const door = vi.hoisted(() => ({
  admission: (() => undefined) as Admission,
  onAnswered: (_context: GraphQLContext): void => {},
}))

vi.mock(import('../../src/server/front-door.ts'), async (importOriginal) => {
  const { createFrontDoor } = await importOriginal()
  return {
    createFrontDoor: (dependencies) =>
      createFrontDoor({
        ...dependencies,
        admission: (...args) => door.admission(...args),
        onAnswered: (context) => door.onAnswered(context),
      }),
  }
})

let app: TestApp
let webSocket: Client
beforeAll(async () => {
  app = await startApp({ catalog: SMALL_CATALOG, env: { SIMULATED_LATENCY_FACTOR: '0.5', RATE_LIMIT_MAX: '1000' } })
  webSocket = openWebSocket(app.graphql)
})
afterAll(async () => {
  await webSocket?.dispose()
  await app?.dispose()
})

const json = { 'content-type': 'application/json' }
const SUBSCRIPTION = 'subscription { statsUpdated(supplyIds: ["supply1"]) { supplyId } }'

let texts = 0
/** A text that was not sent before. */
function textOf(query: string): string {
  return `${query} # ${++texts}`
}

interface Way {
  readonly name: string
  readonly type?: 'query' | 'mutation' | 'subscription'
  readonly transport?: 'http' | 'websocket'
  /** Sends it, and gives what it was answered. */
  readonly ask: (query: string) => Promise<string>
  readonly query?: string
}

async function overHttp(body: string | undefined, headers: Record<string, string>, path = ''): Promise<string> {
  const method = body === undefined ? 'GET' : 'POST'
  return (await send(`${app.graphql}${path}`, { method, headers, ...(body === undefined ? {} : { body }) })).text
}

const post = (query: string) => overHttp(JSON.stringify({ query }), json)
const overWebSocket = async (query: string) => JSON.stringify(await executeOverWebSocket(webSocket, { query }))

/** Reads a stream up to its first value, then leaves it. */
async function firstEvent(query: string, accept: string): Promise<string> {
  const response = await fetch(app.graphql, {
    method: 'POST',
    headers: { ...json, accept },
    body: JSON.stringify({ query }),
  })
  let text = ''
  for await (const chunk of (response.body ?? new ReadableStream()).pipeThrough(new TextDecoderStream())) {
    text += chunk
    if (text.includes('data":{') || text.includes('errors')) break
  }
  return text
}

const WAYS: readonly Way[] = [
  { name: 'a POST', ask: post },
  { name: 'a mutation by POST', ask: post, type: 'mutation', query: 'mutation { __typename }' },
  {
    name: 'a document that is not compiled',
    ask: post,
    query: '{ ...F @include(if: true) } fragment F on Query { __typename }',
  },
  { name: 'a GET', ask: (query) => overHttp(undefined, {}, `?query=${encodeURIComponent(query)}`) },
  { name: 'a bare query', ask: (query) => overHttp(query, { 'content-type': 'application/graphql' }) },
  {
    name: 'a form',
    ask: (query) =>
      overHttp(`query=${encodeURIComponent(query)}`, { 'content-type': 'application/x-www-form-urlencoded' }),
  },
  { name: 'a query as server-sent events', ask: (query) => firstEvent(query, 'text/event-stream') },
  {
    name: 'a subscription as server-sent events',
    ask: (query) => firstEvent(query, 'text/event-stream'),
    type: 'subscription',
    query: SUBSCRIPTION,
  },
  { name: 'a WebSocket', ask: overWebSocket, transport: 'websocket' },
  {
    name: 'a mutation over a WebSocket',
    ask: overWebSocket,
    transport: 'websocket',
    type: 'mutation',
    query: 'mutation { __typename }',
  },
  {
    name: 'a subscription over a WebSocket',
    ask: overWebSocket,
    transport: 'websocket',
    type: 'subscription',
    query: SUBSCRIPTION,
  },
]

describe('the front door', () => {
  beforeEach(() => {
    door.admission = admitAll
    door.onAnswered = () => {}
  })

  describe.each(WAYS)('$name', ({ ask, type = 'query', transport = 'http', query: template = '{ __typename }' }) => {
    it('should be asked once for each operation, knowing what it is and where it came from', async () => {
      const query = textOf(template)
      const asked: { type: string; values: number; transport: string; url: string | undefined; isOpen: boolean }[] = []
      let released = 0
      door.admission = ({ origin }: GraphQLContext, operation) => {
        const { url, socket } = origin.request
        const { values } = operation.cost
        asked.push({ type: operation.type, values, transport: origin.transport, url, isOpen: !socket.destroyed })
        return () => {
          released++
        }
      }
      // A text that is new, and one that is known.
      const answers = [await ask(query), await ask(query)]
      for (const answer of answers) expect(answer).toMatch(/"(__typename|supplyId)"/)
      const once = { type, values: expect.any(Number), transport, url: expect.any(String), isOpen: true }
      expect(asked).toEqual([once, once])
      expect(asked[0]?.values).toBeGreaterThan(0)
      expect(asked[0]?.url).toMatch(/^\/graphql/)
      expect(released).toBe(2)
    })

    it('should answer a refusal as its only answer', async () => {
      const query = textOf(template)
      for (const refuse of [refuseAtOnce, refuseLater]) {
        door.admission = refuse
        for (let time = 0; time < 2; time++) {
          const answer = await ask(query)
          expect(answer).toContain('"code":"TOO_BUSY"')
          expect(answer).not.toContain('"data":{')
        }
      }
    })

    it('should wait for its turn', async () => {
      const query = textOf(template)
      for (let time = 0; time < 2; time++) {
        let admit = () => {}
        const isWaiting = new Promise<void>((resolve) => {
          door.admission = () => {
            resolve()
            return new Promise((admitted) => {
              admit = () => admitted(undefined)
            })
          }
        })
        let isAnswered = false
        const answer = ask(query).finally(() => {
          isAnswered = true
        })
        await isWaiting
        // Another operation's whole way takes longer than the answer of one that does not wait.
        door.admission = admitAll
        await post(query.startsWith('sub') ? '{ __typename }' : query)
        expect(isAnswered).toBe(false)
        admit()
        expect(await answer).toMatch(/"(__typename|supplyId)"/)
      }
    })
  })

  it.each(WAYS.filter(({ type }) => type === 'mutation'))(
    'should be told once of each answer to $name, and how long its auctions waited',
    async ({ ask }) => {
      const input = '{ supplyId: "supply1", ip: "192.0.2.7", country: "US", tmax: 20 }'
      const query = textOf(
        `mutation { a: runAuction(input: ${input}) { __typename } b: runAuction(input: ${input}) { __typename } }`,
      )
      const told: GraphQLContext[] = []
      door.onAnswered = (context) => void told.push(context)
      for (let time = 1; time <= 2; time++) {
        const askedAt = performance.now()
        expect(await ask(query)).toMatch(/"(Auction|NoBidsError)"/)
        await expect.poll(() => told.length).toBe(time)
        const { receivedAt = 0, biddersMs = 0 } = told[time - 1] ?? {}
        expect(receivedAt).toBeGreaterThan(askedAt)
        expect(biddersMs).toBeGreaterThan(0)
        expect(biddersMs).toBeLessThanOrEqual(40)
      }
    },
  )

  it('should give a refusal its status and headers', async () => {
    door.admission = refuseAtOnce
    for (let time = 0; time < 2; time++) {
      const answer = await send(app.graphql, { headers: json, body: JSON.stringify({ query: '{ __typename }' }) })
      expect(answer).toMatchObject({ status: 503, headers: { 'retry-after': '1' } })
    }
  })

  it('should mask a bug of its admission', async () => {
    door.admission = () => {
      throw new Error('a secret')
    }
    for (const ask of [post, overWebSocket]) {
      const answer = await ask('{ __typename }')
      expect(answer).toContain('INTERNAL_SERVER_ERROR')
      expect(answer).not.toContain('secret')
    }
  })
})

function tooBusy(): GraphQLError {
  return new GraphQLError('Try again later.', {
    extensions: { code: 'TOO_BUSY', http: { status: 503, headers: { 'Retry-After': '1' } } },
  })
}

function refuseAtOnce(): never {
  throw tooBusy()
}

function refuseLater(): Promise<never> {
  return Promise.reject(tooBusy())
}
