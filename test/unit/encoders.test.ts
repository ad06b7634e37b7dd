import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Origin, Services } from '../../src/graphql/context.ts'
import type { Operation, Operations } from '../../src/graphql/operations.ts'
import { ANY_OPERATION } from '../../src/graphql/persisted-operations.ts'
import { admitAll } from '../../src/server/admission.ts'
import { createFastLane } from '../../src/server/fast-lane.ts'
import { createFrontDoor } from '../../src/server/front-door.ts'
import { type Connection, createWebSocketFastLane } from '../../src/server/websocket-fast-lane.ts'

/** As a result does whose text is too long for a string. */
const UNWRITABLE = {
  toJSON() {
    throw new RangeError('Invalid string length')
  },
}
const UNEXPECTED = { errors: [{ message: 'Unexpected error.', extensions: { code: 'INTERNAL_SERVER_ERROR' } }] }

describe.each([
  ['at once', () => ({ data: { value: UNWRITABLE } })],
  ['later', async () => ({ data: { value: UNWRITABLE } })],
])('a result that cannot be written, made %s', (_name, run) => {
  const operation = { type: 'query', run } as unknown as Operation
  const operations = { find: () => operation } as unknown as Operations
  let reported: unknown[]
  const onUnexpected = (error: unknown) => void reported.push(error)
  const frontDoor = createFrontDoor({
    operations,
    persisted: ANY_OPERATION,
    services: {} as Services,
    keyRing: undefined,
    admission: admitAll,
    subscriptionPlaces: { hold: (_origin, start) => start() },
    onAnswered: () => {},
    onUnexpected,
  })
  beforeEach(() => {
    reported = []
  })
  afterEach(() => expect(reported).toEqual([expect.any(RangeError)]))

  it('should be one masked answer over HTTP', async () => {
    const fastLane = createFastLane({ frontDoor, onUnexpected })
    const body = Buffer.from('{"query":"{ value }"}')
    const server = createServer((request, response) => void fastLane(request, response, body)).listen(0, '127.0.0.1')
    try {
      await once(server, 'listening')
      const { port } = server.address() as AddressInfo
      const headers = { 'content-type': 'application/json' }
      const response = await fetch(`http://127.0.0.1:${port}`, { method: 'POST', headers, body })
      expect(response.status).toBe(500)
      expect(await response.json()).toEqual(UNEXPECTED)
    } finally {
      server.closeAllConnections()
      server.close()
    }
  })

  it('should be one masked answer over a WebSocket', async () => {
    const sent: string[] = []
    const lane = createWebSocketFastLane({
      frontDoor,
      origin: {} as Origin,
      loadShedding: { sheds: () => false },
      send: (data) => void sent.push(data),
      close: () => {},
      onUnexpected,
    })
    const connection = { acknowledged: true, subscriptions: {} } as unknown as Connection
    expect(lane({ id: '1', type: 'subscribe', payload: { query: '{ value }' } }, connection, 0)).toBe(true)
    await expect.poll(() => sent.length).toBe(2)
    expect(sent.map((text) => JSON.parse(text))).toEqual([
      { id: '1', type: 'next', payload: UNEXPECTED },
      { id: '1', type: 'complete' },
    ])
  })
})
