import type { Socket } from 'node:net'
import type { Config } from '../config.ts'

export interface UnreadDependencies {
  /** Those that are open. */
  readonly sockets: ReadonlySet<Socket>
  readonly limits: Pick<Config, 'unreadTimeoutMs'>
}

/**
 * Cuts connections whose clients have taken nothing of what waits for them for `unreadTimeoutMs`: of an answer, of events, of
 * pipelined answers. What the operating system's own buffers hold counts as taken, as nobody can tell it from that.
 * Returns the function that ends it.
 */
export function cutUnread({ sockets, limits: { unreadTimeoutMs } }: UnreadDependencies): () => void {
  const stalled = new Map<Socket, { readonly takenBytes: number; readonly sinceMs: number }>()
  const timer = setInterval(() => look(performance.now()), Math.min(LOOK_MS, unreadTimeoutMs)).unref()
  return () => clearInterval(timer)

  function look(nowMs: number): void {
    for (const socket of stalled.keys()) if (socket.writableLength === 0 || socket.destroyed) stalled.delete(socket)
    for (const socket of sockets) {
      if (socket.writableLength === 0) continue
      const takenBytes = takenBy(socket)
      const last = stalled.get(socket)
      if (last?.takenBytes !== takenBytes) stalled.set(socket, { takenBytes, sinceMs: nowMs })
      else if (nowMs - last.sinceMs >= unreadTimeoutMs) socket.destroy()
    }
  }
}

/**
 * What the system has taken so far. Node counts a write as pending until all of it is taken, which for a large one a slow client
 * may take minutes to do; what is left of it its handle knows.
 */
function takenBy(socket: Socket): number {
  const { bytesWritten, writeQueueSize } = (socket as SocketWithHandle)._handle ?? {
    bytesWritten: 0,
    writeQueueSize: 0,
  }
  return bytesWritten - writeQueueSize
}

type SocketWithHandle = Socket & {
  readonly _handle?: { readonly bytesWritten: number; readonly writeQueueSize: number } | null
}

/** How often it is looked at, in milliseconds. */
const LOOK_MS = 1000
