import type { ServerResponse } from 'node:http'
import type { TurnQueue } from './turn-queue.ts'

/**
 * Sends a large body, of an answer whose headers are written, in pieces: each when the one before was taken, in a turn of
 * the event loop. In one piece the system copies what its buffers hold, megabytes for each client that asks at the time.
 */
export function sendInPieces(response: ServerResponse, body: Buffer, turns: Pick<TurnQueue, 'run'>): void {
  let sent = 0
  turns.run(sendNext)

  function sendNext(): void {
    if (response.destroyed) return
    const piece = body.subarray(sent, sent + PIECE_BYTES)
    sent += piece.length
    if (sent === body.length) response.end(piece)
    else if (response.write(piece)) turns.run(sendNext)
    else response.once('drain', () => turns.run(sendNext))
  }
}

const PIECE_BYTES = 64 * 1024
