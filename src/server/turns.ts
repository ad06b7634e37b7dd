import { overloaded } from '../graphql/errors.ts'

/**
 * Makes the function that waits for a turn of the event loop of one's own: what may take some milliseconds at once, and
 * comes many at a time, takes them one after the other, and what else came in is answered in between.
 * @throws GraphQLError OVERLOADED where too many wait
 */
export function createTurns(): () => Promise<void> {
  const waiting: (() => void)[] = []

  function next(): void {
    waiting.shift()?.()
    if (waiting.length > 0) setImmediate(next)
  }

  return async () => {
    if (waiting.length >= MAX_WAITING) throw overloaded(RETRY_AFTER_MS)
    await new Promise<void>((resolve) => {
      waiting.push(resolve)
      if (waiting.length === 1) setImmediate(next)
    })
  }
}

/** How many may wait; they take some seconds where each takes ten milliseconds. */
const MAX_WAITING = 500
const RETRY_AFTER_MS = 5000
