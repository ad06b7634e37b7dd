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

  /** Sorted; undefined where a supply came since. */
  let sortedIds: string[] | undefined

  return {
    record: (count) => {
      let supply = supplies.get(count.supplyId)
      if (supply === undefined) {
        supply = { tally: createTally(), stats: undefined, changed: [count.supplyId] }
        supplies.set(count.supplyId, supply)
        sortedIds = undefined
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
    supplyIds: async () => {
      sortedIds ??= [...supplies.keys()].sort()
      return sortedIds
    },
    pending: () => 0,
    flush: async () => 0,
    status: () => ({ status: 'up', kind: 'memory' }),
    dispose: async () => {},
  }
}
