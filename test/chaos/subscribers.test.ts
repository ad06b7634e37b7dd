import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { freePort } from '../support/free-port.ts'
import { execute, openRawSocket, type RawSocket } from '../support/graphql.ts'
import { type Instance, type InstanceEnv, startInstance } from '../support/instance.ts'
import { nextAddress, startLoad } from '../support/load.ts'
import { type Memory, measureMemory } from '../support/memory.ts'
import { startRedis } from '../support/redis.ts'
import { hasPostgres, hasRedis } from '../support/services.ts'
import { connectedClients } from '../support/sockets.ts'
import { watchStats } from '../support/statistics.ts'
import { COUNTRIES, createTestBed, openPreparedDatabase } from '../support/topology.ts'

const TO_ALL = `subscription {
  statsUpdated {
    supplyId
    totalRequests
    requestsPerCountry { country requests }
    bidders { bidderId wins losses noBids timeouts totalRevenue }
  }
}`
const RUN_AUCTION = `mutation ($ip: IPAddress!) {
  runAuction(input: { supplyId: "sport", ip: $ip, country: "US", tmax: 20 }) { __typename }
}`
const BUSY_SUPPLY_IDS = ['news', 'weather']
const BYTES_PER_SUBSCRIBER_MAX = 50 * 1024

describe.skipIf(!(hasPostgres && hasRedis))('subscribers to all supplies, while auctions run', () => {
  const shared = createTestBed()
  const bed = createTestBed()
  let env: InstanceEnv
  beforeAll(async () => {
    const redis = await shared.own(startRedis())
    env = { ...(await openPreparedDatabase(shared)), REDIS_URL: redis.url, LOG_LEVEL: 'warn' }
  })
  afterEach(() => bed.dispose())
  afterAll(() => shared.dispose())

  async function start(): Promise<{
    instance: Instance
    memory: () => Promise<Memory>
    stopLoad: () => Promise<void>
  }> {
    const port = await freePort()
    const instance = await bed.own(startInstance({ ...env, NODE_OPTIONS: `--inspect=127.0.0.1:${port}` }))
    const targets = [instance.graphqlUrl]
    const load = startLoad({ targets, concurrency: 4, supplyIds: BUSY_SUPPLY_IDS, countries: COUNTRIES })
    const stopLoad = async () => expect(await load.stop()).toMatchObject({ errors: new Map(), unanswered: 0 })
    await bed.own({ dispose: stopLoad })
    return { instance, memory: () => measureMemory(port), stopLoad }
  }

  async function subscribe(instance: Instance, count: number): Promise<RawSocket[]> {
    const subscribers: RawSocket[] = []
    // A hundred at a time: more would not fit into the queue of connections that are not accepted yet.
    for (let from = 0; from < count; from += 100) {
      const some = Array.from({ length: Math.min(100, count - from) }, () =>
        bed.own(openRawSocket(instance.graphqlUrl)),
      )
      const opened = await Promise.all(some)
      for (const { subscribe: start } of opened) start(TO_ALL)
      subscribers.push(...opened)
    }
    return subscribers
  }

  /** Each has its first values and several later ones. */
  async function untilReceived(subscribers: readonly RawSocket[], values: number): Promise<void> {
    const isBehind = (subscriber: RawSocket) => subscriber.messages.length < values
    await vi.waitFor(() => expect(subscribers.filter(isBehind)).toHaveLength(0), { timeout: 60_000, interval: 100 })
  }

  /** How long after an auction was answered its supply's value arrives at one more subscriber: the median, in ms. */
  async function measureDelays(instance: Instance): Promise<number> {
    const watcher = watchStats(instance.graphqlUrl, { supplyIds: ['sport'] })
    const newest = () => watcher.newest.get('sport')
    const delaysMs: number[] = []
    await vi.waitFor(() => expect(newest()).toBeDefined())
    for (let sample = 0; sample < 30; sample += 1) {
      const expected = (newest()?.totalRequests ?? 0) + 1
      await execute(instance.graphqlUrl, RUN_AUCTION, { ip: nextAddress() })
      const answeredAt = performance.now()
      await vi.waitFor(() => expect(newest()?.totalRequests).toBe(expected), { interval: 5 })
      delaysMs.push((newest()?.receivedAt ?? 0) - answeredAt)
    }
    await watcher.dispose()
    return delaysMs.sort((a, b) => a - b)[delaysMs.length >> 1] ?? 0
  }

  it('should take less than 50 KB of memory for each of 1,000', async () => {
    const { instance, memory, stopLoad } = await start()
    // What the process needs once, it has after some subscribers came and went.
    const first = await subscribe(instance, 100)
    await untilReceived(first, 20)
    await Promise.all(first.map((subscriber) => subscriber.dispose()))
    const before = await memory()

    const subscribers = await subscribe(instance, 1000)
    await untilReceived(subscribers, 20)
    const during = await memory()

    const usedBytes = (during.usedBytes - before.usedBytes) / 1000
    const rssBytes = (during.rssBytes - before.rssBytes) / 1000
    console.log(
      `per subscriber: ${kilobytes(usedBytes)} of heap and buffers after garbage collection, ${kilobytes(rssBytes)} of RSS`,
    )
    expect(usedBytes).toBeLessThan(BYTES_PER_SUBSCRIBER_MAX)
    await stopLoad()
  })

  it('should neither grow nor delay others for 100 that never read, and cut them off', async () => {
    const { instance, memory } = await start()
    const readers = await subscribe(instance, 20)
    await untilReceived(readers, 20)
    const usual = await measureDelays(instance)
    const before = await memory()

    const silent = await subscribe(instance, 100)
    for (const { socket } of silent) socket.pause()
    const during = await measureDelays(instance)
    const grown = (await memory()).usedBytes - before.usedBytes
    console.log(
      `100 that never read: the process holds ${kilobytes(grown / 100)} more for each; ` +
        `others got a value after ${usual.toFixed(0)} ms without them, ${during.toFixed(0)} ms with them (median)`,
    )

    expect(grown / 100).toBeLessThan(BYTES_PER_SUBSCRIBER_MAX)
    expect(during).toBeLessThan(usual + 100)
    // They answer no ping: their connections are gone after two intervals at the latest.
    const isConnected = ({ localPort }: RawSocket) => connectedClients(instance.port).has(localPort)
    expect(silent.filter(isConnected).length).toBeGreaterThan(0)
    await vi.waitFor(() => expect(silent.filter(isConnected)).toHaveLength(0), { timeout: 40_000, interval: 500 })
    expect(readers.filter(isConnected)).toHaveLength(readers.length)
    silent[0]?.socket.resume()
    expect(await silent[0]?.closed).toBe(1006)
  })
})

function kilobytes(bytes: number): string {
  return `${(bytes / 1024).toFixed(1)} KB`
}
