import type { AuctionLogStatus } from '../history/types.ts'
import type { NoticeProgress } from '../notices/sender.ts'
import type { Counts } from './counts.ts'
import { counter, type Family, gauge, histogram, MS_IN_SECONDS } from './family.ts'
import { createLastKnown, type LastKnown } from './last-known.ts'

export interface StoreSources {
  readonly counts: Counts
  /** Each dependency's state, as /readyz has it. */
  readonly dependencies: () => Promise<Dependencies>
  /** Undefined where auctions are not logged. */
  readonly auctionLog: (() => AuctionLogStatus | Promise<AuctionLogStatus>) | undefined
  readonly notices: () => NoticeProgress | undefined
  /** Auctions that are counted and not committed. */
  readonly pendingCounts: () => number
  /** By what it is for; none where it is this process's memory. */
  readonly redis: Readonly<Record<string, () => 'up' | 'down'>>
  readonly pool: { readonly totalCount: number; readonly idleCount: number; readonly waitingCount: number }
}

export type Dependencies = Readonly<
  Record<string, { readonly status: 'up' | 'down'; readonly [detail: string]: unknown }>
>

/** How the stores are, and what waits for them. */
export function storeFamilies(sources: StoreSources): Family[] {
  const { counts, pendingCounts, redis, pool } = sources
  const dependencies = createLastKnown(sources.dependencies)
  return [
    dependencyUp(dependencies),
    gauge('auction_redis_up', 'Whether the connection to Redis is up, by what it is for.', () =>
      Object.entries(redis).map(([purpose, status]) => [{ purpose }, bit(status())]),
    ),
    gauge('auction_postgres_connections', 'Connections to PostgreSQL.', () => [
      [{ state: 'busy' }, pool.totalCount - pool.idleCount],
      [{ state: 'idle' }, pool.idleCount],
    ]),
    gauge('auction_postgres_waiting', 'Queries that wait for a connection to PostgreSQL.', () => pool.waitingCount),

    histogram('auction_commit_auctions', 'Auctions that were counted by one commit in Redis.', 1, () => [
      [{}, counts.commitAuctions],
    ]),
    histogram('auction_commit_duration_seconds', 'How long commits in Redis took.', MS_IN_SECONDS, () => [
      [{}, counts.commitMs],
    ]),
    gauge('auction_commit_pending_auctions', 'Auctions that are counted and not yet committed.', pendingCounts),

    ...logFamilies(sources),
    ...noticeFamilies(sources, dependencies),
  ]
}

/** What a worker, which sells nothing, has to do with. */
export function workerFamilies(sources: Pick<StoreSources, 'dependencies' | 'auctionLog' | 'notices'>): Family[] {
  const dependencies = createLastKnown(sources.dependencies)
  return [dependencyUp(dependencies), ...logFamilies(sources), ...noticeFamilies(sources, dependencies)]
}

function dependencyUp(dependencies: LastKnown<Dependencies>): Family {
  return gauge(
    'auction_dependency_up',
    'Whether a dependency is up, as /readyz says; auctions go on without it.',
    async () =>
      Object.entries((await dependencies()) ?? {}).map(([dependency, { status }]) => [{ dependency }, bit(status)]),
  )
}

function logFamilies({ auctionLog }: Pick<StoreSources, 'auctionLog'>): Family[] {
  const log = createLastKnown(async () => auctionLog?.())
  return [
    gauge(
      'auction_log_backlog_bytes',
      'What waits to be logged in the database: here, and in Redis.',
      async () => (await log())?.pendingBytes,
    ),
    gauge(
      'auction_log_backlog_bytes_max',
      'More than this does not wait: rows are given up.',
      async () => (await log())?.pendingBytesMax,
    ),
    gauge(
      'auction_log_backlog_auctions',
      'Auctions that wait here to be logged, without Redis.',
      async () => (await log())?.pendingAuctions,
    ),
    gauge(
      'auction_log_stream_entries',
      'Commits that wait in Redis to be logged.',
      async () => (await log())?.streamEntries,
    ),
    gauge('auction_log_lag_seconds', 'How long the oldest commit in Redis has waited to be logged.', async () => {
      const lagMs = (await log())?.lagMs
      return lagMs === undefined ? undefined : lagMs * MS_IN_SECONDS
    }),
    counter(
      'auction_log_given_up_total',
      'Auctions that this process gave up to log: they are only counted.',
      async () => (await log())?.givenUp,
    ),
  ]
}

function noticeFamilies({ notices }: Pick<StoreSources, 'notices'>, dependencies: LastKnown<Dependencies>): Family[] {
  return [
    counter('auction_notices_sent_total', 'Notices that this process has sent to bidders.', () => notices()?.sent ?? 0),
    counter('auction_notices_given_up_total', 'Notices that this process has given up.', () => notices()?.givenUp ?? 0),
    gauge('auction_notices_due', 'Notices of all processes that are due.', async () => {
      const due = (await dependencies())?.notices?.due
      return typeof due === 'number' ? due : undefined
    }),
  ]
}

function bit(status: 'up' | 'down'): 0 | 1 {
  return status === 'up' ? 1 : 0
}
