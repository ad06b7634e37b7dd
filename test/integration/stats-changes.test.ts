import { once } from 'node:events'
import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { createRedis, type RedisConnection } from '../../src/redis/connect.ts'
import {
  createRedisStatsChanges,
  IDS_PER_MESSAGE_MAX,
  IDS_WAITING_MAX,
  PUBLISH_INTERVAL_MS,
} from '../../src/stats/changes-redis.ts'
import type { StatsChanges } from '../../src/stats/types.ts'
import { type RedisServer, startRedis } from '../support/redis.ts'
import { hasRedis } from '../support/services.ts'
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts'

describe.runIf(hasRedis)('createRedisStatsChanges', () => {
  let redis: RedisServer
  let proxy: TcpProxy
  const opened: { dispose(): Promise<void> }[] = []

  interface Instance {
    readonly connection: RedisConnection
    readonly changes: StatsChanges
    /** What its one listener heard, in order. */
    readonly heard: (readonly string[] | 'all')[]
  }

  async function open({ listens = true, port = redis.port } = {}): Promise<Instance> {
    const connection = createRedis({ url: `redis://127.0.0.1:${port}`, name: 'test' })
    const changes = createRedisStatsChanges({ connection })
    opened.push(changes, connection)
    const heard: (readonly string[] | 'all')[] = []
    if (listens) changes.listen((changed) => heard.push(changed))
    expect(await connection.whenUp(5_000)).toBe(true)
    // The subscription is in place when the first 'all' is heard.
    if (listens) await vi.waitFor(() => expect(heard).toEqual(['all']))
    heard.length = 0
    return { connection, changes, heard }
  }

  beforeAll(async () => {
    redis = await startRedis()
    proxy = await startTcpProxy(redis.port)
  })
  afterEach(async () => {
    for (const each of opened.splice(0)) await each.dispose()
  })
  afterAll(async () => {
    await proxy.dispose()
    await redis.dispose()
  })

  it('should tell every instance, the own one too', async () => {
    const [one, other] = [await open(), await open()]
    one.changes.publish(['supply1', 'supply2'])
    await vi.waitFor(() => {
      expect(one.heard).toEqual([['supply1', 'supply2']])
      expect(other.heard).toEqual([['supply1', 'supply2']])
    })
  })

  it('should subscribe once per process, and tell each listener until it ends', async () => {
    const one = await open()
    const more: (readonly string[] | 'all')[] = []
    const stop = one.changes.listen((changed) => more.push(changed))
    expect(await redis.command('pubsub', 'numsub', 'stats-changed')).toEqual(['stats-changed', 1])
    one.changes.publish(['supply1'])
    await vi.waitFor(() => expect(more).toEqual([['supply1']]))
    stop()
    one.changes.publish(['supply2'])
    await vi.waitFor(() => expect(one.heard).toEqual([['supply1'], ['supply2']]))
    expect(more).toEqual([['supply1']])
  })

  it('should send the first change at once and those after it together', async () => {
    const [one, other] = [await open(), await open()]
    const publish = vi.spyOn(one.connection.client, 'publish')
    const startedAt = performance.now()
    one.changes.publish(['supply0'])
    expect(publish).toHaveBeenCalledOnce()
    for (let index = 1; index <= 100; index += 1) one.changes.publish([`supply${index % 10}`])
    await vi.waitFor(() => expect(other.heard).toHaveLength(2), { interval: 1 })
    expect(publish).toHaveBeenCalledTimes(2)
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(PUBLISH_INTERVAL_MS - 1)
    expect(other.heard[0]).toEqual(['supply0'])
    expect([...(other.heard[1] ?? [])].sort()).toEqual(Array.from({ length: 10 }, (_, index) => `supply${index}`))
  })

  it('should bound its messages, and what waits to be sent', async () => {
    const [one, other] = [await open(), await open()]
    const ids = Array.from({ length: IDS_WAITING_MAX + 1 }, (_, index) => `supply${index}`)
    one.changes.publish(ids.slice(0, 1.5 * IDS_PER_MESSAGE_MAX))
    await vi.waitFor(() => expect(other.heard.flat()).toHaveLength(1.5 * IDS_PER_MESSAGE_MAX))
    expect(other.heard.map((changed) => changed.length)).toEqual([IDS_PER_MESSAGE_MAX, IDS_PER_MESSAGE_MAX / 2])
    other.heard.length = 0
    one.changes.publish(ids)
    await vi.waitFor(() => expect(other.heard).toEqual(['all']))
  })

  it('should ignore messages of a wrong shape', async () => {
    const { heard } = await open()
    const wrong = [
      '',
      'garbage',
      '{"a":1}',
      '[1]',
      '["a",null]',
      'null',
      '"supply1"',
      JSON.stringify(new Array(1_001).fill('a')),
    ]
    for (const message of wrong) await redis.command('publish', 'stats-changed', message)
    await redis.command('publish', 'stats-changed', '["supply1"]')
    await vi.waitFor(() => expect(heard).toEqual([['supply1']]))
  })

  it('should say that anything may have changed after its own connection was lost', async () => {
    const one = await open({ port: proxy.port })
    const other = await open()
    proxy.close()
    await vi.waitFor(() => expect(one.connection.state()).toBe('down'))
    other.changes.publish(['missed'])
    await vi.waitFor(() => expect(other.heard).toEqual([['missed']]))
    proxy.open()
    await vi.waitFor(() => expect(one.heard).toEqual(['all']))
    other.changes.publish(['supply1'])
    await vi.waitFor(() => expect(one.heard).toEqual(['all', ['supply1']]))
  })

  it('should tell others, when it is back, what it could not while its connection was lost', async () => {
    const one = await open({ port: proxy.port, listens: false })
    const other = await open()
    proxy.close()
    await vi.waitFor(() => expect(one.connection.state()).toBe('down'))
    one.changes.publish(['supply1'])
    one.changes.publish(['supply2'])
    proxy.open()
    await vi.waitFor(() => expect(other.heard).toEqual([['supply1', 'supply2']]))
  })

  it('should send again what was in flight when its connection was cut', async () => {
    const one = await open({ port: proxy.port, listens: false })
    const other = await open()
    const cut = proxy.cutBeforeAnswer('stats-changed')
    one.changes.publish(['supply1'])
    await cut
    await vi.waitFor(() => expect(other.heard).toEqual([['supply1'], ['supply1']]))
  })

  it('should try again where the connection is cut while it subscribes', async () => {
    const connection = createRedis({ url: `redis://127.0.0.1:${proxy.port}`, name: 'test' })
    const changes = createRedisStatsChanges({ connection })
    opened.push(changes, connection)
    await connection.whenUp(5_000)
    const cut = proxy.cutBeforeAnswer('stats-changed')
    const heard: (readonly string[] | 'all')[] = []
    changes.listen((changed) => heard.push(changed))
    await cut
    expect(heard).toEqual([])
    await vi.waitFor(() => expect(heard).toEqual(['all']))
  })

  it('should notice a subscription that has fallen silent', async () => {
    const { heard } = await open()
    process.kill(redis.pid(), 'SIGSTOP')
    try {
      // Redis's clients are all given up meanwhile, by this process alone.
      await vi.waitFor(() => expect(opened.at(-1)).toMatchObject({ client: { status: 'connect' } }))
    } finally {
      process.kill(redis.pid(), 'SIGCONT')
    }
    await vi.waitFor(() => expect(heard).toEqual(['all']))
  })

  it('should be heard by any subscriber of the channel as ids alone', async () => {
    const one = await open({ listens: false })
    const subscriber = new Redis(redis.port)
    await subscriber.subscribe('stats-changed')
    const message = once(subscriber, 'message')
    one.changes.publish(new Set(['supply1']))
    expect(await message).toEqual(['stats-changed', '["supply1"]'])
    subscriber.disconnect()
  })
})
