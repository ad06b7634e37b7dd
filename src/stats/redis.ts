import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { Redis } from 'ioredis'
import type { RedisConnection } from '../redis/connect.ts'
import { defineScript } from '../redis/script.ts'
import { type Batch, createGroupCommit, type GroupCommit } from './group-commit.ts'
import { fieldsOf, INDEX_KEY, markerKey, parseFields, statsKey } from './redis-keys.ts'
import { statsOf } from './tally.ts'
import { type StatsChanges, type StatsStore, StatsUnavailableError, type SupplyStats } from './types.ts'

/** How long a read may take, in milliseconds. */
export const READ_TIMEOUT_MS = 2_000
/** How often stalled commits are tried again while Redis is up but refuses them, in milliseconds. */
export const RETRY_INTERVAL_MS = 250
/** How many stalled commits are tried again at once; only a cluster has more than one. */
export const RETRIES_IN_PARALLEL_MAX = 64
/** How many supplies are read in one go. */
export const SUPPLIES_PER_READ_MAX = 500
/** How long Redis remembers a writer's last commit: an outage longer than this may count one batch twice. In seconds. */
export const MARKER_LIFETIME_S = 86_400

export interface RedisStatsStore extends StatsStore {
  /** How many requests are recorded here and not yet known to be in Redis. */
  pending(): number
  /** Commits everything pending; resolves with how many requests are left, none or what `timeoutMs` did not suffice for. */
  flush(timeoutMs: number): Promise<number>
}

/**
 * Statistics in Redis, shared by every process that uses it. `record` resolves when the count is in Redis. While Redis is
 * away it returns at once and counts wait in memory, added up by counter; they are committed when it is back. Each count
 * is applied exactly once, also where a connection breaks between a commit and its answer.
 * @param changes is told of every supply whose statistics changed
 * @param onError is told of counters that Redis could not add to, which happens only where their keys hold something else
 */
export function createRedisStatsStore({
  connection,
  changes,
  onError = () => {},
}: {
  readonly connection: RedisConnection
  readonly changes: Pick<StatsChanges, 'publish'>
  readonly onError?: (error: Error) => void
}): RedisStatsStore {
  const { client, isCluster } = connection
  const script = defineScript(client, 'commitStats', readFileSync(new URL('./commit.lua', import.meta.url), 'utf8'))
  const writerId = randomUUID()
  /** One for all supplies; on a cluster, where a script's keys must be of one slot, one per supply that has counts. */
  const commits = new Map<string | undefined, GroupCommit>()
  const stalled = new Set<GroupCommit>()
  /** The supplies that this process has put into the index since the connection was made. */
  const indexed = new Set<string>()
  const whenIdle = new Set<() => void>()
  let sequence = 0
  let pending = 0
  let isRetrying = false
  let isDisposed = false
  let retryTimer: NodeJS.Timeout | undefined

  const stopListening = connection.onUp(() => {
    indexed.clear()
    void retryStalled()
  })

  function commitOf(supplyId: string): GroupCommit {
    const key = isCluster ? supplyId : undefined
    let commit = commits.get(key)
    if (commit === undefined) {
      const created = createGroupCommit({
        apply: (batch) => apply(batch, markerKey(writerId, key)),
        isAway: () => connection.state() === 'down',
        nextSequence: () => {
          sequence += 1
          return sequence
        },
        onCommitted: (batch) => {
          if (isCluster && created.isIdle()) commits.delete(key)
          committed(batch)
        },
        onStalled: () => {
          stalled.add(created)
          retryLater()
        },
      })
      commit = created
      commits.set(key, commit)
    }
    return commit
  }

  async function apply({ sequence, tallies }: Batch, marker: string): Promise<void> {
    const supplyIds = [...tallies.keys()]
    const known = supplyIds.filter((supplyId) => indexed.has(supplyId))
    const indexing = index(supplyIds.filter((supplyId) => !indexed.has(supplyId)))
    // On one connection Redis sees them in this order anyway. A supply without index entry would never be listed.
    if (isCluster) await indexing
    const keys = [marker]
    const args: (string | number)[] = [sequence, MARKER_LIFETIME_S]
    for (const [supplyId, tally] of tallies) {
      const fields = fieldsOf(tally)
      keys.push(statsKey(supplyId))
      args.push(fields.length / 2)
      for (const field of fields) args.push(field)
    }
    const [answer] = await Promise.all([script(keys, args), indexing])
    const [errors, created] = answer as [string[], number[]]
    // Statistics that begin though their supply was in the index: Redis was emptied, and its index with it.
    if (created.length > 0 && known.length > 0) {
      const begun = new Set(created.map((position) => supplyIds[position - 1]))
      await index(known.filter((supplyId) => begun.has(supplyId)))
    }
    if (errors.length > 0) {
      onError(new Error(`Some statistics were not counted; delete or rename the keys named here. ${errors.join('; ')}`))
    }
  }

  async function index(supplyIds: string[]): Promise<void> {
    if (supplyIds.length === 0) return
    await client.sadd(INDEX_KEY, supplyIds)
    for (const supplyId of supplyIds) indexed.add(supplyId)
  }

  function committed({ tallies }: Batch): void {
    for (const tally of tallies.values()) pending -= tally.requests
    changes.publish(tallies.keys())
    if (pending > 0) return
    for (const resolve of whenIdle) resolve()
  }

  function retryLater(): void {
    if (!isDisposed) retryTimer ??= setTimeout(retryStalled, RETRY_INTERVAL_MS).unref()
  }

  async function retryStalled(): Promise<void> {
    clearTimeout(retryTimer)
    retryTimer = undefined
    if (isRetrying) return
    isRetrying = true
    const commitsToRetry = [...stalled]
    while (commitsToRetry.length > 0 && connection.state() === 'up') {
      const some = commitsToRetry.splice(0, RETRIES_IN_PARALLEL_MAX)
      for (const commit of some) stalled.delete(commit)
      await Promise.all(some.map((commit) => commit.retry()))
    }
    isRetrying = false
    if (stalled.size > 0) retryLater()
  }

  async function readSome(supplyIds: readonly string[]): Promise<(SupplyStats | undefined)[]> {
    const hashes = await readHashes(client, supplyIds.map(statsKey))
    return hashes.map((hash, index) => {
      const tally = parseFields(hash)
      return tally.requests === 0 ? undefined : statsOf(supplyIds[index] ?? '', tally)
    })
  }

  async function available<T>(read: () => Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined
    try {
      const late = new Promise<never>((_resolve, reject) => {
        timer = setTimeout(() => reject(new Error(`no answer within ${READ_TIMEOUT_MS} ms`)), READ_TIMEOUT_MS)
      })
      return await Promise.race([read(), late])
    } catch (cause) {
      throw new StatsUnavailableError('Redis cannot be read just now; the statistics are kept, try again later.', {
        cause,
      })
    } finally {
      clearTimeout(timer)
    }
  }

  return {
    record: (count) => {
      pending += 1
      return commitOf(count.supplyId).add(count)
    },
    read: (supplyIds) =>
      available(async () => {
        const stats: (SupplyStats | undefined)[] = []
        for (let start = 0; start < supplyIds.length; start += SUPPLIES_PER_READ_MAX) {
          stats.push(...(await readSome(supplyIds.slice(start, start + SUPPLIES_PER_READ_MAX))))
        }
        return stats
      }),
    supplyIds: () => available(async () => (await client.smembers(INDEX_KEY)).sort()),
    pending: () => pending,
    flush: async (timeoutMs) => {
      if (pending === 0) return 0
      void retryStalled()
      await new Promise<void>((resolve) => {
        const finish = () => {
          clearTimeout(timer)
          whenIdle.delete(finish)
          resolve()
        }
        const timer = setTimeout(finish, timeoutMs)
        whenIdle.add(finish)
      })
      return pending
    },
    dispose: async () => {
      isDisposed = true
      stopListening()
      clearTimeout(retryTimer)
    },
  }
}

/** One round trip; on a cluster, whose pipelines must go to one node, one request each. */
async function readHashes(client: RedisConnection['client'], keys: string[]): Promise<Record<string, string>[]> {
  if (!(client instanceof Redis)) return Promise.all(keys.map((key) => client.hgetall(key)))
  const pipeline = client.pipeline()
  for (const key of keys) pipeline.hgetall(key)
  const answers = (await pipeline.exec()) ?? []
  return answers.map(([error, hash]) => {
    if (error) throw error
    return hash as Record<string, string>
  })
}
