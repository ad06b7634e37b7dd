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
import type { AuctionLogState } from '../history/types.ts'
import type { Logger } from '../log.ts'
import type { NoticeProgress } from '../notices/sender.ts'
import { createMemoryRateLimiter } from '../rate-limit/memory.ts'
import { createRedisRateLimiter } from '../rate-limit/redis.ts'
import type { RateLimiter } from '../rate-limit/types.ts'
import type { RedisConnection } from '../redis/connect.ts'
import { createMemoryAnswers } from '../sold-once/memory.ts'
import { createRedisAnswers } from '../sold-once/redis.ts'
import { createSoldOnce } from '../sold-once/sold-once.ts'
import type { AnswerStore } from '../sold-once/types.ts'
import { type BidderCounts, createBidderCounts } from '../telemetry/bidder-counts.ts'
import type { Counts } from '../telemetry/counts.ts'
import { traceAuctioneer } from '../telemetry/traced-auctioneer.ts'
import type { Traces } from '../telemetry/traces.ts'
import { openAuctionLog } from './auction-log.ts'
import { openBidders } from './bidders.ts'
import { type CatalogState, type OpenCatalog, openCatalog } from './catalog.ts'
import { openHistory } from './history.ts'
import { openNotices } from './notices.ts'
import { createRecorder } from './recorder.ts'
import { openRedis } from './redis.ts'
import { openStats } from './stats.ts'

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
    const redis = await openRedis({ config, log })
    disposer.add(() => redis.dispose())
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

    const auctionLog = openAuctionLog({
      config,
      database,
      redis: redis.stats && redis.statsUrl ? { connection: redis.stats, url: redis.statsUrl } : undefined,
      log,
    })
    disposer.add(() => auctionLog?.dispose())
    const counting = await openStats({
      config,
      database,
      redis: redis.stats,
      logParts: auctionLog?.parts,
      catalog,
      counts,
      traces,
      log,
    })
    disposer.add(() => counting.dispose())
    const { stats, feed } = counting

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

const SYSTEM_CLOCK: Clock = { now: () => Date.now(), monotonic: () => performance.now() }
