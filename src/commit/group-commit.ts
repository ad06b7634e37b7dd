import { type Batch, createLane, type Lane, type LaneOptions } from './lane.ts'

/** How often stalled commits are tried again while the store is there but refuses them, in milliseconds. */
export const RETRY_INTERVAL_MS = 250
/** How many lanes with stalled commits are tried again at once. */
export const RETRIES_IN_PARALLEL_MAX = 64

/**
 * Commits many items with few calls of a store and no timer: an idle process commits at once, a busy one in batches, for
 * what comes while a batch is in flight makes up the next. Items of one key are merged, so that what waits while the store
 * is away grows with the keys and not with the items.
 */
export interface GroupCommit<Item> {
  /**
   * Adds an item. Returns a promise that resolves when it is committed or has waited for `COMMIT_TIMEOUT_MS`; nothing
   * where the store is away: then it waits in memory and is committed when the store is back. Never rejects.
   */
  add(item: Item): Promise<void> | undefined
  /** How many items are not known to be committed. */
  pending(): number
  /** Commits everything pending; resolves with how many items are left, none or what `timeoutMs` did not suffice for. */
  flush(timeoutMs: number): Promise<number>
  status(): GroupCommitStatus
  /** Tries what stalled again at once: for whoever knows that the store is back. */
  retry(): void
  /** Ends the retries. What is pending stays so: flush before. */
  dispose(): Promise<void>
}

export interface GroupCommitStatus {
  readonly pending: number
  /** Whether items wait in memory for a store that is away, late or refuses them. */
  readonly isStalled: boolean
  /** Why, where the store said so. */
  readonly error: unknown
}

export interface GroupCommitOptions<Item, Value>
  extends Pick<LaneOptions<Item, Value>, 'merge' | 'weigh' | 'batchWeightMax' | 'isAway'> {
  /** Items of one key are merged into one value. */
  readonly keyOf: (item: Item) => string
  /** The lane of a key, where one cannot serve all; each has one batch in flight. Undefined: one lane for all keys. */
  readonly laneOf?: ((key: string) => string) | undefined
  /**
   * Applies a batch, once however often it is sent: batches of a lane are numbered upwards and sent one after the other.
   * Rejects where it failed or may have failed; then it is sent again. Must settle.
   */
  readonly apply: (batch: Batch<Value>, lane: string | undefined) => Promise<void>
  /** A batch was committed, and its callers are let go. */
  readonly onCommitted?: (batch: Batch<Value>) => void
  /** Told of what `onCommitted` throws. */
  readonly onError: (error: unknown) => void
}

export function createGroupCommit<Item, Value>(options: GroupCommitOptions<Item, Value>): GroupCommit<Item> {
  const { keyOf, laneOf, isAway, onCommitted, onError } = options
  const lanes = new Map<string | undefined, Lane<Item>>()
  const stalled = new Set<Lane<Item>>()
  const whenIdle = new Set<() => void>()
  let sequence = 0
  let pending = 0
  let lastError: unknown
  let isRetrying = false
  let isDisposed = false
  let retryTimer: NodeJS.Timeout | undefined

  function laneFor(name: string | undefined): Lane<Item> {
    let lane = lanes.get(name)
    if (lane === undefined) {
      lane = openLane(name)
      lanes.set(name, lane)
    }
    return lane
  }

  function openLane(name: string | undefined): Lane<Item> {
    const lane = createLane<Item, Value>({
      ...options,
      apply: (batch) => options.apply(batch, name),
      nextSequence: () => {
        sequence += 1
        return sequence
      },
      onCommitted: (batch) => {
        if (name !== undefined && lane.isIdle()) lanes.delete(name)
        committed(batch)
      },
      onStalled: (error) => {
        lastError = error
        stalled.add(lane)
        retryLater()
      },
    })
    return lane
  }

  function committed(batch: Batch<Value>): void {
    for (const { items } of batch.entries.values()) pending -= items
    try {
      onCommitted?.(batch)
    } catch (error) {
      onError(error)
    }
    if (pending === 0) for (const resolve of whenIdle) resolve()
  }

  function retryLater(): void {
    if (!isDisposed) retryTimer ??= setTimeout(retryStalled, RETRY_INTERVAL_MS).unref()
  }

  async function retryStalled(): Promise<void> {
    clearTimeout(retryTimer)
    retryTimer = undefined
    if (isRetrying) return
    isRetrying = true
    const lanesToRetry = [...stalled]
    while (lanesToRetry.length > 0 && !isAway()) {
      const some = lanesToRetry.splice(0, RETRIES_IN_PARALLEL_MAX)
      for (const lane of some) stalled.delete(lane)
      await Promise.all(some.map((lane) => lane.retry()))
    }
    isRetrying = false
    if (stalled.size > 0) retryLater()
  }

  return {
    add: (item) => {
      pending += 1
      const key = keyOf(item)
      return laneFor(laneOf?.(key)).add(key, item)
    },
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
    status: () => {
      const isStalled = [...lanes.values()].some((lane) => lane.isStalled())
      return { pending, isStalled, error: isStalled ? lastError : undefined }
    },
    retry: () => void retryStalled(),
    dispose: async () => {
      isDisposed = true
      clearTimeout(retryTimer)
    },
  }
}
