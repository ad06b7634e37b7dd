import { timeOfAuctionId } from '../auction/auction-id.ts'
import { hourOf } from '../history/rollups.ts'
import type { AuctionCount, SupplyStats } from './types.ts'

/** Statistics of the last hours alone: of the current hour of UTC, and of as many before it as make up `hours`. */
export interface StatsWindow {
  /** 1 to 168, a week: `window.lua` keeps counters for as long. */
  readonly hours: number
}

/** @param hours as RETENTION_HOT_HOURS says; undefined: counters for ever */
export function windowOf(hours: number | undefined): StatsWindow | undefined {
  return hours === undefined ? undefined : { hours }
}

/** When a window begins, in milliseconds since 1970. */
export function startOfWindow(window: StatsWindow, nowMs: number): number {
  return oldestHour(window, nowMs) * HOUR_MS
}

/** The first hour, since 1970, that is in a window. */
export function oldestHour({ hours }: StatsWindow, nowMs: number): number {
  return hourOf(nowMs) - hours + 1
}

/** The hour, since 1970, that an auction is counted in: that of its id, as in the log. One without is of this moment. */
export function hourOfCount({ id }: AuctionCount, nowMs: number): number {
  return hourOf(id === undefined ? nowMs : (timeOfAuctionId(id) ?? nowMs))
}

/** How long until an hour leaves a window, in milliseconds. */
export function msToNextHour(nowMs: number): number {
  return HOUR_MS - (nowMs % HOUR_MS)
}

/**
 * A number that is another one wherever a supply's statistics are: how many requests it ever had, and how many of them have
 * left the window, which both only grow. 0 where there is nothing in it.
 */
export function versionOf({
  totalRequests,
  goneRequests = 0,
}: Pick<SupplyStats, 'totalRequests' | 'goneRequests'>): number {
  return totalRequests === 0 ? 0 : totalRequests + 2 * goneRequests
}

const HOUR_MS = 3_600_000
