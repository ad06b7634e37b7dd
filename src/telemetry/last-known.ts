import { inTime } from '../in-time.ts'

/**
 * What a store says of itself, for whoever cannot wait for it: asked for anew each time, unless that is under way still,
 * and where no answer has come `waitMs` after it was asked for, the last one that came. Undefined before there is any.
 * Never rejects.
 */
export type LastKnown<T> = () => Promise<T | undefined>

export function createLastKnown<T>(ask: () => T | Promise<T>, waitMs = WAIT_MS): LastKnown<T> {
  let known: T | undefined
  let asking: Promise<void> | undefined
  let askedAt = 0

  return async () => {
    if (asking === undefined) {
      askedAt = performance.now()
      asking = askOnce().finally(() => {
        asking = undefined
      })
    }
    await inTime(asking, Math.max(0, askedAt + waitMs - performance.now())).catch(() => {})
    return known
  }

  async function askOnce(): Promise<void> {
    try {
      known = await ask()
    } catch {
      // That it cannot be asked is a dependency's state, which has a metric of its own.
    }
  }
}

/** How long a scrape waits for a store, in milliseconds. */
const WAIT_MS = 200
