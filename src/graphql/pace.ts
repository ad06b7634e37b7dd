import { setImmediate as nextTurn } from 'node:timers/promises'
import type { StatsStore, SupplyStats } from '../stats/types.ts'

/**
 * Spreads a heavy operation over many turns of the event loop, so that auctions are answered between its rows. A field
 * that makes much of each row waits for its row's turn; executors go on with a row when its value comes.
 */
export interface Pace {
  /** Gives the value back when its turn has come. */
  turn<T>(value: T): Promise<T>
}

export function createPace(): Pace {
  const waiting: (() => void)[] = []
  let isRunning = false

  async function run(): Promise<void> {
    isRunning = true
    let from = 0
    while (from < waiting.length) {
      await nextTurn()
      for (const isOver = sliceOfTime(); from < waiting.length && !isOver(); from += 1) {
        waiting[from]?.()
        // What follows from it is done before the next.
        await undefined
      }
    }
    waiting.length = 0
    isRunning = false
  }

  return {
    turn: (value) =>
      new Promise((resolve) => {
        waiting.push(() => resolve(value))
        if (!isRunning) void run()
      }),
  }
}

/** A slice of time that begins now: the function says whether it is over. */
export function sliceOfTime(): () => boolean {
  const endsAt = performance.now() + SLICE_MS
  return () => performance.now() >= endsAt
}

/** Reads many supplies' statistics, some in each turn of the event loop. */
export async function readInTurns(
  stats: Pick<StatsStore, 'read'>,
  supplyIds: readonly string[],
): Promise<(SupplyStats | undefined)[]> {
  if (supplyIds.length <= READ_AT_ONCE) return stats.read(supplyIds)
  const all: (SupplyStats | undefined)[] = []
  for (let from = 0; from < supplyIds.length; from += READ_AT_ONCE) {
    if (from > 0) await nextTurn()
    all.push(...(await stats.read(supplyIds.slice(from, from + READ_AT_ONCE))))
  }
  return all
}

/** How long a heavy operation may keep the event loop at a time, in milliseconds. */
const SLICE_MS = 3
/** Supplies whose statistics are read in one turn. */
const READ_AT_ONCE = 100
