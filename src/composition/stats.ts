import type { Catalog } from '../catalog/types.ts'
import type { Config } from '../config.ts'
import type { Database } from '../db/database.ts'
import { createDisposer } from '../disposer.ts'
import type { CommitParts } from '../history/commit-part.ts'
import { readHourTotals, readTotals } from '../history/read-totals.ts'
import type { Logger } from '../log.ts'
import type { RedisConnection } from '../redis/connect.ts'
import { createMemoryStatsChanges } from '../stats/changes-memory.ts'
import { createRedisStatsChanges } from '../stats/changes-redis.ts'
import { createStatsFeed, type StatsFeed } from '../stats/feed.ts'
import { createMemoryStatsStore } from '../stats/memory.ts'
import { createRedisStatsStore } from '../stats/redis.ts'
import type { StatsChanges, StatsStore } from '../stats/types.ts'
import { msToNextHour, type StatsWindow, startOfWindow, windowOf } from '../stats/window.ts'
import type { Counts } from '../telemetry/counts.ts'
import { createCommitTracer } from '../telemetry/traced-commits.ts'
import type { Traces } from '../telemetry/traces.ts'

/** What auctions count, and its live feed. */
export interface OpenStats {
  readonly stats: StatsStore
  readonly feed: StatsFeed
  dispose(): Promise<void>
}

export interface StatsDependencies {
  readonly config: Pick<Config, 'auctionLog' | 'retentionHotHours'>
  readonly database: Database
  /** Where it is counted; undefined: in this process. */
  readonly redis: RedisConnection | undefined
  /** What is committed with the counts, to be logged; undefined where that is not done there. */
  readonly logParts: CommitParts | undefined
  readonly catalog: Pick<Catalog, 'current'>
  readonly counts: Pick<Counts, 'commitAuctions' | 'commitMs'>
  readonly traces: Traces | undefined
  readonly log: Logger
}

export async function openStats(dependencies: StatsDependencies): Promise<OpenStats> {
  const { config, redis, catalog, log } = dependencies
  const disposer = createDisposer()
  try {
    const changes: StatsChanges = redis ? createRedisStatsChanges({ connection: redis }) : createMemoryStatsChanges()
    disposer.add(() => changes.dispose())
    const window = windowOf(config.retentionHotHours)
    const stats = redis
      ? openRedisStats(dependencies, redis, changes, window)
      : await openMemoryStats(dependencies, changes, window)
    disposer.add(() => stats.dispose())
    const feed = createStatsFeed({
      store: stats,
      changes,
      allSupplyIds: () => catalog.current().supplies.keys(),
      msToNextHour: window && (() => msToNextHour(Date.now())),
      onError: (error) => log.warn({ err: error }, 'live statistics cannot be read: they go on when they can'),
    })
    disposer.add(() => feed.dispose())
    return { stats, feed, dispose: () => disposer.dispose() }
  } catch (error) {
    await disposer.dispose()
    throw error
  }
}

function openRedisStats(
  { logParts, counts, traces, log }: StatsDependencies,
  connection: RedisConnection,
  changes: StatsChanges,
  window: StatsWindow | undefined,
): StatsStore {
  return createRedisStatsStore({
    connection,
    changes,
    log: logParts,
    window,
    onCommit: (auctions, tookMs) => {
      counts.commitAuctions.add(auctions)
      counts.commitMs.add(tookMs)
    },
    tracer: traces && createCommitTracer(traces),
    onError: (error) => log.error({ err: error }, 'counting in Redis met an error'),
  })
}

/**
 * In memory. The embedded service is the only one that logs into its database, so it goes on from what was logged before.
 */
async function openMemoryStats(
  { config, database: { embedded, prisma } }: StatsDependencies,
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
