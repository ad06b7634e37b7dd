import { WebSocket } from 'ws'
import { type GraphQLResult, readResult } from './answer.ts'
import { toGraphQLBody } from './requests.ts'
import { type Answer, authorization, CONNECT_TIMEOUT_MS, REQUEST_TIMEOUT_MS, type Transport } from './types.ts'

export interface WebSocketTransportOptions {
  readonly url: URL
  /** How many connections; requests go to them in turn, many in flight on each. */
  readonly connections: number
  /** Where the service asks for one. */
  readonly apiKey?: string | undefined
}

/** Sends requests by the graphql-transport-ws protocol. A connection is opened by the first request that uses it. */
export function createWebSocketTransport({ url, connections, apiKey }: WebSocketTransportOptions): Transport {
  const lanes = Array.from({ length: connections }, () => createLane(url, apiKey))
  let next = 0
  return {
    send(request, onAnswer) {
      next = (next + 1) % lanes.length
      lanes[next]?.send(request, onAnswer)
    },
    dispose: async () => void (await Promise.all(lanes.map((lane) => lane.dispose()))),
  }
}

interface Pending {
  readonly tmaxMs: number
  readonly sentAt: number
  readonly onAnswer: (answer: Answer) => void
}

/** A message from the server, as far as it matters here. */
type ServerMessage =
  | { readonly type: 'connection_ack' | 'complete' | 'ping' | 'pong'; readonly id?: string }
  | { readonly type: 'next'; readonly id: string; readonly payload: GraphQLResult }
  | { readonly type: 'error'; readonly id: string; readonly payload: GraphQLResult['errors'] & object }

/** One connection, opened again after it was lost. */
function createLane(url: URL, apiKey: string | undefined): Transport {
  const init = JSON.stringify({ type: 'connection_init', payload: authorization(apiKey) })
  const pending = new Map<string, Pending>()
  let socket: WebSocket | undefined
  /** Frames that wait for the connection; undefined once it is there. */
  let waiting: string[] | undefined
  let lastId = 0
  let sweep: NodeJS.Timeout | undefined

  return {
    send(request, onAnswer) {
      socket ??= open()
      const id = `${++lastId}`
      pending.set(id, { tmaxMs: request.tmax, sentAt: performance.now(), onAnswer })
      const frame = `{"id":"${id}","type":"subscribe","payload":${toGraphQLBody(request)}}`
      if (waiting) waiting.push(frame)
      else socket.send(frame)
    },
    dispose: async () => {
      clearInterval(sweep)
      socket?.terminate()
    },
  }

  function open(): WebSocket {
    const opened = new WebSocket(url, 'graphql-transport-ws', {
      handshakeTimeout: CONNECT_TIMEOUT_MS,
      perMessageDeflate: false,
    })
    waiting = []
    let failure: string | undefined
    opened.on('open', () => opened.send(init))
    opened.on('message', (data) => receive(opened, JSON.parse(String(data)) as ServerMessage))
    opened.on('error', (error: NodeJS.ErrnoException) => {
      failure = error.code ?? error.message
    })
    opened.on('close', (code) => {
      clearInterval(sweep)
      socket = undefined
      failAll(failure ?? `WebSocket ${code}`)
    })
    sweep = setInterval(failLate, SWEEP_INTERVAL_MS)
    return opened
  }

  function receive(from: WebSocket, message: ServerMessage): void {
    if (message.type === 'connection_ack') {
      for (const frame of waiting ?? []) from.send(frame)
      waiting = undefined
    } else if (message.type === 'ping') {
      from.send('{"type":"pong"}')
    } else if (message.type === 'next' || message.type === 'error') {
      const request = pending.get(message.id)
      pending.delete(message.id)
      const result = message.type === 'next' ? message.payload : { errors: message.payload }
      request?.onAnswer(readResult(result, request.tmaxMs))
    }
  }

  function failAll(errorCode: string): void {
    const failed = [...pending.values()]
    pending.clear()
    for (const { onAnswer } of failed) onAnswer({ errorCode, isDisconnected: true })
  }

  /** Requests are in the order they were sent in. */
  function failLate(): void {
    const sentBefore = performance.now() - REQUEST_TIMEOUT_MS
    for (const [id, { sentAt, onAnswer }] of pending) {
      if (sentAt > sentBefore) return
      pending.delete(id)
      onAnswer({ errorCode: 'TIMEOUT' })
    }
  }
}

/** How often late requests are looked for, in milliseconds. */
const SWEEP_INTERVAL_MS = 500
