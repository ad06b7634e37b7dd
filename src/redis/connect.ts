import { Cluster, Redis, type RedisOptions } from 'ioredis'
import { databaseOf } from './refusal.ts'

/** How long one attempt to connect may take, in milliseconds. */
export const CONNECT_TIMEOUT_MS = 2_000
/** A lost connection is tried again after 50 ms, then ever later, at most this much later, in milliseconds. */
export const RECONNECT_DELAY_MAX_MS = 500
/** How often a connection is asked whether it still answers, in milliseconds. */
export const HEARTBEAT_INTERVAL_MS = 1_000
/** A connection that owes the answer to this many heartbeats is given up and made anew. */
export const HEARTBEATS_MISSED_MAX = 2
/** How often a cluster's map of slots is read again, in milliseconds; a moved slot is also noticed when it is used. */
export const SLOTS_REFRESH_INTERVAL_MS = 5_000

const RECONNECT_DELAY_STEP_MS = 50
const CLOSE_TIMEOUT_MS = 100
const KEEP_ALIVE_MS = 10_000
const LOADING_CHECK_INTERVAL_MS = 200
const CLUSTER_REDIRECTIONS_MAX = 4

/**
 * A connection to Redis that keeps itself up. A command given while it is down, or in flight when it breaks, rejects at
 * once and is never sent again by itself: whoever gave it decides.
 */
export interface RedisConnection {
  readonly client: Redis | Cluster
  readonly isCluster: boolean
  /** Where it was named to be, without user name and password: for messages. */
  readonly address: string
  /** The database that was named, 0 where none was. */
  readonly database: number
  /** What every name in Redis begins with: `client` puts it before keys by itself, and before nothing else, such as channels. */
  readonly prefix: string
  state(): 'up' | 'down'
  /** Calls `listener` each time the connection is up (again). Returns the function that ends it. */
  onUp(listener: () => void): () => void
  /** Calls `listener` each time the connection is lost. Returns the function that ends it. */
  onDown(listener: () => void): () => void
  /** Resolves with whether the connection is up, once it is or after `timeoutMs`. */
  whenUp(timeoutMs: number): Promise<boolean>
  /** The newest error, for health reports; undefined while none was met. */
  lastError(): Error | undefined
  /**
   * A new connection to one node, for a subscriber, each time to the next node of the list. It does not connect again
   * by itself: its 'end' is how a subscriber learns that it has missed messages. The caller disconnects it.
   */
  connectSubscriber(): Redis
  dispose(): Promise<void>
}

/**
 * Connects to one Redis, or to a cluster where `url` names several nodes, separated by commas. Returns at once; an
 * unreachable Redis is tried until it is there and never raises an error by itself.
 * @throws RedisRefusedError where the URL names no database that there can be
 * @param url redis:// or rediss:// (TLS), with user name, password and, for one node, database number
 * @param name how this client appears in Redis's CLIENT LIST
 * @param prefix without braces: these would be the hash tag of every key, and all of one slot
 */
export function createRedis({
  url,
  name,
  prefix = '',
}: {
  readonly url: string
  readonly name: string
  readonly prefix?: string
}): RedisConnection {
  const nodes = url.split(',').map((node) => node.trim())
  const isCluster = nodes.length > 1
  const database = databaseOf(nodes)
  const client = isCluster ? connectCluster(nodes, name, prefix) : connectNode(nodes[0] ?? '', name, prefix)
  const upListeners = new Set<() => void>()
  const downListeners = new Set<() => void>()
  let isUp = false
  let lastError: Error | undefined
  let nextNode = 0

  client.on('error', (error: Error) => {
    lastError = error
  })
  client.on('ready', async () => {
    if (client instanceof Cluster) await untilNodesTried(client)
    isUp = true
    if (state() === 'up') for (const listener of [...upListeners]) listener()
  })
  client.on('close', () => {
    if (!isUp) return
    isUp = false
    for (const listener of [...downListeners]) listener()
  })
  // The status changes before its event comes.
  const state = () => (isUp && client.status === 'ready' ? 'up' : 'down')

  return {
    client,
    isCluster,
    address: nodes.map((node) => new URL(node).host).join(', ') + (database === 0 ? '' : `/${database}`),
    database,
    prefix,
    state,
    onUp: (listener) => add(upListeners, listener),
    onDown: (listener) => add(downListeners, listener),
    whenUp: (timeoutMs) => {
      if (state() === 'up') return Promise.resolve(true)
      return new Promise((resolve) => {
        const finish = () => {
          clearTimeout(timer)
          stop()
          resolve(state() === 'up')
        }
        const timer = setTimeout(finish, timeoutMs)
        const stop = add(upListeners, finish)
      })
    },
    lastError: () => lastError,
    connectSubscriber: () => {
      const node = nodes[nextNode % nodes.length] ?? ''
      nextNode += 1
      const subscriber = new Redis(node, { ...nodeOptions(`${name}-subscriber`), enableOfflineQueue: true, ...ONCE })
      subscriber.on('error', (error) => {
        lastError = error
      })
      keepWatch(subscriber)
      return subscriber
    },
    dispose: async () => {
      // Between two attempts to connect there is nothing to close, and no 'end' would come.
      const isOpen = client.status !== 'end' && client.status !== 'reconnecting'
      const ended = new Promise<void>((resolve) => {
        client.once('end', resolve)
        setTimeout(resolve, 2 * CLOSE_TIMEOUT_MS).unref()
      })
      client.disconnect()
      if (isOpen) await ended
    },
  }
}

function add(listeners: Set<() => void>, listener: () => void): () => void {
  const own = () => listener()
  listeners.add(own)
  return () => void listeners.delete(own)
}

const ONCE: RedisOptions = { retryStrategy: () => null }

function connectNode(url: string, name: string, keyPrefix: string): Redis {
  const client = new Redis(url, { ...nodeOptions(name), keyPrefix })
  keepWatch(client)
  return client
}

function connectCluster(urls: readonly string[], name: string, keyPrefix: string): Cluster {
  const nodes = urls.map((url) => new URL(url))
  const first = nodes[0]
  const tls = first?.protocol === 'rediss:'
  const cluster = new Cluster(
    nodes.map(({ hostname, port }) => ({ host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || 6379) })),
    {
      keyPrefix,
      enableOfflineQueue: false,
      clusterRetryStrategy: reconnectDelayMs,
      maxRedirections: CLUSTER_REDIRECTIONS_MAX,
      // A command to a node that is gone, or to a cluster that is down, rejects at once instead of being tried again.
      retryDelayOnFailover: 0,
      retryDelayOnClusterDown: 0,
      slotsRefreshTimeout: CONNECT_TIMEOUT_MS,
      slotsRefreshInterval: SLOTS_REFRESH_INTERVAL_MS,
      redisOptions: {
        ...nodeOptions(name),
        ...(first?.username ? { username: decodeURIComponent(first.username) } : {}),
        ...(first?.password ? { password: decodeURIComponent(first.password) } : {}),
        ...(tls ? { tls: {} } : {}),
      },
      // A certificate is checked against the name the node was given by, so names must not be resolved before.
      ...(tls ? { dnsLookup: (host: string, done: (error: null, address: string) => void) => done(null, host) } : {}),
    },
  )
  cluster.on('+node', (node: Redis) => {
    keepWatch(node)
    // Left to itself a node connects with its first command, and until then rejects the second.
    if (node.status === 'wait') node.connect().catch(() => {})
  })
  return cluster
}

/** Resolves when each node of the cluster is connected or could not be. */
async function untilNodesTried(cluster: Cluster): Promise<void> {
  const connecting = cluster.nodes().filter(({ status }) => status !== 'ready' && status !== 'end')
  await Promise.all(
    connecting.map((node) => new Promise((resolve) => node.once('ready', resolve).once('end', resolve))),
  )
}

function nodeOptions(name: string): RedisOptions {
  return {
    connectionName: name,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    connectTimeout: CONNECT_TIMEOUT_MS,
    disconnectTimeout: CLOSE_TIMEOUT_MS,
    keepAlive: KEEP_ALIVE_MS,
    maxLoadingRetryTime: LOADING_CHECK_INTERVAL_MS,
    retryStrategy: reconnectDelayMs,
    // After a failover the name may lead to the new primary, but only a new connection asks for it.
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
  }
}

function reconnectDelayMs(attempts: number): number {
  return Math.min(attempts * RECONNECT_DELAY_STEP_MS, RECONNECT_DELAY_MAX_MS)
}

/**
 * Gives up a connection whose peer has fallen silent (a stopped process, a network that drops packets): its commands
 * reject, and a new connection is tried. Without this they would wait for the operating system's many minutes.
 */
function keepWatch(redis: Redis): void {
  let missed = 0
  const answered = () => {
    missed = 0
  }
  const timer = setInterval(() => {
    if (redis.status !== 'ready' && redis.status !== 'connect') {
      missed = 0
      return
    }
    if (missed >= HEARTBEATS_MISSED_MAX) {
      missed = 0
      redis.disconnect(true)
      return
    }
    missed += 1
    if (redis.status === 'ready') redis.ping().then(answered, () => {})
  }, HEARTBEAT_INTERVAL_MS).unref()
  redis.on('ready', answered)
  redis.once('end', () => clearInterval(timer))
}
