import { once } from 'node:events'
import WebSocket from 'ws'
import type { GraphQLRequest } from './graphql.ts'

/** A client of the graphql-transport-ws protocol that gives what it is sent as it was written. */
export interface RawWebSocket {
  send(message: unknown): void
  /** Every message since it was opened. */
  readonly messages: readonly string[]
  /** Sends an operation, and gives the messages of its id up to the one that ends it. */
  ask(id: string, payload: GraphQLRequest): Promise<string[]>
  /** The code it is closed with. */
  readonly closed: Promise<number>
  dispose(): void
}

/** Connects and introduces itself. */
export async function openRawWebSocket(
  graphqlUrl: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<RawWebSocket> {
  const socket = new WebSocket(graphqlUrl.replace('http', 'ws'), 'graphql-transport-ws', { headers })
  const messages: string[] = []
  const closed = new Promise<number>((resolve) => socket.once('close', resolve))
  // One for each operation under way.
  socket.setMaxListeners(0)
  await once(socket, 'open')
  const send = (message: unknown) => socket.send(JSON.stringify(message))
  send({ type: 'connection_init' })
  await once(socket, 'message')
  socket.on('message', (data) => messages.push(String(data)))
  return {
    send,
    messages,
    ask: (id, payload) =>
      new Promise((resolve, reject) => {
        const answers: string[] = []
        socket.on('message', listen)
        socket.once('close', reject)
        send({ id, type: 'subscribe', payload })

        function listen(data: WebSocket.RawData): void {
          const message = JSON.parse(String(data))
          if (message.id !== id) return
          answers.push(String(data))
          if (message.type === 'next') return
          socket.off('message', listen).off('close', reject)
          resolve(answers)
        }
      }),
    closed,
    dispose: () => socket.terminate(),
  }
}
