import { inTime } from '../in-time.ts'

/**
 * What a store says of itself, for whoever cannot wait for it: asked for anew each time, unless that is under way still,
 * and where no answer comes in time, the last one that came. Undefined before there is any. Never rejects.
 */
export type LastKnown<T> = () => Promise<T | undefined>

export function createLastKnown<T>(ask: () => T | Promise<T>, waitMs = WAIT_MS): LastKnown<T> {
  let known: T | undefined
  let asking: Promise<void> | undefined

  return async () => {
    asking ??= askOnce().finally(() => {
      asking = undefined
    })
    await inTime(asking, waitMs).catch(() => {})
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
