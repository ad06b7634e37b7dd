import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Config } from '../config.ts'
import { destroyLater } from './destroy-later.ts'
import { sendError } from './json-response.ts'
import { createTurnQueue } from './turn-queue.ts'

/** Has a request handled, now or later, or refuses it. */
export type Pipelining = (request: IncomingMessage, response: ServerResponse, handle: Handler) => void
type Handler = (request: IncomingMessage, response: ServerResponse) => void

/**
 * What is done with requests that a client sends before it has the answers to earlier ones of the same connection. Node
 * hands on as many as have arrived, thousands at once where they are small, whether anybody reads the answers or not. So
 * each takes a turn of the event loop of its own, and a connection may have `maxPipelinedRequests` unanswered: the next is told so,
 * and is the connection's last.
 */
export function createPipelining({ maxPipelinedRequests }: Pick<Config, 'maxPipelinedRequests'>): Pipelining {
  const queue = createTurnQueue()
  const connections = new WeakMap<Socket, { unanswered: number; isRefused: boolean }>()

  return (request, response, handle) => {
    // Node gives an answer its socket when those before it are done.
    if (response.socket) {
      handle(request, response)
      return
    }
    const { socket } = request
    const connection = connections.get(socket) ?? { unanswered: 0, isRefused: false }
    connections.set(socket, connection)
    // What follows a refusal is neither handled nor answered: the connection ends with that, or soon.
    if (connection.isRefused) return
    if (connection.unanswered >= maxPipelinedRequests) {
      connection.isRefused = true
      refuse(socket, response)
      return
    }
    connection.unanswered += 1
    response.once('close', () => {
      connection.unanswered -= 1
    })
    queue.run(() => {
      if (!socket.destroyed) handle(request, response)
    })
  }

  function refuse(socket: Socket, response: ServerResponse): void {
    response.setHeader('Connection', 'close')
    const message = `A connection may have ${maxPipelinedRequests} requests unanswered behind the one that is being answered: wait for answers, use several connections, or set MAX_PIPELINED_REQUESTS higher.`
    sendError(response, 429, 'TOO_MANY_PIPELINED_REQUESTS', message)
    destroyLater(socket, REFUSED_MS)
  }
}

/** How long a connection that has sent too many may go on, for its client to get the answers before, in milliseconds. */
const REFUSED_MS = 2000
