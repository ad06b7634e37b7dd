import type { Config } from '../config.ts'
import { createDisposer } from '../disposer.ts'
import type { Logger } from '../log.ts'
import { createRedis, type RedisConnection } from '../redis/connect.ts'
import { evictionPolicyOf } from '../redis/eviction.ts'
import { checkAccepted } from '../redis/refusal.ts'

/** One connection for each purpose, undefined where that is done in this process; purposes of the same Redis share one. */
export interface OpenRedis {
  readonly rateLimit: RedisConnection | undefined
  readonly stats: RedisConnection | undefined
  /** Where the statistics are. */
  readonly statsUrl: string | undefined
  dispose(): Promise<void>
}

export interface RedisDependencies {
  readonly config: Pick<Config, 'redisUrl' | 'redisRateLimitUrl' | 'redisStatsUrl' | 'redisPrefix'>
  readonly log: Logger
}

/**
 * Connects to what is named, and waits a little for it.
 * @throws RedisRefusedError where it is there and takes no client like this one
 */
export async function openRedis({ config, log }: RedisDependencies): Promise<OpenRedis> {
  const prefix = config.redisPrefix
  const rateLimitUrl = config.redisRateLimitUrl ?? config.redisUrl
  const statsUrl = config.redisStatsUrl ?? config.redisUrl
  const rateLimit = rateLimitUrl ? createRedis({ url: rateLimitUrl, name: 'auction-rate-limit', prefix }) : undefined
  const ofStats = () => (statsUrl ? createRedis({ url: statsUrl, name: 'auction-stats', prefix }) : undefined)
  const stats = rateLimitUrl === statsUrl ? rateLimit : ofStats()
  const connections = [...new Set([rateLimit, stats])].filter((connection) => connection !== undefined)
  const disposer = createDisposer()
  for (const connection of connections) disposer.add(() => connection.dispose())
  try {
    const stops = await Promise.all(
      connections.map((connection) => waitForRedis(connection, effectsOfLoss(connection, { rateLimit, stats }), log)),
    )
    for (const stop of stops) disposer.add(stop)
    return { rateLimit, stats, statsUrl, dispose: () => disposer.dispose() }
  } catch (error) {
    await disposer.dispose()
    throw error
  }
}

/** What it means that a connection is lost, for the log. */
function effectsOfLoss(
  connection: RedisConnection,
  { rateLimit, stats }: Pick<OpenRedis, 'rateLimit' | 'stats'>,
): string {
  const effects = ['auctions go on']
  if (connection === rateLimit) effects.push('limits hold per process')
  if (connection === stats) effects.push('counts wait in memory')
  if (connection === (stats ?? rateLimit)) effects.push('requests with an idempotency key are refused')
  return effects.join(', ')
}

/**
 * Waits a little for Redis, so that the first requests find it, and warns of one that does not keep what it is given. From then on the log says that it was lost and that it is
 * back, each once. Returns the function that ends that.
 * @throws RedisRefusedError where it is there and takes no client like this one
 */
async function waitForRedis(connection: RedisConnection, effects: string, log: Logger): Promise<() => void> {
  const name = `Redis at ${connection.address}`
  const away = (what: string) => log.warn(`${name} ${what}: ${effects}`)
  let isUp = await connection.whenUp(REDIS_WAIT_MS)
  await checkAccepted(connection)
  if (!isUp) away(`cannot be reached (${connection.lastError()?.message ?? 'no answer'})`)
  const evicting = await evictionPolicyOf(connection)
  if (evicting !== undefined) {
    const loss = 'keys are dropped when it is full, and what they counted is lost'
    log.warn(`${name} has maxmemory-policy ${evicting}, so that ${loss}: set it to noeviction`)
  }
  const stopDown = connection.onDown(() => {
    if (isUp) away('was lost')
    isUp = false
  })
  const stopUp = connection.onUp(() => {
    if (!isUp) log.info(`${name} is back`)
    isUp = true
  })
  return () => {
    stopDown()
    stopUp()
  }
}

/** How long a start waits for Redis, in milliseconds. */
const REDIS_WAIT_MS = 2000
