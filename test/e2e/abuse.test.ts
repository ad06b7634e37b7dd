import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { execute as executeByGraphqlJs, parse } from 'graphql'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { createSchema } from '../../src/graphql/schema/index.ts'
import { SMALL_CATALOG, startApp, type TestApp } from '../support/app.ts'
import { dataOf, exchange, execute, openRawSocket } from '../support/graphql.ts'
import { nextAddress } from '../support/load.ts'

const RUN = `mutation($input: RunAuctionInput!) { runAuction(input: $input) {
  __typename ... on Auction { tmax } ... on NoBidsError { auctionId }
} }`

let app: TestApp
beforeAll(async () => {
  app = await startApp({ catalog: SMALL_CATALOG, env: { SIMULATED_LATENCY_FACTOR: '1.5', ALLOWED_HOSTS: '*' } })
})
afterAll(() => app?.dispose())

function runMessage(id: string, tmax: number): string {
  const input = { supplyId: 'supply1', ip: nextAddress(), country: 'US', tmax }
  return JSON.stringify({ id, type: 'subscribe', payload: { query: RUN, variables: { input } } })
}

/** Executes the operation once, so that it is compiled from then on. */
async function warm(supplyId = 'supply1'): Promise<void> {
  await dataOf(app.graphql, RUN, { input: { supplyId, ip: nextAddress(), country: 'US', tmax: 1 } })
}

describe('a service under abuse', () => {
  it('should let one WebSocket have 100 subscriptions, and a further one when one has ended', async () => {
    const { socket, messages } = await openRawSocket(app.graphql)
    const subscribe = (id: string) =>
      socket.send(
        JSON.stringify({
          id,
          type: 'subscribe',
          payload: { query: 'subscription { statsUpdated(supplyIds: ["supply1"]) { id } }' },
        }),
      )
    for (let index = 0; index <= 100; index++) subscribe(`s${index}`)
    await vi.waitFor(() => expect(messages).toHaveLength(101))
    const refused = messages.filter(({ type }) => type === 'error')
    expect(refused).toMatchObject([{ id: 's100', payload: [{ extensions: { code: 'TOO_MANY_SUBSCRIPTIONS' } }] }])
    socket.send('{"id":"s0","type":"complete"}')
    subscribe('more')
    await vi.waitFor(() => expect(messages.at(-1)).toMatchObject({ id: 'more', type: 'next' }))
    socket.terminate()
  })

  it.each([
    ['an id that is long and taken', ['long', 'long'].map(() => runMessage('x'.repeat(200), 100)), 4409],
    [
      'a ping that is nested deep',
      [`{"type":"ping","payload":{"a":${'['.repeat(20_000)}${']'.repeat(20_000)}}}`],
      4400,
    ],
  ])('should close a WebSocket for %s, by the protocol’s code', async (_name, sent, code) => {
    const { socket } = await openRawSocket(app.graphql)
    const closed = once(socket, 'close')
    for (const text of sent) socket.send(text)
    expect((await closed)[0]).toBe(code)
  })

  it('should survive connections that break off while they ask for an upgrade', async () => {
    const port = Number(new URL(app.url).port)
    for (let round = 0; round < 60; round++) {
      const socket: Socket = connect(port, '127.0.0.1')
      socket.on('error', () => {})
      await once(socket, 'connect')
      const path = round % 2 === 0 ? '/nothing' : '/graphql'
      socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`)
      if (round % 3 === 0) await new Promise((resolve) => setImmediate(resolve))
      socket.resetAndDestroy()
    }
    expect(await dataOf(app.graphql, '{ __typename }')).toEqual({ __typename: 'Query' })
  })

  it.each(['[', 'a/b', 'a?b', 'a#b', 'a\\b', 'a@b'])('should answer the host %s with a coded error', async (host) => {
    const answer = await exchange(
      app.url,
      `GET /graphql?query={__typename}& HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
    )
    expect(answer).toMatch(/^HTTP\/1\.1 400 /)
    expect(answer).toContain('"code":"BAD_REQUEST"')
  })

  it('should send GraphiQL from one copy, and not again to who has it', async () => {
    const first = await fetch(app.graphql, { headers: { accept: 'text/html' } })
    expect(first.status).toBe(200)
    expect(await first.text()).toContain('YogaGraphiQL')
    const headers = { accept: 'text/html', 'if-none-match': first.headers.get('etag') ?? '' }
    expect((await fetch(app.graphql, { headers })).status).toBe(304)

    const before = process.memoryUsage().rss
    const sockets = await Promise.all(
      Array.from({ length: 60 }, async () => {
        const socket = connect(Number(new URL(app.url).port), '127.0.0.1')
        await once(socket, 'connect')
        socket.pause()
        socket.write('GET /graphql HTTP/1.1\r\nHost: x\r\nAccept: text/html\r\n\r\n')
        return socket
      }),
    )
    await dataOf(app.graphql, '{ __typename }')
    // Sixty copies would be more than 500 MB.
    expect(process.memoryUsage().rss - before).toBeLessThan(250e6)
    for (const socket of sockets) socket.destroy()
  })

  it('should close a WebSocket that sends what servers send', async () => {
    const { socket } = await openRawSocket(app.graphql)
    socket.send('{"type":"next","id":"1","payload":{}}')
    expect((await once(socket, 'close'))[0]).toBe(4400)
  })

  it('should refuse an id that is under way, also where the operation is compiled', async () => {
    await warm()
    const { socket } = await openRawSocket(app.graphql)
    socket.send(runMessage('1', 2000))
    socket.send(runMessage('1', 2000))
    expect((await once(socket, 'close'))[0]).toBe(4409)
  })

  it('should not tell the result of an operation that was completed, nor under its id that of another', async () => {
    await warm()
    const { socket, messages } = await openRawSocket(app.graphql)
    socket.send(runMessage('1', 50))
    socket.send('{"type":"complete","id":"1"}')
    socket.send(runMessage('1', 400))
    await vi.waitFor(() => expect(messages).toHaveLength(2))
    const [{ payload }] = messages as [{ payload: { data: { runAuction: { __typename: string; tmax?: number } } } }]
    if (payload.data.runAuction.__typename === 'Auction') expect(payload.data.runAuction.tmax).toBe(400)
    expect(messages[1]).toEqual({ id: '1', type: 'complete' })
    socket.close()
  })

  it('should end a subscription by its id after an operation of that id', async () => {
    await warm()
    const { socket, messages } = await openRawSocket(app.graphql)
    socket.send(runMessage('1', 1))
    await vi.waitFor(() => expect(messages.at(-1)?.type).toBe('complete'))
    const query = 'subscription { statsUpdated(minIntervalMs: 50) { supplyId } }'
    socket.send(JSON.stringify({ id: '1', type: 'subscribe', payload: { query } }))
    await vi.waitFor(() => expect(app.services.feed.subscribers()).toBe(1))
    socket.send('{"type":"complete","id":"1"}')
    await vi.waitFor(() => expect(app.services.feed.subscribers()).toBe(0))
    socket.close()
  })

  it('should have one subscription under an id that is completed and given anew, the last', async () => {
    const { socket, messages } = await openRawSocket(app.graphql)
    const complete = () => socket.send('{"type":"complete","id":"1"}')
    const start = (query: string) => socket.send(JSON.stringify({ id: '1', type: 'subscribe', payload: { query } }))
    // The texts are new at first, and known later; what is sent without a break arrives at once.
    for (const [count, first] of [
      'subscription A { statsUpdated { supplyId } }',
      '{ first: __typename }',
      '{ a',
    ].entries()) {
      for (const query of [first, first, 'subscription { statsUpdated { lost: supplyId } }']) {
        start(query)
        complete()
      }
      start(`subscription { statsUpdated(minIntervalMs: 50) { kept${count}: supplyId } }`)
      await vi.waitFor(() => expect(JSON.stringify(messages)).toContain(`kept${count}`))
      // Those that were replaced have ended, and none was told under the id of the last.
      await vi.waitFor(() => expect(app.services.feed.subscribers()).toBe(1))
      expect(messages.map(({ type }) => type)).not.toContain('complete')
      expect(JSON.stringify(messages)).not.toMatch(/lost|first/)
      complete()
      await vi.waitFor(() => expect(app.services.feed.subscribers()).toBe(0))
    }
    start('subscription { statsUpdated { again: supplyId } }')
    start('subscription { statsUpdated { again: supplyId } }')
    expect((await once(socket, 'close'))[0]).toBe(4409)
  })

  it('should free a subscriber whose variables are nested beyond measure', async () => {
    const { socket, messages } = await openRawSocket(app.graphql)
    const query = 'subscription { statsUpdated { supplyId } }'
    const payload = `{"query":${JSON.stringify(query)},"variables":{"x":${'['.repeat(40_000)}${']'.repeat(40_000)}}}`
    socket.send(`{"id":"1","type":"subscribe","payload":${payload}}`)
    await vi.waitFor(() => expect(messages.length).toBeGreaterThan(0))
    socket.close()
    await vi.waitFor(() => expect(app.services.feed.subscribers()).toBe(0))
  })

  it('should answer conditions in fragments as graphql-js does', async () => {
    // Auctions of the first supply may go on from tests before.
    await warm('supply2')
    const query = `query($a: Boolean!, $b: Boolean!) {
      stats(supplyIds: "supply2") { ...F @include(if: $a) } y: stats(supplyIds: "supply2") { ...F @skip(if: $a) }
    } fragment F on SupplyStats { supplyId bidders { wins @include(if: $b) losses } }`
    for (const [a, b] of [
      [true, true],
      [true, false],
      [false, true],
      [false, false],
    ]) {
      const expected = await executeByGraphqlJs({
        schema: createSchema(),
        document: parse(query),
        variableValues: { a, b },
        contextValue: { services: app.services },
      })
      for (let time = 0; time < 2; time++) {
        expect(await execute(app.graphql, query, { a, b })).toEqual({
          status: 200,
          ...JSON.parse(JSON.stringify(expected)),
        })
      }
    }
  })
})
