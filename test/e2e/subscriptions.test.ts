import { createClient as createSseClient } from 'graphql-sse'
import type { Client } from 'graphql-ws'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { WebSocket } from 'ws'
import { SMALL_CATALOG, startApp, type TestApp } from '../support/app.ts'
import { dataOf, openRawSocket, openWebSocket, subscribeOverSse } from '../support/graphql.ts'
import { nextAddress } from '../support/load.ts'

const SUBSCRIBE = `subscription($supplyIds: [ID!], $minIntervalMs: Int! = 50) {
  statsUpdated(supplyIds: $supplyIds, minIntervalMs: $minIntervalMs) {
    supplyId totalRequests requestsPerCountry { country requests }
    bidders { bidderId wins losses noBids timeouts errors skipped totalRevenue }
  }
}`
const STATS = `query($supplyIds: [ID!]) { stats(supplyIds: $supplyIds) {
  supplyId totalRequests requestsPerCountry { country requests }
  bidders { bidderId wins losses noBids timeouts errors skipped totalRevenue }
} }`

interface SupplyStats {
  readonly supplyId: string
  readonly totalRequests: number
}

interface Variables {
  readonly supplyIds?: readonly string[]
  readonly minIntervalMs?: number
}

interface Results {
  next(): Promise<IteratorResult<{ readonly data?: { statsUpdated: SupplyStats } | null | undefined }>>
  readonly return?: ((value?: undefined) => PromiseLike<unknown>) | undefined
}

/** A subscription's values as they come, with the time of each. */
interface Watcher {
  readonly values: readonly (SupplyStats & { readonly atMs: number })[]
  readonly totals: () => number[]
  readonly isDone: () => boolean
  stop(): Promise<void>
}

function watch(results: Results): Watcher {
  const values: (SupplyStats & { atMs: number })[] = []
  let isDone = false
  void (async () => {
    for (let next = await results.next(); !next.done; next = await results.next()) {
      const { data } = next.value
      if (!data) throw new Error(`Unexpected result: ${JSON.stringify(next.value)}`)
      values.push({ ...data.statsUpdated, atMs: performance.now() })
    }
  })().finally(() => {
    isDone = true
  })
  return {
    values,
    totals: () => values.map(({ totalRequests }) => totalRequests),
    isDone: () => isDone,
    stop: async () => void (await results.return?.()),
  }
}

let app: TestApp
let webSocket: Client
beforeAll(async () => {
  app = await startApp({ catalog: SMALL_CATALOG })
  webSocket = openWebSocket(app.graphql)
})
afterAll(async () => {
  await webSocket?.dispose()
  await app?.dispose()
})

function watchOverWebSocket(variables: Variables): Watcher {
  return watch(webSocket.iterate<{ statsUpdated: SupplyStats }>({ query: SUBSCRIBE, variables: { ...variables } }))
}

function watchOverSse(variables: Variables): Watcher {
  const aborter = new AbortController()
  const { signal } = aborter
  const results = subscribeOverSse<{ statsUpdated: SupplyStats }>(app.graphql, SUBSCRIBE, { variables, signal })
  const watcher = watch({ next: () => results.next().catch(endWhereAborted(signal)) })
  return { ...watcher, stop: async () => aborter.abort() }
}

function endWhereAborted(signal: AbortSignal): (error: unknown) => IteratorReturnResult<undefined> {
  return (error) => {
    if (!signal.aborted) throw error
    return { done: true, value: undefined }
  }
}

async function run(supplyId: string, times = 1): Promise<void> {
  for (let index = 0; index < times; index++) {
    await dataOf(
      app.graphql,
      `mutation($supplyId: ID!, $ip: IPAddress!) {
        runAuction(input: { supplyId: $supplyId, ip: $ip, country: "US" }) { __typename }
      }`,
      { supplyId, ip: nextAddress() },
    )
  }
}

const CLIENTS = [
  ['WebSocket', watchOverWebSocket],
  ['SSE', watchOverSse],
] as const

describe.each(CLIENTS)('statsUpdated over %s', (_name, open) => {
  it('should send the current state of the supplies named at once, then changes of theirs alone', async () => {
    await run('supply1')
    const { stats } = await dataOf<{ stats: SupplyStats[] }>(app.graphql, STATS, { supplyIds: ['supply1', 'lonely'] })
    const watcher = open({ supplyIds: ['supply1', 'lonely'] })
    await vi.waitFor(() => expect(watcher.values).toHaveLength(2))
    expect(watcher.values.map(({ atMs: _, ...value }) => value).sort(bySupplyId)).toEqual(stats)

    await run('supply2')
    await run('supply1')
    await vi.waitFor(() => expect(watcher.values).toHaveLength(3))
    const { atMs: _atMs, ...newest } = watcher.values[2] ?? { atMs: 0 }
    const after = await dataOf<{ stats: SupplyStats[] }>(app.graphql, STATS, { supplyIds: ['supply1'] })
    expect([newest]).toEqual(after.stats)
    await watcher.stop()
  })

  it('should send every supply where none is named, those without a request as zeros', async () => {
    const watcher = open({})
    const ids = Object.keys(SMALL_CATALOG.supplies).sort()
    await vi.waitFor(() => expect(watcher.values.map(({ supplyId }) => supplyId).sort()).toEqual(ids))
    expect(watcher.values.find(({ supplyId }) => supplyId === 'lonely')?.totalRequests).toBe(0)
    await watcher.stop()
  })

  it('should send a value at most once in minIntervalMs, skipping those between, and the last one', async () => {
    const minIntervalMs = 400
    const watcher = open({ supplyIds: ['supply4'], minIntervalMs })
    await vi.waitFor(() => expect(watcher.values).toHaveLength(1))
    const [first] = watcher.totals()
    const startedAt = performance.now()
    let auctions = 0
    while (performance.now() - startedAt < 3 * minIntervalMs || auctions <= 10) {
      await run('supply4')
      auctions++
    }
    const last = (first ?? 0) + auctions
    await vi.waitFor(() => expect(watcher.totals().at(-1)).toBe(last))
    expect(watcher.values.length).toBeLessThan(2 + (performance.now() - startedAt) / minIntervalMs)
    const times = watcher.values.map(({ atMs }) => atMs)
    // A client may be late for one value and in time for the next: over two of them it is not.
    for (let index = 2; index < times.length; index++) {
      expect((times[index] ?? 0) - (times[index - 2] ?? 0)).toBeGreaterThan(minIntervalMs)
    }
    await watcher.stop()
  })

  it('should hold nothing for a client that unsubscribed', async () => {
    const { feed } = app.services
    await vi.waitFor(() => expect(feed.subscribers()).toBe(0))
    const watchers = Array.from({ length: 5 }, () => open({ supplyIds: ['supply1'] }))
    await vi.waitFor(() => expect(watchers.map(({ values }) => values.length)).toEqual([1, 1, 1, 1, 1]))
    expect(feed.subscribers()).toBe(5)
    for (const watcher of watchers) await watcher.stop()
    await vi.waitFor(() => expect(feed.subscribers()).toBe(0))
  })
})

describe('live statistics', () => {
  it('should show the same auction to a WebSocket client and to an SSE client', async () => {
    const watchers = CLIENTS.map(([, open]) => open({ supplyIds: ['supply3'] }))
    await vi.waitFor(() => expect(watchers.map(({ values }) => values.length)).toEqual([1, 1]))
    await run('supply3')
    await vi.waitFor(() => expect(watchers.map(({ values }) => values.length)).toEqual([2, 2]))
    const [overWebSocket, overSse] = watchers.map(({ values }) => ({ ...values[1], atMs: 0 }))
    expect(overSse).toEqual(overWebSocket)
    expect(overSse?.totalRequests).toBe(1)
    for (const watcher of watchers) await watcher.stop()
  })

  it('should be readable by the graphql-sse client', async () => {
    const client = createSseClient({ url: app.graphql, retryAttempts: 0 })
    const results = client.iterate<{ statsUpdated: SupplyStats }>({
      query: SUBSCRIBE,
      variables: { supplyIds: ['supply2'] },
    })
    const before = (await results.next()).value.data.statsUpdated.totalRequests
    await run('supply2')
    expect((await results.next()).value.data.statsUpdated.totalRequests).toBe(before + 1)
    await results.return?.()
    client.dispose()
    await vi.waitFor(() => expect(app.services.feed.subscribers()).toBe(0))
  })

  it('should run auctions over the WebSocket that carries a subscription', async () => {
    const watcher = watchOverWebSocket({ supplyIds: ['supply2'] })
    await vi.waitFor(() => expect(watcher.values).toHaveLength(1))
    const results = webSocket.iterate({
      query:
        'mutation($ip: IPAddress!) { runAuction(input: {supplyId: "supply2", ip: $ip, country: "US"}) { __typename } }',
      variables: { ip: nextAddress() },
    })
    const { value } = await results.next()
    expect(['Auction', 'NoBidsError']).toContain(value.data.runAuction.__typename)
    expect((await results.next()).done).toBe(true)
    await vi.waitFor(() => expect(watcher.values).toHaveLength(2))
    await watcher.stop()
  })

  it('should hold nothing for a WebSocket that is cut off', async () => {
    const { feed } = app.services
    await vi.waitFor(() => expect(feed.subscribers()).toBe(0))
    const { socket, subscribe } = await openRawSocket(app.graphql)
    subscribe('subscription { statsUpdated { supplyId } }')
    await vi.waitFor(() => expect(feed.subscribers()).toBe(1))
    socket.terminate()
    await vi.waitFor(() => expect(feed.subscribers()).toBe(0))
  })

  it('should hold nothing for a WebSocket whose id was taken again while its subscription began', async () => {
    const { feed, stats } = app.services
    await vi.waitFor(() => expect(feed.subscribers()).toBe(0))
    const { socket } = await openRawSocket(app.graphql)
    const payload = { query: 'subscription { statsUpdated(supplyIds: ["supply1"]) { supplyId } }' }
    const { read } = stats
    let goOn = () => {}
    const held = new Promise<void>((resolve) => {
      goOn = resolve
    })
    const reads = vi.spyOn(stats, 'read').mockImplementation(async (ids) => {
      await held
      return read(ids)
    })
    const begin = vi.spyOn(feed, 'subscribe')
    for (let time = 1; time <= 3; time++) {
      socket.send(JSON.stringify({ id: 'one', type: 'subscribe', payload }))
      await vi.waitFor(() => expect(reads).toHaveBeenCalledTimes(time))
      if (time < 3) socket.send('{"id":"one","type":"complete"}')
    }
    goOn()
    await vi.waitFor(() => expect(begin).toHaveBeenCalled())
    vi.restoreAllMocks()
    socket.terminate()
    await vi.waitFor(() => expect(feed.subscribers()).toBe(0))
  })

  it('should hold nothing for an SSE client that has left before its subscription began', async () => {
    const { feed, stats } = app.services
    await vi.waitFor(() => expect(feed.subscribers()).toBe(0))
    const aborter = new AbortController()
    const read = stats.read
    vi.spyOn(stats, 'read').mockImplementationOnce(async (ids) => {
      aborter.abort()
      await fetch(`${app.url}/livez`)
      return read(ids)
    })
    const begin = vi.spyOn(feed, 'subscribe')
    const url = `${app.graphql}?query=${encodeURIComponent('subscription { statsUpdated(supplyIds: ["supply1"]) { supplyId } }')}`
    await expect(fetch(url, { headers: { accept: 'text/event-stream' }, signal: aborter.signal })).rejects.toThrow()
    await vi.waitFor(() => expect(begin).toHaveBeenCalledOnce())
    await vi.waitFor(() => expect(feed.subscribers()).toBe(0))
    vi.restoreAllMocks()
  })

  it.each([
    ['what is no JSON', 'nonsense', 4400],
    ['a message of an unknown type', '{"type":"nonsense"}', 4400],
    ['a query that is no string', '{"id":"1","type":"subscribe","payload":{"query":7}}', 4400],
    ['a subscription before the greeting', '{"id":"1","type":"subscribe","payload":{"query":"{ __typename }"}}', 4401],
    ['a message that is too large', JSON.stringify({ type: 'ping', payload: { text: 'x'.repeat(200_000) } }), 1009],
  ])('should close a WebSocket that sends %s', async (_name, message, code) => {
    const socket = new WebSocket(app.graphql.replace('http', 'ws'), 'graphql-transport-ws')
    socket.on('open', () => socket.send(message))
    const closed = new Promise<number>((resolve) => socket.on('close', resolve))
    expect(await closed).toBe(code)
  })

  it('should refuse a WebSocket on another path', async () => {
    const socket = new WebSocket(`${app.url.replace('http', 'ws')}/nothing`, 'graphql-transport-ws')
    await expect(new Promise((_resolve, reject) => socket.on('error', reject))).rejects.toThrow('404')
  })

  it('should complete subscriptions at shutdown, and close the WebSocket as going away', async () => {
    const ending = await startApp({ catalog: SMALL_CATALOG, env: { SHUTDOWN_TIMEOUT_MS: '20000' } })
    const client = openWebSocket(ending.graphql)
    const closeCodes: unknown[] = []
    client.on('closed', (event) => closeCodes.push((event as { code: number }).code))
    const query = 'subscription { statsUpdated(supplyIds: ["supply1"]) { supplyId totalRequests } }'
    const overWebSocket = watch(client.iterate<{ statsUpdated: SupplyStats }>({ query }))
    const overSse = watch(subscribeOverSse<{ statsUpdated: SupplyStats }>(ending.graphql, query))
    await vi.waitFor(() => expect([overWebSocket, overSse].map(({ values }) => values.length)).toEqual([1, 1]))
    const startedAt = performance.now()
    await ending.dispose()
    expect(performance.now() - startedAt).toBeLessThan(10_000)
    await vi.waitFor(() => expect([overWebSocket, overSse].map(({ isDone }) => isDone())).toEqual([true, true]))
    await vi.waitFor(() => expect(closeCodes).toEqual([1001]))
  })
})

function bySupplyId(a: SupplyStats, b: SupplyStats): number {
  return a.supplyId < b.supplyId ? -1 : 1
}
