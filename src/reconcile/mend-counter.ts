import type { PrismaClient } from '../generated/prisma/client.ts'
import { type HourTotals, readHourTotalsOf } from '../history/read-totals.ts'
import { hourOf } from '../history/rollups.ts'
import type { RedisConnection } from '../redis/connect.ts'
import { defineScript } from '../redis/script.ts'
import { shardOf } from '../redis/shards.ts'
import { statsKey, windowKey } from '../stats/redis-keys.ts'
import { MEND_WINDOW_LUA, WINDOW_LUA } from '../stats/redis-window-reads.ts'
import type { StatsChanges } from '../stats/types.ts'
import type { StatsWindow } from '../stats/window.ts'
import { type CounterDifference, fieldsOfTotals } from './counters.ts'

export interface MendCounterDependencies {
  readonly connection: Pick<RedisConnection, 'client' | 'isCluster'>
  readonly changes: Pick<StatsChanges, 'publish'>
  readonly prisma: PrismaClient
  readonly window: StatsWindow | undefined
}

/** Makes what mends one counter. It resolves with whether it is mended: not where it has moved since it was compared. */
export function createMendCounter(
  dependencies: MendCounterDependencies,
): (difference: CounterDifference) => Promise<boolean> {
  const { changes, window } = dependencies
  const mend = window === undefined ? mendForEver(dependencies) : mendInWindow(dependencies, window)
  return async (difference) => {
    const isMended = await mend(difference)
    if (isMended) changes.publish([difference.supplyId])
    return isMended
  }
}

/** Adds what is lacking, so that what is counted meanwhile stays counted. */
function mendForEver({ connection: { client, isCluster } }: MendCounterDependencies) {
  return async ({ supplyId, field, counted, logged }: CounterDifference): Promise<boolean> => {
    await client.hincrby(statsKey(supplyId, isCluster ? shardOf(supplyId) : undefined), field, logged - counted)
    return true
  }
}

/** Sets the counter of each hour, where their sum is still the one that was found. */
function mendInWindow({ connection: { client, isCluster }, prisma }: MendCounterDependencies, window: StatsWindow) {
  const script = defineScript(client, 'mendWindowStats', WINDOW_LUA, MEND_WINDOW_LUA)
  /** Of the last supply that was mended: its counters come one after the other. */
  let hours: { readonly supplyId: string; readonly totals: readonly HourTotals[] } | undefined
  return async ({ supplyId, field, counted, fromMs = 0 }: CounterDifference): Promise<boolean> => {
    if (hours?.supplyId !== supplyId) {
      hours = { supplyId, totals: await readHourTotalsOf(prisma, [supplyId], fromMs) }
    }
    const first = hourOf(fromMs)
    const amounts = Array.from({ length: window.hours }, (_, index) => {
      const ofHour = hours?.totals.find(({ hour }) => hour === first + index)
      return fieldsOfTotals(ofHour).get(field) ?? 0
    })
    const key = windowKey(supplyId, isCluster ? shardOf(supplyId) : undefined)
    const answer = await script([key], [window.hours, 0, field, counted, first, ...amounts])
    return answer === 1
  }
}
