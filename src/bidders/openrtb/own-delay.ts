/** How long this process keeps an answer waiting that has arrived, in milliseconds: a moving average. */
export interface OwnDelay {
  ms(): number
  dispose(): void
}

/** Measured from now on, by how late a timer is served. */
export function createOwnDelay(now: () => number): OwnDelay {
  let averageMs = 0
  let dueAtMs = now() + INTERVAL_MS
  const timer = setInterval(() => {
    const nowMs = now()
    averageMs += (Math.max(0, nowMs - dueAtMs) - averageMs) * WEIGHT
    dueAtMs = nowMs + INTERVAL_MS
  }, INTERVAL_MS).unref()
  return {
    ms: () => averageMs,
    dispose: () => clearInterval(timer),
  }
}

const INTERVAL_MS = 100
/** Of the newest one. */
const WEIGHT = 1 / 8
