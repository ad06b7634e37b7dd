import { randomUUID } from 'node:crypto'
import type { Span } from '@opentelemetry/api'
import type { Auction } from '../auction/types.ts'
import { createGroupCommit } from '../commit/group-commit.ts'
import type { Batch } from '../commit/lane.ts'
import type { CommitPart, CommitParts } from '../history/commit-part.ts'
import { countedFields } from '../history/counted.ts'
import { streamKeys } from '../history/stream-keys.ts'
import { inTime } from '../in-time.ts'
import type { RedisConnection } from '../redis/connect.ts'
import { defineScript, type ScriptArgument } from '../redis/script.ts'
import { shardOf } from '../redis/shards.ts'
import { redisStatus } from '../redis/status.ts'
import { createSupplyIndex } from './redis-index.ts'
import { fieldsOf, markerKey, statsKey, windowKey } from './redis-keys.ts'
import { createRedisReads } from './redis-reads.ts'
import { createRedisWindowReads, WINDOW_LUA } from './redis-window-reads.ts'
import { addToTally, createTally, type Tally } from './tally.ts'
import {
  type AuctionCount,
  type CommitTracer,
  type StatsChanges,
  type StatsStore,
  StatsUnavailableError,
} from './types.ts'
import { hourOfCount, type StatsWindow } from './window.ts'

/** How long a read may take, in milliseconds. */
export const READ_TIMEOUT_MS = 2_000
/** A commit takes supplies until it has this many countries and bidders, so that no single one keeps Redis long. */
export const COUNTERS_PER_COMMIT_MAX = 5_000
/** How many supplies are read in one go. */
export const SUPPLIES_PER_READ_MAX = 500
/** The same where statistics are of the last hours: an hour may have to be taken out of each, which must not keep Redis long. */
export const SUPPLIES_PER_WINDOW_READ_MAX = 100
/** How long Redis remembers a writer's last commit: an outage longer than this may count one batch twice. In seconds. */
export const MARKER_LIFETIME_S = 86_400

/**
 * Statistics in Redis, shared by every process that uses it. `record` resolves when the count is in Redis. While Redis is
 * away it returns at once and counts wait in memory, added up by counter; they are committed when it is back. Each count
 * is applied exactly once, also where a connection breaks between a commit and its answer.
 * @param changes is told of every supply whose statistics changed
 * @param log makes the auction log's part of a commit, where auctions are logged: what is recorded are whole auctions then.
 * @param window where statistics are of the last hours alone: under keys of their own, beside those of all hours
 * @param now milliseconds since 1970: the window's clock. By default it is Redis' own, by which all instances agree
 * @param onCommit is told of each commit that was made, how many auctions it had and how long it took
 * @param tracer where traces are on
 * @param onError is told of counters that Redis could not add to, which happens only where their keys hold something else,
 *   and of what `changes` throws
 */
export function createRedisStatsStore({
  connection,
  changes,
  log,
  window,
  now,
  onCommit,
  tracer,
  onError = () => {},
}: {
  readonly connection: RedisConnection
  readonly changes: Pick<StatsChanges, 'publish'>
  readonly log?: CommitParts | undefined
  readonly window?: StatsWindow | undefined
  readonly now?: () => number
  readonly onCommit?: (auctions: number, tookMs: number) => void
  readonly tracer?: CommitTracer | undefined
  readonly onError?: (error: unknown) => void
}): StatsStore {
  const { client, isCluster } = connection
  const commitLua = new URL('commit.lua', import.meta.url)
  const commitScript =
    window === undefined
      ? defineScript(client, 'commitStats', commitLua)
      : defineScript(client, 'commitWindowStats', WINDOW_LUA, commitLua)
  const reads = window === undefined ? createRedisReads(connection) : createRedisWindowReads(connection, window, now)
  const readMax = window === undefined ? SUPPLIES_PER_READ_MAX : SUPPLIES_PER_WINDOW_READ_MAX
  const clock = now ?? Date.now
  const writerId = randomUUID()
  const index = createSupplyIndex(client)
  // A script's keys must be of one slot.
  const laneOf = isCluster ? shardOf : undefined
  const commit = createGroupCommit<AuctionCount, Waiting>({
    keyOf: ({ supplyId }) => supplyId,
    merge: (waiting = { tally: createTally(), hours: undefined, log: undefined, spans: undefined }, count) => {
      addToTally(waiting.tally, count)
      if (window !== undefined) addToTally(tallyOfHour(waiting, hourOfCount(count, clock())), count)
      if (log !== undefined && isAuction(count)) waiting.log = log.add(waiting.log, count, laneOf?.(count.supplyId))
      if (tracer !== undefined) waiting.spans = tracer.gather(waiting.spans, count)
      return waiting
    },
    // Where statistics are of the last hours, each is added to its hour as well.
    weigh: ({ tally }) => countersOf(tally) * (window === undefined ? 1 : 2),
    batchWeightMax: COUNTERS_PER_COMMIT_MAX,
    laneOf,
    isAway: () => connection.state() === 'down',
    apply: tracer === undefined ? apply : (batch, shard) => applyTraced(tracer, batch, shard),
    onCommitted: ({ entries }) => changes.publish(entries.keys()),
    onError,
  })

  const stopListening = connection.onUp(() => {
    index.forget()
    commit.retry()
  })

  async function apply({ sequence, entries }: Batch<Waiting>, shard: string | undefined): Promise<void> {
    const startedAt = performance.now()
    const supplyIds = [...entries.keys()]
    const known = supplyIds.filter((supplyId) => index.has(supplyId))
    const indexing = index.add(supplyIds.filter((supplyId) => !index.has(supplyId)))
    // On one connection Redis sees them in this order anyway. A supply without index entry would never be listed.
    if (isCluster) await indexing
    const keys = [markerKey(writerId, shard)]
    const args: ScriptArgument[] = [sequence, MARKER_LIFETIME_S, log === undefined ? 0 : 1]
    args.push(window?.hours ?? 0, now?.() ?? 0)
    /** The supply of each hash. */
    const owners: string[] = []
    for (const [supplyId, { value }] of entries) {
      for (const [hour, tally] of value.hours ?? [[undefined, value.tally] as const]) {
        owners.push(supplyId)
        keys.push(hour === undefined ? statsKey(supplyId, shard) : windowKey(supplyId, shard))
        if (hour !== undefined) args.push(hour)
        pushFields(args, fieldsOf(tally))
      }
    }
    const parts = [...entries.values()].flatMap(({ value }) => value.log ?? [])
    if (log !== undefined) {
      const { stream, bytes, counted } = streamKeys(shard)
      keys.push(stream, bytes, counted)
      args.push(Buffer.concat(parts.flatMap(({ packed }) => packed)))
      pushFields(
        args,
        parts.flatMap(({ counted }) => (counted ? countedFields(counted) : [])),
      )
    }
    const [answer] = await Promise.all([commitScript(keys, args), indexing])
    const [errors, created, bytes] = answer as [string[], number[], number]
    // Statistics that begin though their supply was in the index: Redis was emptied, and its index with it.
    if (created.length > 0 && known.length > 0) {
      const begun = new Set(created.map((position) => owners[position - 1]))
      await index.add(known.filter((supplyId) => begun.has(supplyId)))
    }
    if (errors.length > 0) {
      onError(new Error(`Some statistics were not counted; delete or rename the keys named here. ${errors.join('; ')}`))
    }
    // The last, as what fails before it is sent again.
    log?.committed(parts, bytes, shard)
    onCommit?.(itemsOf(entries), performance.now() - startedAt)
  }

  function applyTraced(tracer: CommitTracer, batch: Batch<Waiting>, shard: string | undefined): Promise<void> {
    const spans = [...batch.entries.values()].flatMap(({ value }) => value.spans ?? [])
    return tracer.commit(spans, batch.entries.size, () => apply(batch, shard))
  }

  async function available<T>(read: () => Promise<T>): Promise<T> {
    try {
      return await inTime(read(), READ_TIMEOUT_MS)
    } catch (cause) {
      throw new StatsUnavailableError('Redis cannot be read just now; the statistics are kept, try again later.', {
        cause,
      })
    }
  }

  return {
    record(count, asker) {
      tracer?.counting(count, asker)
      return commit.add(count)
    },
    read: (supplyIds) => available(() => inParts(supplyIds, readMax, reads.stats)),
    totals: (supplyIds) => available(() => inParts(supplyIds, readMax, reads.totals)),
    supplyIds: (page) => available(() => index.page(page)),
    pending: () => commit.pending(),
    flush: (timeoutMs) => commit.flush(timeoutMs),
    status: () => {
      const { pending, isStalled, error } = commit.status()
      const state = redisStatus(connection)
      // A Redis that is there and refuses counts does not do what it is for.
      const refused = isStalled && state.status === 'up'
      return {
        ...state,
        pendingCounts: pending,
        ...(refused && { status: 'down', error: error instanceof Error ? error.message : 'commits are late' }),
      }
    },
    dispose: async () => {
      stopListening()
      await commit.dispose()
    },
  }
}

/** Calls `read` for so many ids at a time, one after the other. */
async function inParts<T>(
  supplyIds: readonly string[],
  size: number,
  read: (supplyIds: readonly string[]) => Promise<readonly T[]>,
): Promise<T[]> {
  const all: T[] = []
  for (let start = 0; start < supplyIds.length; start += size) {
    for (const one of await read(supplyIds.slice(start, start + size))) all.push(one)
  }
  return all
}

/** What waits of one supply. */
interface Waiting {
  readonly tally: Tally
  /** The same by hours, where statistics are of the last ones. */
  hours: Map<number, Tally> | undefined
  log: CommitPart | undefined
  /** Of what is traced. */
  spans: Span[] | undefined
}

function tallyOfHour(waiting: Waiting, hour: number): Tally {
  waiting.hours ??= new Map()
  let tally = waiting.hours.get(hour)
  if (tally === undefined) {
    tally = createTally()
    waiting.hours.set(hour, tally)
  }
  return tally
}

function itemsOf(entries: Batch<Waiting>['entries']): number {
  let sum = 0
  for (const { items } of entries.values()) sum += items
  return sum
}

function isAuction(count: AuctionCount): count is Auction {
  return 'id' in count
}

/** How many counters, then each one's field and amount. */
function pushFields(args: ScriptArgument[], fields: readonly (string | number)[]): void {
  args.push(fields.length / 2)
  for (const field of fields) args.push(field)
}

function countersOf(tally: Tally): number {
  return 1 + tally.countries.size + tally.bidders.size
}
