import type { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'

/**
 * Makes the function that sends messages to one client. What is sent within one turn of the event loop goes out in one
 * write. While a client is slow to take what it was sent, the promise makes its subscriptions wait; a client that leaves
 * more than `maxUnreadBytes` untaken is cut off.
 * @param connection the connection that the WebSocket was made on
 */
export function createSender(
  socket: WebSocket,
  connection: Duplex,
  maxUnreadBytes: number,
): (data: string) => Promise<void> | void {
  let isCorked = false
  function uncork(): void {
    isCorked = false
    connection.uncork()
  }

  /** One answer may be larger than what a slow client may leave: it does not count as left until it could be taken. */
  let largeBytes = 0
  function sendLarge(data: string): Promise<void> {
    const bytes = Buffer.from(data)
    largeBytes += bytes.length
    return new Promise((resolve) => {
      socket.send(bytes, { binary: false }, () => {
        largeBytes -= bytes.length
        resolve()
      })
    })
  }

  return (data) => {
    if (socket.readyState !== socket.OPEN) return
    if (socket.bufferedAmount > maxUnreadBytes + Math.min(largeBytes, MAX_LARGE_BYTES)) return socket.terminate()
    if (!isCorked) {
      isCorked = true
      connection.cork()
      process.nextTick(uncork)
    }
    if (data.length > HIGH_WATER_BYTES) return sendLarge(data)
    if (socket.bufferedAmount < HIGH_WATER_BYTES) return socket.send(data)
    return new Promise((resolve) => socket.send(data, () => resolve()))
  }
}

/** Pings a client and cuts it off where it does not answer. Returns the function that ends it. */
export function keepAlive(socket: WebSocket): () => void {
  let hasAnswered = true
  const timer = setInterval(() => {
    if (!hasAnswered) return socket.terminate()
    hasAnswered = false
    socket.ping()
  }, KEEP_ALIVE_MS)
  socket.on('pong', () => {
    hasAnswered = true
  })
  return () => clearInterval(timer)
}

/** What a client may leave untaken of large answers beside `maxUnreadBytes`, in bytes. */
const MAX_LARGE_BYTES = 16 * 1024 * 1024
/** What a client may leave untaken before its subscriptions wait for it, in bytes. */
const HIGH_WATER_BYTES = 64 * 1024
/** Each client is pinged so often, and cut off where it did not answer by the next time, in milliseconds. */
const KEEP_ALIVE_MS = 12_000
