/** A day of UTC, such as 2026-08-30. */
export type Day = string

export const DAY_MS = 86_400_000

/** @param ms milliseconds since 1970 */
export function dayOf(ms: number): Day {
  return new Date(ms).toISOString().slice(0, 'YYYY-MM-DD'.length)
}

/** When a day begins, in milliseconds since 1970. */
export function startOf(day: Day): number {
  return Date.parse(day)
}

/** Whether a day ended so many days ago, or more. */
export function isPast(day: Day, days: number, nowMs: number): boolean {
  return startOf(day) + (days + 1) * DAY_MS <= nowMs
}

/** The table that has a day's auctions. */
export function partitionOf(day: Day): string {
  return `auction_log_${day.replaceAll('-', '')}`
}
