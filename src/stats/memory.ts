import QuickLRU from 'quick-lru'
import type { SupplyTotals } from '../history/types.ts'
import { compareIds } from '../id-order.ts'
import { createHourlyTallies, type HourlyTallies } from './hourly-tallies.ts'
import { createPackedTallies } from './packed-tallies.ts'
import type { AuctionCount, StatsChanges, StatsStore, SupplyStats } from './types.ts'
import { type StatsWindow, versionOf } from './window.ts'

/** The statistics of a service that is one process: gone when it ends, where nobody restores them from elsewhere. */
export interface MemoryStatsStore extends StatsStore {
  record(count: AuctionCount): void
  /**
   * Adds what was counted before.
   * @param hour in which, since 1970, where statistics are of the last hours
   */
  restore(totals: SupplyTotals, hour?: number): void
}

/**
 * @param changes is told of every request that was counted
 * @param window where statistics are of the last hours alone
 * @param now milliseconds since 1970
 */
export function createMemoryStatsStore({
  changes,
  window,
  now = Date.now,
}: {
  readonly changes: Pick<StatsChanges, 'publish'>
  readonly window?: StatsWindow | undefined
  readonly now?: () => number
}): MemoryStatsStore {
  const tallies = window === undefined ? allHours() : createHourlyTallies(window, now)
  /** Values that were read lately: every request makes them stale. */
  const values = new QuickLRU<string, SupplyStats>({ maxSize: MAX_VALUES })
  /** Sorted but for those that came since: sorting what is nearly sorted takes one look at each. */
  const ids: string[] = []
  let areSorted = true

  return {
    record: (count) => {
      if (tallies.add(count)) {
        ids.push(count.supplyId)
        areSorted = false
      }
      changes.publish([count.supplyId])
    },
    restore: (totals, hour = 0) => {
      if (!tallies.restore(hour, totals)) return
      ids.push(totals.supplyId)
      areSorted = false
    },
    read: async (supplyIds) => supplyIds.map(readOne),
    totals: async (supplyIds) => supplyIds.map(tallies.version),
    supplyIds: async ({ first, after }) => {
      if (!areSorted) ids.sort(compareIds)
      areSorted = true
      const start = after === undefined ? 0 : positionAfter(ids, after)
      return ids.slice(start, start + first)
    },
    pending: () => 0,
    flush: async () => 0,
    status: () => ({ status: 'up', kind: 'memory' }),
    dispose: async () => {},
  }

  function readOne(supplyId: string): SupplyStats | undefined {
    const known = values.get(supplyId)
    if (known !== undefined && versionOf(known) === tallies.version(supplyId)) return known
    const value = tallies.stats(supplyId)
    if (value) values.set(supplyId, value)
    return value
  }
}

/** Counters for ever. */
function allHours(): HourlyTallies {
  const { add, restore, requests, stats } = createPackedTallies()
  return { add, restore: (_hour, totals) => restore(totals), version: requests, stats }
}

/** Values kept; up to twice as many are held. */
const MAX_VALUES = 1000

/** Where the ids after this one begin. */
function positionAfter(sortedIds: readonly string[], after: string): number {
  let low = 0
  let high = sortedIds.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (compareIds(sortedIds[middle] ?? '', after) <= 0) low = middle + 1
    else high = middle
  }
  return low
}
