import type { WebSocket } from 'ws'
import type { Reading } from './reading.ts'
import type { TurnQueue } from './turn-queue.ts'

/** The messages of one client that wait for their turn of the event loop, in the order they came. */
export interface MessageLine {
  isEmpty(): boolean
  /** Has a message taken at its turn, unless its client has gone by then. No more is read from one that has too many waiting. */
  wait(take: () => void): void
}

/** @param turns of all clients' messages */
export function createMessageLine(
  socket: Pick<WebSocket, 'readyState' | 'OPEN'>,
  reading: Reading,
  turns: TurnQueue,
): MessageLine {
  let waiting = 0
  let isHeldUp = false

  function holdUp(): void {
    isHeldUp = true
    reading.pause()
  }

  function letGo(): void {
    isHeldUp = false
    reading.resume()
  }

  return {
    isEmpty: () => waiting === 0,
    wait(take) {
      waiting++
      if (waiting >= MAX_WAITING && !isHeldUp) holdUp()
      turns.run(() => {
        waiting--
        if (waiting === 0 && isHeldUp) letGo()
        if (socket.readyState === socket.OPEN) take()
      })
    },
  }
}

/** A client with so many messages waiting is not read from until none waits; what was read before waits as well. */
const MAX_WAITING = 100
