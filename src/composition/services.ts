import { randomInt } from 'node:crypto'
import { createAuctionIds } from '../auction/auction-id.ts'
import { createAuctioneer } from '../auction/auctioneer.ts'
import type { Clock } from '../auction/hold-auction.ts'
import type { OpenRtbBidders } from '../bidders/openrtb/client.ts'
import type { Variables } from '../catalog/header-variables.ts'
import type { Config } from '../config.ts'
import type { Database } from '../db/database.ts'
import { createDisposer } from '../disposer.ts'
import type { Services } from '../graphql/context.ts'
import { readHourTotals, readTotals } from '../history/read-totals.ts'
import type { AuctionLogState } from '../history/types.ts'
import type { Logger } from '../log.ts'
import type { NoticeProgress } from '../notices/sender.ts'
import { createMemoryRateLimiter } from '../rate-limit/memory.ts'
import { createRedisRateLimiter } from '../rate-limit/redis.ts'
import type { RateLimiter } from '../rate-limit/types.ts'
import { createRedis, type RedisConnection } from '../redis/connect.ts'
import { evictionPolicyOf } from '../redis/eviction.ts'
import { checkAccepted } from '../redis/refusal.ts'
import { createMemoryAnswers } from '../sold-once/memory.ts'
import { createRedisAnswers } from '../sold-once/redis.ts'
import { createSoldOnce } from '../sold-once/sold-once.ts'
import type { AnswerStore } from '../sold-once/types.ts'
import { createMemoryStatsChanges } from '../stats/changes-memory.ts'
import { createRedisStatsChanges } from '../stats/changes-redis.ts'
import { createStatsFeed } from '../stats/feed.ts'
import { createMemoryStatsStore } from '../stats/memory.ts'
import { createRedisStatsStore } from '../stats/redis.ts'
import type { StatsChanges, StatsStore } from '../stats/types.ts'
import { msToNextHour, type StatsWindow, startOfWindow, windowOf } from '../stats/window.ts'
import { type BidderCounts, createBidderCounts } from '../telemetry/bidder-counts.ts'
import type { Counts } from '../telemetry/counts.ts'
import { traceAuctioneer } from '../telemetry/traced-auctioneer.ts'
import { createCommitTracer } from '../telemetry/traced-commits.ts'
import type { Traces } from '../telemetry/traces.ts'
import { openAuctionLog } from './auction-log.ts'
import { openBidders } from './bidders.ts'
import { type CatalogState, type OpenCatalog, openCatalog } from './catalog.ts'
import { openHistory } from './history.ts'
import { openNotices } from './notices.ts'
import { createRecorder } from './recorder.ts'

/** Everything behind the API, with what operators are told of it. */
export interface OpenServices {
  readonly services: Services
  readonly rateLimiter: RateLimiter
  /** Where limits are counted; undefined: in this process. */
  readonly rateLimitRedis: RedisConnection | undefined
  readonly openRtb: OpenRtbBidders
  /** Undefined where auctions are not logged. */
  readonly auctionLog: AuctionLogState | undefined
  /** What this process's sender of notices last said; undefined where it has sent nothing. */
  readonly noticeProgress: () => NoticeProgress | undefined
  /** By bidder; undefined where nobody is told. */
  readonly bidderCounts: BidderCounts | undefined
  readonly catalogState: Readonly<CatalogState>
  dispose(): Promise<void>
}

export interface ServicesDependencies {
  readonly config: Config
  readonly database: Database
  /** The environment's variables, for what the catalogue says with them. */
  readonly env: Variables
  readonly counts: Counts
  readonly log: Logger
  /** Undefined where they are off. */
  readonly traces?: Traces | undefined
}

/**
 * Makes everything behind the API from the configuration: each store in Redis where it names one, else in memory.
 * @throws where the catalogue cannot be loaded
 */
export async function openServices(dependencies: ServicesDependencies): Promise<OpenServices> {
  const { config, database, env, counts, log, traces } = dependencies
  const disposer = createDisposer()
  try {
    const { prisma } = database
    const redis = connectRedis(config)
    const connections = [...new Set(Object.values(redis))]
    for (const connection of connections) disposer.add(() => connection.dispose())
    const stops = await Promise.all(
      connections.map((connection) => waitForRedis(connection, effectsOfLoss(connection, redis), log)),
    )
    for (const stop of stops) disposer.add(stop)
    const bidders = openBidders({ config, env, now: SYSTEM_CLOCK.monotonic, log })
    disposer.add(() => bidders.dispose())
    const bidderCounts =
      config.metrics === 'on' ? createBidderCounts((id) => catalog.current().bidders.get(id)) : undefined
    const { catalog, state: catalogState }: OpenCatalog = await openCatalog({
      database,
      retain: (all) => {
        bidders.openRtb.retain(all)
        bidderCounts?.retain(all)
      },
      log,
    })
    disposer.add(() => catalog.dispose())

    const rateLimitPolicy = { max: config.rateLimitMax, windowMs: config.rateLimitWindowMs }
    const rateLimiter: RateLimiter = redis.rateLimit
      ? createRedisRateLimiter({ connection: redis.rateLimit, policy: rateLimitPolicy })
      : createMemoryRateLimiter({ policy: rateLimitPolicy })
    disposer.add(() => rateLimiter.dispose())

    const changes: StatsChanges = redis.stats
      ? createRedisStatsChanges({ connection: redis.stats })
      : createMemoryStatsChanges()
    disposer.add(() => changes.dispose())
    const statsUrl = statsUrlOf(config)
    const auctionLog = openAuctionLog({
      config,
      database,
      redis: redis.stats && statsUrl ? { connection: redis.stats, url: statsUrl } : undefined,
      log,
    })
    disposer.add(() => auctionLog?.dispose())
    const window = windowOf(config.retentionHotHours)
    const stats: StatsStore = redis.stats
      ? createRedisStatsStore({
          connection: redis.stats,
          changes,
          log: auctionLog?.parts,
          window,
          onCommit: (auctions, tookMs) => {
            counts.commitAuctions.add(auctions)
            counts.commitMs.add(tookMs)
          },
          tracer: traces && createCommitTracer(traces),
          onError: (error) => log.error({ err: error }, 'counting in Redis met an error'),
        })
      : await openMemoryStats(config, database, changes, window)
    disposer.add(() => stats.dispose())
    const feed = createStatsFeed({
      store: stats,
      changes,
      allSupplyIds: () => catalog.current().supplies.keys(),
      msToNextHour: window && (() => msToNextHour(Date.now())),
      onError: (error) => log.warn({ err: error }, 'live statistics cannot be read: they go on when they can'),
    })
    disposer.add(() => feed.dispose())

    const notices = await openNotices({ config, database, log })
    disposer.add(() => notices.dispose())
    const recorder = notices.attend(createRecorder({ stats, auctionLog: auctionLog?.recorder, log }))
    const onUnknownSupply = () => {
      counts.unknownSupplies++
    }
    const untraced = createAuctioneer({
      catalog,
      rateLimiter,
      recorder: bidderCounts ? counts.auctions.attend(recorder, bidderCounts) : recorder,
      onUnknownSupply,
      bidderClient: bidders.client,
      clock: SYSTEM_CLOCK,
      newAuctionId: createAuctionIds(),
      seed: config.simulationSeed ?? randomInt(2 ** 32),
    })
    const auctioneer = traces ? traceAuctioneer(untraced, traces) : untraced
    const answersRedis = redis.stats ?? redis.rateLimit
    const answers: AnswerStore = answersRedis
      ? createRedisAnswers({ connection: answersRedis, onDoubt: (message) => log.warn(message) })
      : createMemoryAnswers()
    disposer.add(() => answers.dispose())
    const soldOnce = createSoldOnce({ auctioneer, catalog, answers, onUnknownSupply })
    const history = openHistory({ config, database, onArchiveError: ({ message }) => log.error(message) })
    disposer.add(() => history.dispose())
    return {
      services: {
        auctioneer,
        soldOnce,
        rateLimitPolicy,
        catalog,
        stats,
        feed,
        readHistory: history.readHistory,
        confirmations: notices.confirmations,
        prisma,
        openRtb: bidders.openRtb,
      },
      rateLimiter,
      rateLimitRedis: redis.rateLimit,
      openRtb: bidders.openRtb,
      auctionLog: auctionLog?.state,
      noticeProgress: notices.progress,
      bidderCounts,
      catalogState,
      dispose: () => disposer.dispose(),
    }
  } catch (error) {
    await disposer.dispose()
    throw error
  }
}

interface RedisConnections {
  readonly rateLimit?: RedisConnection
  readonly stats?: RedisConnection
}

/** One connection for each purpose; purposes that name the same Redis share one. */
function connectRedis(config: Config): RedisConnections {
  const prefix = config.redisPrefix
  const rateLimitUrl = config.redisRateLimitUrl ?? config.redisUrl
  const statsUrl = statsUrlOf(config)
  const rateLimit = rateLimitUrl && createRedis({ url: rateLimitUrl, name: 'auction-rate-limit', prefix })
  if (rateLimit && rateLimitUrl === statsUrl) return { rateLimit, stats: rateLimit }
  const stats = statsUrl && createRedis({ url: statsUrl, name: 'auction-stats', prefix })
  return { ...(rateLimit && { rateLimit }), ...(stats && { stats }) }
}

function statsUrlOf(config: Config): string | undefined {
  return config.redisStatsUrl ?? config.redisUrl
}

/** What it means that a connection is lost, for the log. */
function effectsOfLoss(connection: RedisConnection, { rateLimit, stats }: RedisConnections): string {
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

/**
 * In memory. The embedded service is the only one that logs into its database, so it goes on from what was logged before.
 */
async function openMemoryStats(
  config: Config,
  { embedded, prisma }: Database,
  changes: StatsChanges,
  window: StatsWindow | undefined,
): Promise<StatsStore> {
  const stats = createMemoryStatsStore({ changes, window })
  if (!embedded || config.auctionLog === 'off') return stats
  if (window === undefined) {
    for await (const totals of readTotals(prisma)) stats.restore(totals)
    return stats
  }
  for await (const totals of readHourTotals(prisma, startOfWindow(window, Date.now())))
    stats.restore(totals, totals.hour)
  return stats
}

/** How long a start waits for Redis, in milliseconds. */
const REDIS_WAIT_MS = 2000
const SYSTEM_CLOCK: Clock = { now: () => Date.now(), monotonic: () => performance.now() }
