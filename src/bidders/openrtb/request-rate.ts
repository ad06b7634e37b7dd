/** Keeps to so many a second, whatever second one looks at. */
export interface RequestRate {
  /** Whether there may be one more now, which then counts. */
  take(nowMs: number): boolean
}

/** @param max a second; null for no limit */
export function createRequestRate(max: number | null): RequestRate {
  if (max === null) return { take: () => true }
  // A ring of the newest: the next one overwrites the one that has to be a second old.
  const takenAtMs = new Float64Array(Math.min(max, MAX_REMEMBERED)).fill(Number.NEGATIVE_INFINITY)
  // Of a rate higher than what is remembered, a part of the second.
  const windowMs = (WINDOW_MS * takenAtMs.length) / max
  let next = 0
  return {
    take(nowMs) {
      if (nowMs - (takenAtMs[next] as number) < windowMs) return false
      takenAtMs[next] = nowMs
      next = (next + 1) % takenAtMs.length
      return true
    },
  }
}

const WINDOW_MS = 1000
const MAX_REMEMBERED = 10_000
