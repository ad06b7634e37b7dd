/**
 * How much of what comes is taken, so that the event loop stays on time. As CoDel does with queues (RFC 8289), it looks at
 * the least delay of each interval: a pause of the garbage collector is late once, and so is a text that is compiled; a loop
 * with more to do than it can is late each time it is looked at. Above the bound the share falls, the further above the quicker; else it rises again, a
 * little at a time.
 */
export interface AdmittedShare {
  /** Tells how late the loop was, each BEAT_MS or so. */
  beat(nowMs: number, delayMs: number): void
  /** Whether the next request is taken: of so many, the share, evenly. */
  admits(): boolean
  /** From MIN_SHARE to 1. */
  value(): number
}

/** @param maxDelayMs how late the loop may be all the time, in milliseconds */
export function createAdmittedShare(maxDelayMs: number): AdmittedShare {
  let share = 1
  let credit = 0
  let intervalEndsAt = Number.NEGATIVE_INFINITY
  let leastDelayMs = Number.POSITIVE_INFINITY
  let beats = 0
  let intervalsOver = 0

  return {
    beat(nowMs, delayMs) {
      leastDelayMs = Math.min(leastDelayMs, delayMs)
      beats++
      if (nowMs < intervalEndsAt || beats < MIN_BEATS) return
      intervalsOver = leastDelayMs > maxDelayMs ? intervalsOver + 1 : 0
      if (intervalsOver === 0) share = Math.min(1, share + RISE)
      else if (share < 1 || intervalsOver >= INTERVALS_TO_BEGIN) {
        share = Math.max(MIN_SHARE, share * Math.max(LARGEST_FALL, maxDelayMs / leastDelayMs))
      }
      leastDelayMs = Number.POSITIVE_INFINITY
      beats = 0
      intervalEndsAt = nowMs + INTERVAL_MS
    },
    admits() {
      if (share === 1) return true
      credit += share
      if (credit < 1) return false
      credit -= 1
      return true
    },
    value: () => share,
  }
}

/** How often the loop's delay is looked at, in milliseconds. */
export const BEAT_MS = 10
/** Of so long a time the least delay counts, in milliseconds. */
export const INTERVAL_MS = 100
/** In an interval it is looked at so often, however long that takes. */
export const MIN_BEATS = 3
/** So many intervals in a row are above the bound before anything is shed. */
export const INTERVALS_TO_BEGIN = 5
/** The share is multiplied by no less in one interval. */
const LARGEST_FALL = 0.7
/** What the share gains in an interval within the bound: all of it in 3.2 s. */
const RISE = 0.03
/** So much is always taken, since nothing else would show that there is room again. */
export const MIN_SHARE = 0.05
