import { RedisPubSub } from 'graphql-redis-subscriptions'
import type { Redis } from 'ioredis'
import type { RedisConnection } from '../redis/connect.ts'
import type { StatsChanges } from './types.ts'

/** One message is sent at once; further changes within this many milliseconds make up the next one. */
export const PUBLISH_INTERVAL_MS = 50
/** The most ids in one message; further ones go with the next. */
export const IDS_PER_MESSAGE_MAX = 1_000
/** The most ids that wait to be sent; beyond it one message says that any supply may have changed. */
export const IDS_WAITING_MAX = 10_000
/** How long a lost subscription waits before it is tried at the next node, in milliseconds. */
export const RESUBSCRIBE_DELAY_MS = 200

const ALL = 'all'

type Listener = (changed: readonly string[] | typeof ALL) => void

/**
 * Changes among all processes on one Redis, through one channel: each process subscribes once, however many listen.
 * What could not be sent while Redis was away is sent when it is back; listeners hear 'all' whenever the subscription
 * was made (again), for they may have missed messages before.
 */
export function createRedisStatsChanges({ connection }: { readonly connection: RedisConnection }): StatsChanges {
  const listeners = new Set<Listener>()
  const publisher = createPublisher(connection)
  let stop: (() => void) | undefined

  function tell(changed: readonly string[] | typeof ALL): void {
    for (const listener of [...listeners]) listener(changed)
  }

  return {
    isLossy: true,
    publish: (supplyIds) => publisher.publish(supplyIds),
    listen: (listener) => {
      const own: Listener = (changed) => listener(changed)
      listeners.add(own)
      stop ??= keepSubscribed(connection, tell)
      return () => void listeners.delete(own)
    },
    dispose: async () => {
      listeners.clear()
      publisher.dispose()
      stop?.()
    },
  }
}

/** Sends what changed: at once where nothing was sent lately, else together with what changes meanwhile. */
function createPublisher(connection: RedisConnection) {
  const waiting = new Set<string>()
  let isOverflown = false
  let isSending = false
  let isDisposed = false
  let timer: NodeJS.Timeout | undefined

  const stopListening = connection.onUp(send)

  function publish(supplyIds: Iterable<string>): void {
    if (!isOverflown) {
      for (const supplyId of supplyIds) waiting.add(supplyId)
      if (waiting.size > IDS_WAITING_MAX) {
        waiting.clear()
        isOverflown = true
      }
    }
    send()
  }

  function send(): void {
    if (isDisposed || isSending || timer !== undefined || connection.state() === 'down') return
    if (waiting.size === 0 && !isOverflown) return
    const message = takeMessage()
    isSending = true
    timer = setTimeout(() => {
      timer = undefined
      send()
    }, PUBLISH_INTERVAL_MS).unref()
    connection.client.publish(channelOf(connection), JSON.stringify(message)).then(
      () => {
        isSending = false
        send()
      },
      () => {
        isSending = false
        if (message === ALL) isOverflown = true
        else publish(message)
      },
    )
  }

  function takeMessage(): string[] | typeof ALL {
    if (isOverflown) {
      isOverflown = false
      return ALL
    }
    const message: string[] = []
    for (const supplyId of waiting) {
      if (message.length === IDS_PER_MESSAGE_MAX) break
      message.push(supplyId)
      waiting.delete(supplyId)
    }
    return message
  }

  return {
    publish,
    dispose: () => {
      isDisposed = true
      clearTimeout(timer)
      stopListening()
    },
  }
}

/** Holds one subscription until the function it returns is called, making a new one whenever it is lost. */
function keepSubscribed(connection: RedisConnection, tell: Listener): () => void {
  let subscriber: Redis
  let timer: NodeJS.Timeout | undefined
  let isStopped = false

  function subscribe(): void {
    subscriber = connection.connectSubscriber()
    const channel = channelOf(connection)
    const pubsub = new RedisPubSub({ subscriber, publisher: connection.client })
    const onMessage = (message: unknown) => {
      const changed = parseMessage(message)
      if (changed !== undefined) tell(changed)
    }
    // Subscribed twice because RedisPubSub keeps a promise of its own for whoever subscribes second, and where that
    // rejects with nobody waiting for it, the process would end.
    Promise.all([pubsub.subscribe(channel, onMessage), pubsub.subscribe(channel, () => {})]).then(
      () => tell(ALL),
      () => subscriber.disconnect(),
    )
    subscriber.once('end', () => {
      if (!isStopped) timer = setTimeout(subscribe, RESUBSCRIBE_DELAY_MS)
    })
  }

  subscribe()
  return () => {
    isStopped = true
    clearTimeout(timer)
    subscriber.disconnect()
  }
}

function channelOf({ prefix }: RedisConnection): string {
  return `${prefix}stats-changed`
}

/** Other programs can publish here too, so a message is believed only in its right shape. */
function parseMessage(message: unknown): readonly string[] | typeof ALL | undefined {
  if (message === ALL) return ALL
  if (!Array.isArray(message) || message.length > IDS_PER_MESSAGE_MAX) return undefined
  return message.every((id) => typeof id === 'string') ? message : undefined
}
