import { buildSchema, type ExecutionResult, parse } from 'graphql'
import { describe, expect, it, vi } from 'vitest'
import { ANY_OPERATION } from '../../src/graphql/persisted-operations.ts'
import type { FrontDoor } from '../../src/server/front-door.ts'
import { type ConnectionExtra, createWebSocketProtocol } from '../../src/server/websocket-protocol.ts'
import type { Yoga } from '../../src/server/yoga.ts'

const schema = buildSchema('type Query { value: Int } type Subscription { value: Int }')
const document = parse('subscription { value }')

describe('live values over WebSockets', () => {
  it('should be made JSON once for all who are told the same, in messages that differ in the id alone', async () => {
    const toJSON = vi.fn(() => 7)
    const result = { data: { value: { toJSON } }, extensions: { some: 'thing' } }
    const protocol = protocolTelling([result, result])
    const messages = [...(await subscribe(protocol, 'a"b')), ...(await subscribe(protocol, '2'))]
    expect(toJSON).toHaveBeenCalledTimes(1)
    const payload = { data: { value: 7 }, extensions: { some: 'thing' } }
    const told = (id: string) => JSON.stringify({ id, type: 'next', payload })
    const completed = (id: string) => JSON.stringify({ id, type: 'complete' })
    const all = (id: string) => ['{"type":"connection_ack"}', told(id), told(id), completed(id)]
    expect(messages).toEqual([...all('a"b'), ...all('2')])
  })

  it('should go out whole after one that could not be written', async () => {
    const toJSON = () => {
      throw new RangeError('Invalid string length')
    }
    const protocol = protocolTelling([{ data: { value: 1 } }, { data: { value: { toJSON } } }])
    const messages = [...(await subscribe(protocol, '1')), ...(await subscribe(protocol, '2'))]
    const all = (id: string) => [
      '{"type":"connection_ack"}',
      `{"id":"${id}","type":"next","payload":{"data":{"value":1}}}`,
      `{"id":"${id}","type":"error","payload":[{"message":"Invalid string length"}]}`,
    ]
    expect(messages).toEqual([...all('1'), ...all('2')])
  })
})

function protocolTelling(results: readonly unknown[]) {
  const frontDoor = {
    persisted: ANY_OPERATION,
    told: () => {},
    createContext: () => ({}),
    find: () => ({ document }),
    subscribe: async () =>
      (async function* () {
        yield* results as ExecutionResult[]
      })(),
  } as unknown as FrontDoor
  const limits = { maxSubscriptionsPerConnection: 100 }
  return createWebSocketProtocol({
    schema,
    yoga: {} as Yoga,
    frontDoor,
    keyRing: undefined,
    limits,
    onUnexpected: () => {},
  })
}

/** One client's subscription, from its beginning to its end; resolves with what it was sent. */
async function subscribe(protocol: ReturnType<typeof protocolTelling>, id: string): Promise<string[]> {
  const sent: string[] = []
  let take: (message: string) => Promise<void> = async () => {}
  const extra = { origin: {}, subscriptions: new Set(), latest: new Map() } as unknown as ConnectionExtra
  const socket = {
    protocol: 'graphql-transport-ws',
    send: (message: string) => void sent.push(message),
    close: () => {},
    onMessage: (taker: typeof take) => {
      take = taker
    },
  }
  const closed = protocol.opened(socket, extra)
  // As the server hands them over: parsed.
  await take({ type: 'connection_init' } as unknown as string)
  await take({ id, type: 'subscribe', payload: { query: 'subscription { value }' } } as unknown as string)
  await closed(1000, '')
  return sent
}
