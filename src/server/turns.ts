import { overloaded } from '../graphql/errors.ts'
import { createTurnQueue } from './turn-queue.ts'

/**
 * Makes the function that waits for a turn of the event loop of one's own: what may take some milliseconds at once, and
 * comes many at a time, takes them one after the other, and what else came in is answered in between.
 * @throws GraphQLError OVERLOADED where too many wait
 */
export function createTurns(): () => Promise<void> {
  const queue = createTurnQueue()
  return async () => {
    if (queue.size() >= MAX_WAITING) throw overloaded(RETRY_AFTER_MS)
    await new Promise<void>((resolve) => queue.run(resolve))
  }
}

/** How many may wait; they take some seconds where each takes ten milliseconds. */
const MAX_WAITING = 500
const RETRY_AFTER_MS = 5000
