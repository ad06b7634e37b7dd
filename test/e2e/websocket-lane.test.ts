import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { SMALL_CATALOG, startApp, type TestApp } from '../support/app.ts'
import { dataOf, type GraphQLRequest } from '../support/graphql.ts'
import { nextAddress } from '../support/load.ts'
import { openRawWebSocket, type RawWebSocket } from '../support/raw-websocket.ts'
import { webSocketLane } from '../support/watched-fast-lane.ts'

vi.mock(import('../../src/server/websocket-fast-lane.ts'), async (importOriginal) => {
  const { watchWebSocketFastLane } = await import('../support/watched-fast-lane.ts')
  return watchWebSocketFastLane(await importOriginal())
})

const RUN = `mutation($input: RunAuctionInput!) { runAuction(input: $input) {
  __typename ... on Auction { tmax } ... on NoBidsError { auctionId }
} }`
const SUBSCRIPTION = { query: 'subscription { statsUpdated(supplyIds: ["supply1"]) { supplyId } }' }

let app: TestApp
let socket: RawWebSocket
beforeAll(async () => {
  // Every bidder answers, most of them too late: an auction takes its tmax.
  app = await startApp({ catalog: SMALL_CATALOG, env: { SIMULATED_LATENCY_FACTOR: '100' } })
  await dataOf(app.graphql, RUN, auction(1).variables)
})
afterAll(() => app?.dispose())
beforeEach(async () => {
  socket = await openRawWebSocket(app.graphql)
})
afterEach(() => socket.dispose())

function auction(tmax: number): GraphQLRequest & { variables: Readonly<Record<string, unknown>> } {
  return { query: RUN, variables: { input: { supplyId: 'supply1', ip: nextAddress(), country: 'US', tmax } } }
}

function subscribe(id: string, payload: unknown): void {
  socket.send({ id, type: 'subscribe', payload })
}

async function untilSubscribed(id: string): Promise<void> {
  subscribe(id, SUBSCRIPTION)
  await vi.waitFor(() => expect(socket.messages.join()).toContain('"next"'))
}

describe.each([
  ['its lane', true],
  ['graphql-ws alone', false],
])('a WebSocket, by %s', (_name, isOn) => {
  beforeEach(() => {
    webSocketLane.isOn = isOn
    webSocketLane.taken = 0
  })
  afterEach(() => {
    webSocketLane.isOn = true
    expect(webSocketLane.taken > 0, 'taken by the lane').toBe(isOn)
  })

  it('should refuse an id that is under way', async () => {
    subscribe('1', auction(5000))
    subscribe('1', auction(5000))
    expect(await socket.closed).toBe(4409)
    expect(socket.messages).toEqual([])
  })

  it('should refuse the id of an operation under way to a subscription', async () => {
    subscribe('1', auction(5000))
    subscribe('1', SUBSCRIPTION)
    expect(await socket.closed).toBe(4409)
  })

  it('should refuse the id of a subscription to an operation', async () => {
    await socket.ask('other', auction(1))
    await untilSubscribed('1')
    subscribe('1', auction(1))
    expect(await socket.closed).toBe(4409)
  })

  it('should call a malformed message under an id that is under way malformed', async () => {
    subscribe('1', auction(5000))
    subscribe('1', { query: 7 })
    expect(await socket.closed).toBe(4400)
  })

  it('should tell nothing of an operation that its client completes, whose id is free at once', async () => {
    subscribe('1', auction(20))
    socket.send({ id: '1', type: 'complete' })
    expect(await socket.ask('1', { query: RUN, variables: { input: null } })).toEqual([
      expect.stringContaining('BAD_USER_INPUT'),
      '{"id":"1","type":"complete"}',
    ])
    // The one that was completed ends before this one.
    await socket.ask('2', auction(60))
    expect(socket.messages.filter((text) => text.includes('"id":"1"'))).toHaveLength(2)
  })

  it('should free an id with its answer', async () => {
    for (let time = 0; time < 3; time++) expect(await socket.ask('1', auction(1))).toHaveLength(2)
  })

  it('should count subscriptions alone among those that a connection may have', async () => {
    for (let index = 0; index < 150; index++) subscribe(`a${index}`, auction(5000))
    await untilSubscribed('s')
    expect(socket.messages.join()).not.toContain('TOO_MANY_SUBSCRIPTIONS')
  })
})

describe('the lane of a WebSocket', () => {
  it('should answer an operation under the id of a subscription that was just completed', async () => {
    await untilSubscribed('1')
    socket.send({ id: '1', type: 'complete' })
    expect(await socket.ask('1', auction(20))).toHaveLength(2)
  })
})
