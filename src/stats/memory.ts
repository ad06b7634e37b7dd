import { compareIds } from './id-order.ts'
import { addToTally, createTally, statsOf, type Tally } from './tally.ts'
import type { AuctionCount, StatsChanges, StatsStore, SupplyStats } from './types.ts'

/** The statistics of a service that is one process: gone when it ends. */
export interface MemoryStatsStore extends StatsStore {
  record(count: AuctionCount): void
}

/** @param changes is told of every request that was counted */
export function createMemoryStatsStore({
  changes,
}: {
  readonly changes: Pick<StatsChanges, 'publish'>
}): MemoryStatsStore {
  const supplies = new Map<
    string,
    { readonly tally: Tally; stats: SupplyStats | undefined; readonly changed: [string] }
  >()
  /** Sorted but for those that came since: sorting what is nearly sorted takes one look at each. */
  const ids: string[] = []
  let areSorted = true

  return {
    record: (count) => {
      let supply = supplies.get(count.supplyId)
      if (supply === undefined) {
        supply = { tally: createTally(), stats: undefined, changed: [count.supplyId] }
        supplies.set(count.supplyId, supply)
        ids.push(count.supplyId)
        areSorted = false
      }
      addToTally(supply.tally, count)
      supply.stats = undefined
      changes.publish(supply.changed)
    },
    read: async (supplyIds) =>
      supplyIds.map((supplyId) => {
        const supply = supplies.get(supplyId)
        if (supply === undefined) return undefined
        supply.stats ??= statsOf(supplyId, supply.tally)
        return supply.stats
      }),
    totals: async (supplyIds) => supplyIds.map((supplyId) => supplies.get(supplyId)?.tally.requests ?? 0),
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
}

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
