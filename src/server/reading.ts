import type { WebSocket } from 'ws'

/** Whether a client is read from: not while anybody holds it up. Each pauses it once, and then resumes it once. */
export type Reading = Pick<WebSocket, 'pause' | 'resume'>

export function createReading(socket: Pick<WebSocket, 'pause' | 'resume'>): Reading {
  let holders = 0
  return {
    pause() {
      holders++
      if (holders === 1) socket.pause()
    },
    resume() {
      holders--
      if (holders === 0) socket.resume()
    },
  }
}
