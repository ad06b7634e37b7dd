import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { SMALL_CATALOG, startApp, type TestApp } from '../support/app.ts'
import { dataOf } from '../support/graphql.ts'
import { openRawWebSocket } from '../support/raw-websocket.ts'

/** As many subscriptions as a connection may have. */
const MANY = 100
/** As many messages as are taken in one turn, or more. */
const AT_ONCE = 20
/** More than may wait before no more is read. */
const PINGS = 120
const QUERY = '{ __typename }'
const SUBSCRIPTION = { query: 'subscription { statsUpdated(supplyIds: ["supply1"]) { supplyId } }' }

let app: TestApp
beforeAll(async () => {
  app = await startApp({ catalog: SMALL_CATALOG })
})
afterAll(() => app?.dispose())

it('should spread over turns of the event loop what a client begins at once', async () => {
  const client = await openRawWebSocket(app.graphql)
  const { feed } = app.services
  /** The most that began between two looks, which are a turn of the event loop apart: the service is in this process. */
  let most = 0
  try {
    for (let id = 0; id < MANY; id++) client.send({ id: String(id), type: 'subscribe', payload: SUBSCRIPTION })
    for (let seen = feed.subscribers(); seen < MANY; ) {
      await new Promise((resolve) => setImmediate(resolve))
      most = Math.max(most, feed.subscribers() - seen)
      seen = feed.subscribers()
    }
  } finally {
    client.dispose()
  }
  expect(most).toBeLessThanOrEqual(2 * AT_ONCE)
})

it('should take the messages of a client in the order they came', async () => {
  const client = await openRawWebSocket(app.graphql)
  try {
    // The last is a known query, which would not have to wait if it came first.
    await dataOf(app.graphql, QUERY)
    client.send({ id: '1', type: 'subscribe', payload: SUBSCRIPTION })
    for (let count = 0; count < PINGS; count++) client.send({ type: 'ping' })
    client.send({ id: '1', type: 'complete' })
    client.send({ id: '1', type: 'subscribe', payload: { query: QUERY } })
    client.send({ type: 'ping' })
    const pongs = () => client.messages.filter((message) => message.includes('pong'))
    await vi.waitFor(() => expect(pongs()).toHaveLength(PINGS + 1), { timeout: 20_000 })
    const ofThisId = client.messages.filter((message) => message.includes('"id":"1"'))
    expect(ofThisId.slice(-2)).toEqual([
      '{"id":"1","type":"next","payload":{"data":{"__typename":"Query"}}}',
      '{"id":"1","type":"complete"}',
    ])
    expect(await client.ask('2', { query: QUERY })).toHaveLength(2)
  } finally {
    client.dispose()
  }
})
