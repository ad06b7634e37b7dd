/** A notice is given up when it was tried for so long, in milliseconds. */
export const GIVE_UP_AFTER_MS = 3_600_000

/** When a notice that could not be sent is to be tried again, in milliseconds since 1970; undefined where it is given up. */
export function retryAt(attempts: number, nowMs: number, giveUpAtMs: number): number | undefined {
  if (nowMs >= giveUpAtMs) return undefined
  const waitMs = Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** (attempts - 1))
  return Math.min(nowMs + waitMs, giveUpAtMs)
}

/** A notice is tried again after this long, then after twice as long, up to a bound, in milliseconds. */
const RETRY_MIN_MS = 5_000
const RETRY_MAX_MS = 600_000
