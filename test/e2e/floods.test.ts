import { connect, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { SMALL_CATALOG, startApp, type TestApp } from '../support/app.ts'
import { dataOf, execute, openRawSocket } from '../support/graphql.ts'
import { nextAddress } from '../support/load.ts'

const RUN = `mutation ($ip: IPAddress!) {
  runAuction(input: { supplyId: "supply1", ip: $ip, country: "US", tmax: 100 }) { __typename }
}`
const HALF_REQUESTS = {
  headers: 'POST /graphql HTTP/1.1\r\nHost: localhost\r\nX-Slow: ',
  bodies:
    'POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"query',
}

describe('auctions beside floods', () => {
  let app: TestApp
  beforeAll(async () => {
    app = await startApp({
      catalog: SMALL_CATALOG,
      env: { HEADERS_TIMEOUT_MS: '1000', REQUEST_TIMEOUT_MS: '1000' },
    })
  })
  afterAll(() => app?.dispose())

  /** Auctions, one after the other, until something else is over. Each is sold, or has no bids. */
  async function sellUntil(over: Promise<unknown>): Promise<void> {
    let isOver = false
    const end = () => {
      isOver = true
    }
    void over.then(end, end)
    while (!isOver) {
      const { runAuction } = await dataOf<{ runAuction: { __typename: string } }>(app.graphql, RUN, {
        ip: nextAddress(),
      })
      expect(runAuction.__typename).toMatch(/^(Auction|NoBidsError)$/)
    }
  }

  /** What a client is told before its connection is closed. */
  async function untilClosed(request: string): Promise<string> {
    const socket: Socket = connect(Number(new URL(app.url).port), '127.0.0.1').setEncoding('latin1')
    let text = ''
    socket
      .on('error', () => {})
      .on('data', (chunk) => {
        text += chunk
      })
    socket.write(request)
    await new Promise((resolve) => socket.once('close', resolve))
    return text
  }

  it.each(Object.entries(HALF_REQUESTS))(
    'should go on beside 300 requests of half their %s, which are given up',
    async (_name, half) => {
      const told = Promise.all(Array.from({ length: 300 }, () => untilClosed(half)))
      await sellUntil(told)
      for (const text of await told) expect(text).toMatch(/^HTTP\/1\.1 408 /)
    },
  )

  it('should go on beside a message of 10 MB over a WebSocket, which is closed', async () => {
    const client = await openRawSocket(app.graphql)
    client.socket.send('x'.repeat(10_000_000))
    await sellUntil(client.closed)
    expect(await client.closed).toBe(1009)
  })

  it.each([
    ['5,000 aliases', `{ ${Array.from({ length: 5000 }, (_, index) => `a${index}: __typename`).join(' ')} }`],
    ['fragments in a circle', '{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }'],
    ['5,000 levels', `{ ${'supplies { nodes { '.repeat(2500)}${'} }'.repeat(2500)} }`],
  ])('should go on beside documents of %s, which are refused', async (_name, query) => {
    const told = Promise.all(Array.from({ length: 20 }, () => execute(app.graphql, query)))
    await sellUntil(told)
    for (const { errors } of await told) {
      expect(errors?.[0]?.extensions?.code).toMatch(/^GRAPHQL_(VALIDATION|PARSE)_FAILED$/)
    }
  })
})
