import type { SupplyTotals } from '../history/types.ts'
import { createPackedTallies, type PackedTallies } from './packed-tallies.ts'
import type { AuctionCount, SupplyStats } from './types.ts'
import { hourOfCount, oldestHour, type StatsWindow, versionOf } from './window.ts'

/**
 * The counters of many supplies of the last hours: those of each hour, and their sums, which are what is read. An hour that
 * has left is taken out of a supply's sums before these are read; of supplies that nobody reads, a few with each request.
 * So the turn of an hour costs no more at once than a request does, however many supplies there are.
 */
export interface HourlyTallies {
  /** Adds one request and its outcomes to its hour, where that is in the window. Returns whether it was the supply's first. */
  add(count: AuctionCount): boolean
  /** Adds what a supply had in an hour, since 1970, before this process began. Returns whether it is new here. */
  restore(hour: number, totals: SupplyTotals): boolean
  /** As `versionOf` the supply's statistics. */
  version(supplyId: string): number
  /** The immutable value of a supply's counters as they stand; undefined where the window has no request of it. */
  stats(supplyId: string): SupplyStats | undefined
}

/** @param now milliseconds since 1970 */
export function createHourlyTallies(window: StatsWindow, now: () => number): HourlyTallies {
  const sums = createPackedTallies()
  const hours = new Map<number, PackedTallies>()
  /** Hours that have left the window, with the supplies that were not yet taken out of the sums. */
  const leaving: { readonly tallies: PackedTallies; readonly supplyIds: Iterator<string> }[] = []
  /** How many requests of a supply have left. */
  const gone = new Map<string, number>()
  let oldest = Number.NEGATIVE_INFINITY

  return {
    add(count) {
      const nowMs = now()
      turnTo(nowMs)
      takeSomeOut()
      const hour = hourOfCount(count, nowMs)
      if (hour < oldest) return false
      talliesOf(hour).add(count)
      return sums.add(count)
    },
    restore(hour, totals) {
      turnTo(now())
      if (hour < oldest) return false
      talliesOf(hour).restore(totals)
      return sums.restore(totals)
    },
    version(supplyId) {
      takeOut(supplyId)
      return versionOf({ totalRequests: sums.requests(supplyId), goneRequests: gone.get(supplyId) ?? 0 })
    },
    stats(supplyId) {
      takeOut(supplyId)
      const stats = sums.stats(supplyId)
      const goneRequests = gone.get(supplyId)
      return stats === undefined || goneRequests === undefined ? stats : Object.freeze({ ...stats, goneRequests })
    },
  }

  /** Sees which hours have left. A clock that goes back brings none of them back: what comes of such an hour makes a new one. */
  function turnTo(nowMs: number): void {
    const first = oldestHour(window, nowMs)
    if (first === oldest) return
    oldest = first
    for (const [hour, tallies] of hours) {
      if (hour >= oldest) continue
      hours.delete(hour)
      leaving.push({ tallies, supplyIds: tallies.supplyIds() })
    }
  }

  function takeOut(supplyId: string): void {
    turnTo(now())
    for (const { tallies } of leaving) takeOutOf(tallies, supplyId)
  }

  function takeOutOf(tallies: PackedTallies, supplyId: string): void {
    const totals = tallies.take(supplyId)
    if (totals === undefined) return
    sums.subtract(totals)
    const requests = totals.countries.reduce((sum, country) => sum + country.requests, 0)
    gone.set(supplyId, (gone.get(supplyId) ?? 0) + requests)
  }

  /** An hour has as many requests as supplies or more, so taking out two with each request, none is left before the next leave. */
  function takeSomeOut(): void {
    for (let taken = 0; taken < TAKEN_OUT_PER_REQUEST && leaving[0] !== undefined; taken += 1) {
      const { tallies, supplyIds } = leaving[0]
      const next = supplyIds.next()
      if (next.done) leaving.shift()
      else takeOutOf(tallies, next.value)
    }
  }

  function talliesOf(hour: number): PackedTallies {
    let tallies = hours.get(hour)
    if (tallies === undefined) {
      tallies = createPackedTallies()
      hours.set(hour, tallies)
    }
    return tallies
  }
}

const TAKEN_OUT_PER_REQUEST = 2
