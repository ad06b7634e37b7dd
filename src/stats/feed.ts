import { setImmediate as nextTurn } from 'node:timers/promises'
import { createLoopShare } from './loop-share.ts'
import { createMissedChanges } from './missed-changes.ts'
import { createSubscriber, type Subscriber } from './subscriber.ts'
import type { StatsChanges, StatsStore, SupplyStats } from './types.ts'
import { versionOf } from './window.ts'

/** Live statistics: reads what changed once per process and hands the newest values to every subscriber. */
export interface StatsFeed {
  /**
   * The current statistics of each supply named (of every supply where none is), at once; then a supply's newest
   * statistics whenever they change, at most once per supply and `minIntervalMs`. Values in between are skipped.
   */
  subscribe(options: {
    supplyIds: readonly string[] | undefined
    minIntervalMs: number
  }): AsyncIterableIterator<SupplyStats>
  /** Subscribers now. */
  subscribers(): number
  /**
   * For how long values have been held back all the time, so that auctions have their share of the event loop, in
   * milliseconds; 0 where everybody has been told everything.
   */
  heldBackMs(): number
  /** Ends every subscription. */
  dispose(): Promise<void>
}

export interface StatsFeedDependencies {
  readonly store: Pick<StatsStore, 'read' | 'totals' | 'supplyIds'>
  readonly changes: Pick<StatsChanges, 'listen' | 'isLossy'>
  /** The ids of all supplies in the catalogue. */
  readonly allSupplyIds: () => Iterable<string>
  /** How long until an hour leaves the statistics, in milliseconds, where they are of the last hours and nobody else tells. */
  readonly msToNextHour?: (() => number) | undefined
  /** Called where a read fails; it is tried again. */
  readonly onError: (error: unknown) => void
}

export function createStatsFeed(dependencies: StatsFeedDependencies): StatsFeed {
  const { store, changes, allSupplyIds, msToNextHour, onError } = dependencies
  const subscribers = new Set<Subscriber>()
  const subscribersToAll = new Set<Subscriber>()
  const subscribersBySupply = new Map<string, Set<Subscriber>>()
  /** The newest value read of each watched supply, and the number of the read it came by. Emptied when nobody watches. */
  const newest = new Map<string, { readonly value: SupplyStats; readonly read: number }>()
  let reads = 0
  /** From when on the next page of a start may be read. */
  let nextStartAtMs = Number.NEGATIVE_INFINITY
  let stale = new Set<string>()
  let timer: NodeJS.Timeout | undefined
  let refreshing: Promise<void> | undefined
  let refreshedAtMs = Number.NEGATIVE_INFINITY
  let lookTimer: NodeJS.Timeout | undefined
  let isDisposed = false

  const share = createLoopShare(SHARE_OF_LOOP)
  const missed = createMissedChanges({
    store,
    knownIds: () => newest.keys(),
    totalOf: (id) => versionOf(newest.get(id)?.value ?? emptyStats(id)),
    // Whoever is being told the first values reads them in its own time.
    mayBeUnknown: () => [...subscribersToAll].some((subscriber) => !subscriber.isStarting()),
    onMissed: changed,
    onError,
  })
  const stopListening = changes.listen((ids) => {
    if (subscribers.size === 0) return
    if (ids === 'all') missed.look()
    else changed(ids)
  })

  return {
    subscribe({ supplyIds, minIntervalMs }) {
      const ids = supplyIds && new Set(supplyIds)
      const subscriber = createSubscriber({
        minIntervalMs,
        initialIds: ids ?? everyId(),
        read,
        newest: (id) => newest.get(id)?.value,
        inTurn: share.run,
        onEnd: () => remove(subscriber, ids),
      })
      add(subscriber, ids)
      if (isDisposed) void subscriber.return?.()
      return subscriber
    },
    subscribers: () => subscribers.size,
    heldBackMs: share.heldBackMs,
    async dispose() {
      isDisposed = true
      stopListening()
      missed.dispose()
      clearTimeout(timer)
      clearTimeout(lookTimer)
      for (const subscriber of [...subscribers]) await subscriber.return?.()
      share.dispose()
      await refreshing
    },
  }

  function changed(ids: readonly string[]): void {
    for (const id of ids) if (isWatched(id)) stale.add(id)
    scheduleRefresh(REFRESH_INTERVAL_MS)
  }

  /** While anyone subscribes, looks for what got lost, and for what an hour that has left took along. */
  function scheduleLook(): void {
    const afterMs = changes.isLossy ? LOOK_INTERVAL_MS : msToNextHour?.()
    if (afterMs === undefined || lookTimer || isDisposed || subscribers.size === 0) return
    lookTimer = setTimeout(() => {
      lookTimer = undefined
      if (subscribers.size > 0) missed.look()
      scheduleLook()
    }, afterMs)
  }

  function add(subscriber: Subscriber, ids: ReadonlySet<string> | undefined): void {
    subscribers.add(subscriber)
    scheduleLook()
    if (!ids) subscribersToAll.add(subscriber)
    for (const id of ids ?? []) {
      const watchers = subscribersBySupply.get(id) ?? new Set()
      subscribersBySupply.set(id, watchers.add(subscriber))
    }
  }

  function remove(subscriber: Subscriber, ids: ReadonlySet<string> | undefined): void {
    subscribers.delete(subscriber)
    subscribersToAll.delete(subscriber)
    for (const id of ids ?? []) {
      const watchers = subscribersBySupply.get(id)
      watchers?.delete(subscriber)
      if (watchers?.size === 0) subscribersBySupply.delete(id)
      if (!isWatched(id)) newest.delete(id)
    }
    if (subscribersToAll.size === 0 && !ids) {
      for (const id of newest.keys()) if (!isWatched(id)) newest.delete(id)
    }
  }

  function isWatched(id: string): boolean {
    return subscribersToAll.size > 0 || subscribersBySupply.has(id)
  }

  /** Every supply of the catalogue, then those that are in the statistics alone. */
  async function* everyId(): AsyncIterable<string> {
    const seen = new Set<string>()
    for (const id of allSupplyIds()) {
      seen.add(id)
      yield id
    }
    for (let after: string | undefined; ; ) {
      const page = await store.supplyIds({ first: ID_PAGE, after })
      for (const id of page) if (!seen.has(id)) yield id
      if (page.length < ID_PAGE) return
      after = page.at(-1)
      // Where the catalogue has them all, and the store is memory, nothing else lets auctions in between.
      await nextTurn()
    }
  }

  /**
   * Reads values for a subscriber's start. They count as told, so that the next refresh does not repeat them. However many
   * subscribers begin at a time, their supplies are read one page after the other, with the event loop free in between.
   */
  async function read(ids: readonly string[]): Promise<SupplyStats[]> {
    const nowMs = performance.now()
    const waitMs = Math.max(0, nextStartAtMs - nowMs)
    nextStartAtMs = nowMs + waitMs + ids.length * START_MS_PER_SUPPLY
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs))
    const read = ++reads
    const values = await store.read(ids)
    return ids.map((id, index) => {
      const value = values[index] ?? emptyStats(id)
      keep(value, read)
      return newest.get(id)?.value ?? value
    })
  }

  function scheduleRefresh(afterMs: number): void {
    if (timer || refreshing || isDisposed || stale.size === 0) return
    const waitMs = refreshedAtMs + afterMs - performance.now()
    timer = setTimeout(
      () => {
        timer = undefined
        refreshing = refresh().finally(() => {
          refreshing = undefined
          scheduleRefresh(REFRESH_INTERVAL_MS)
        })
      },
      Math.max(0, waitMs),
    )
  }

  async function refresh(): Promise<void> {
    const ids = [...stale]
    stale = new Set()
    for (let from = 0; from < ids.length; from += READ_PAGE) {
      // Where an hour has left, there may be very many, and a store in memory lets nothing else in between.
      if (from > 0) await nextTurn()
      const page = ids.slice(from, from + READ_PAGE)
      try {
        const read = ++reads
        const values = await store.read(page)
        page.forEach((id, index) => {
          keep(values[index] ?? emptyStats(id), read)
        })
      } catch (error) {
        onError(error)
        for (const id of ids.slice(from)) stale.add(id)
        refreshedAtMs = performance.now() + RETRY_AFTER_MS - REFRESH_INTERVAL_MS
        return
      }
    }
    refreshedAtMs = performance.now()
  }

  /** Makes a value the newest, unless a later read was quicker, and tells those who watch it, where it is a new one. */
  function keep(value: SupplyStats, read: number): void {
    const id = value.supplyId
    const known = newest.get(id)
    if (!isWatched(id) || (known && known.read > read)) return
    const isNew = known === undefined || versionOf(known.value) !== versionOf(value)
    newest.set(id, { value: isNew ? value : known.value, read })
    if (!isNew) return
    for (const subscriber of subscribersToAll) subscriber.changed(id)
    for (const subscriber of subscribersBySupply.get(id) ?? []) subscriber.changed(id)
  }
}

/** The statistics of a supply that never had a request. */
export function emptyStats(supplyId: string): SupplyStats {
  return { supplyId, totalRequests: 0, requestsPerCountry: [], bidders: [] }
}

/** How much of the event loop's time telling subscribers may take: skipping values it stays under that. */
const SHARE_OF_LOOP = 0.3
/** Changed supplies are read at most this often, in milliseconds. */
const REFRESH_INTERVAL_MS = 100
/** What the supplies of a start are spread over, in milliseconds: telling one takes a fifth of that. */
const START_MS_PER_SUPPLY = 0.1
/** After a failed read the next one comes this much later, in milliseconds. */
const RETRY_AFTER_MS = 500
/** Supplies read in one call: parsing them takes as long as an auction may notice. */
const READ_PAGE = 100
/** Ids of supplies read in one call. */
const ID_PAGE = 1_000
/** How often what may have been missed is looked for, in milliseconds: with all else, within 5 s it is told. */
const LOOK_INTERVAL_MS = 3_000
