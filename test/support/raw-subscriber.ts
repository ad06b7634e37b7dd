import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import WebSocket from 'ws'

/** A bare client of the graphql-transport-ws protocol: it costs little, and it can stop reading. */
export interface RawSubscriber {
  /** The port it is connected from. */
  readonly localPort: number
  /** How many values it was sent. */
  received(): number
  /** Sends an operation; its answer is not looked at. */
  ask(query: string): void
  /** Reads no more: not values, not pings. */
  stopReading(): void
  /** Reads again; resolves when the connection is found closed, with the code it was closed with. */
  untilClosed(): Promise<number>
  dispose(): Promise<void>
}

/**
 * Connects and subscribes.
 * @param onValue called with the data of each value
 */
export async function subscribeRaw(
  webSocketUrl: string,
  query: string,
  onValue?: (data: unknown) => void,
): Promise<RawSubscriber> {
  const socket = new WebSocket(webSocketUrl, 'graphql-transport-ws')
  const closed = new Promise<number>((resolve) => socket.once('close', resolve))
  socket.on('error', () => {})
  const [[{ socket: connection }]] = await Promise.all([once(socket, 'upgrade'), once(socket, 'open')])
  let received = 0
  let asked = 0
  const ask = (operation: string) => {
    asked += 1
    socket.send(JSON.stringify({ id: `${asked}`, type: 'subscribe', payload: { query: operation } }))
  }
  socket.send(JSON.stringify({ type: 'connection_init' }))
  await once(socket, 'message')
  socket.on('message', (data) => {
    received += 1
    if (onValue) onValue(JSON.parse(String(data)).payload?.data)
  })
  ask(query)
  return {
    localPort: connection.localPort,
    received: () => received,
    ask,
    stopReading: () => socket.pause(),
    untilClosed: () => {
      socket.resume()
      return closed
    },
    dispose: async () => {
      socket.resume()
      socket.close()
      await Promise.race([closed, delay(CLOSE_TIMEOUT_MS, undefined, { ref: false })])
      socket.terminate()
    },
  }
}

const CLOSE_TIMEOUT_MS = 1000
