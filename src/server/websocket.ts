import type { IncomingMessage, Server } from 'node:http'
import type { Duplex } from 'node:stream'
import type { GraphQLSchema } from 'graphql'
import { CloseCode, handleProtocols } from 'graphql-ws'
import type { Logger } from 'pino'
import { type WebSocket, WebSocketServer } from 'ws'
import type { KeyRing } from '../access/key-ring.ts'
import { type OnUnexpected, REQUEST_ID_HEADER, requestIdOf } from '../asker.ts'
import type { Config } from '../config.ts'
import type { Origin } from '../graphql/context.ts'
import { isObject } from '../is-object.ts'
import { closeReason } from './close-reason.ts'
import { type Connections, TOO_MANY_CONNECTIONS } from './connections.ts'
import type { FrontDoor } from './front-door.ts'
import { type Hosts, MISDIRECTED_REQUEST, misdirected } from './hosts.ts'
import { asksForWebSocket, ignoreUpgrade } from './ignore-upgrade.ts'
import { errorBody } from './json-response.ts'
import type { LoadShedding } from './load-shedding.ts'
import { createMessageLine } from './message-line.ts'
import { createMessageRate } from './message-rate.ts'
import { forbiddenOrigin, type Origins } from './origins.ts'
import { createReading } from './reading.ts'
import { createTurnQueue } from './turn-queue.ts'
import { createSender, keepAlive } from './websocket-client.ts'
import { createWebSocketFastLane } from './websocket-fast-lane.ts'
import { type ConnectionExtra, createWebSocketProtocol } from './websocket-protocol.ts'
import { GRAPHQL_PATH, type Yoga } from './yoga.ts'

export interface WebSocketDependencies {
  readonly http: Server
  /** Gives a request its id. */
  readonly identify: (request: IncomingMessage) => void
  readonly schema: GraphQLSchema
  readonly yoga: Yoga
  readonly frontDoor: FrontDoor
  /** Who may connect; undefined: everybody. */
  readonly keyRing: KeyRing | undefined
  readonly origins: Pick<Origins, 'isAllowed'>
  readonly hosts: Hosts
  readonly connections: Pick<Connections, 'refusalOf'>
  readonly limits: WebSocketLimits
  readonly loadShedding: Pick<LoadShedding, 'sheds'>
  readonly log: Logger
  /** Called with each error that is a bug. */
  readonly onUnexpected: OnUnexpected
}

/** How much a client may send, leave unread and have under way over one connection. */
export type WebSocketLimits = Pick<
  Config,
  'maxWebsocketMessageBytes' | 'maxWebsocketMessagesPerSecond' | 'maxUnreadBytes' | 'maxSubscriptionsPerConnection'
>

export interface GraphQLWebSocket {
  connections(): number
  /** Says goodbye to every client and closes. */
  dispose(): Promise<void>
}

/** GraphQL over WebSocket, the graphql-transport-ws protocol, on the same path as HTTP. */
export function createGraphQLWebSocket(dependencies: WebSocketDependencies): GraphQLWebSocket {
  const {
    http,
    identify,
    schema,
    yoga,
    frontDoor,
    keyRing,
    origins,
    hosts,
    connections,
    limits,
    loadShedding,
    log,
    onUnexpected,
  } = dependencies
  const sockets = new WebSocketServer({
    noServer: true,
    handleProtocols,
    maxPayload: limits.maxWebsocketMessageBytes,
    perMessageDeflate: false,
  })
  const protocol = createWebSocketProtocol({ schema, yoga, frontDoor, keyRing, limits, onUnexpected })
  // Who opens many connections, or begins much over them, does not keep others' auctions waiting.
  const handshakes = createTurnQueue(HANDSHAKES_AT_ONCE)
  const messages = createTurnQueue(MESSAGES_AT_ONCE)

  sockets.on('headers', (headers, request) => headers.push(`${REQUEST_ID_HEADER}: ${requestIdOf(request)}`))
  http.on('upgrade', upgrade)
  return {
    connections: () => sockets.clients.size,
    async dispose() {
      http.off('upgrade', upgrade)
      for (const socket of sockets.clients) socket.close(GOING_AWAY, 'Going away')
      const timer = setTimeout(() => {
        for (const socket of sockets.clients) socket.terminate()
      }, CLOSE_TIMEOUT_MS)
      await new Promise<void>((resolve) => sockets.close(() => resolve()))
      clearTimeout(timer)
    },
  }

  function upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const refusal = connections.refusalOf(request.socket)
    if (!asksForWebSocket(request)) ignoreUpgrade(http, request, socket, head)
    else if (refusal) refuse(socket, '503 Service Unavailable', errorBody(TOO_MANY_CONNECTIONS, refusal))
    else if (request.url?.split('?')[0] !== GRAPHQL_PATH) {
      refuse(socket, '404 Not Found', errorBody('NOT_FOUND', `No WebSockets are here: they are at ${GRAPHQL_PATH}.`))
    } else if (!hosts.isServed(request)) {
      refuse(socket, '421 Misdirected Request', errorBody(MISDIRECTED_REQUEST, misdirected(request)))
    } else if (!origins.isAllowed(request)) {
      refuse(socket, '403 Forbidden', errorBody('FORBIDDEN_ORIGIN', forbiddenOrigin(request.headers.origin)))
    } else {
      socket.on('error', ignore)
      handshakes.run(() => shakeHands(request, socket, head))
    }
  }

  function shakeHands(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.off('error', ignore)
    if (socket.destroyed) return
    identify(request)
    sockets.handleUpgrade(request, socket, head, (client) => open(client, socket, request))
  }

  function refuse(socket: Duplex, status: string, body: string): void {
    // From here on the connection is ours, and one that breaks off is nobody's error.
    socket.on('error', () => socket.destroy())
    const headers = `Connection: close\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}`
    socket.end(`HTTP/1.1 ${status}\r\n${headers}\r\n\r\n${body}`)
  }

  function open(socket: WebSocket, connection: Duplex, request: IncomingMessage): void {
    const origin: Origin = { transport: 'websocket', request }
    const stopPinging = keepAlive(socket)
    const send = createSender(socket, connection, limits.maxUnreadBytes)
    const reading = createReading(socket)
    const countMessage = createMessageRate(reading, limits.maxWebsocketMessagesPerSecond)
    const fastLane = createWebSocketFastLane({ frontDoor, origin, loadShedding, send, close, onUnexpected })
    const line = createMessageLine(socket, reading, messages)
    const extra: ConnectionExtra = { origin, subscriptions: new Set(), latest: new Map(), close }
    const closed = protocol.opened({ protocol: socket.protocol, send, close, onMessage, onPing: pong }, extra)
    socket.on('error', (error) => log.debug({ err: error }, 'WebSocket error'))
    socket.on('ping', () => countMessage(performance.now()))
    socket.once('close', (code, reason) => {
      stopPinging()
      void closed(code, String(reason))
    })

    /** @param toProtocol has graphql-ws take a message */
    function onMessage(toProtocol: (message: string) => Promise<void>): void {
      socket.on('message', (data) => {
        const receivedAt = performance.now()
        countMessage(receivedAt)
        const message = parseJson(String(data))
        if (isServerMessage(message)) return close(CloseCode.BadRequest, 'Invalid message received')
        const isTaken = () => fastLane(message, extra.connection, receivedAt)
        // What waits was sent before it.
        if (!line.isEmpty()) line.wait(() => isTaken() || pass(message))
        else if (!isTaken()) line.wait(() => pass(message))
      })

      function pass(message: unknown): void {
        // It closes the connection where there is no text at all, rather than to ask what is to be answered.
        if (isObject(message) && isObject(message.payload) && frontDoor.persisted.isNamed(message.payload)) {
          message.payload.query = ''
        }
        // It takes a message that was parsed before, though its types know of text alone.
        toProtocol(message as string).catch((error) => {
          onUnexpected(error, extra)
          close(CloseCode.InternalServerError, 'Internal server error')
        })
      }
    }

    function close(code?: number, reason?: string): void {
      socket.close(code, closeReason(reason))
    }

    function pong(payload: unknown): void {
      try {
        void send(JSON.stringify({ type: 'pong', payload }))
      } catch {
        // Nested too deep to be written, though not to be read.
        close(CloseCode.BadRequest, 'Invalid message received')
      }
    }
  }
}

/** Connections that become WebSockets in one turn of the event loop: each takes some tenths of a millisecond. */
const HANDSHAKES_AT_ONCE = 10
/** Messages of all clients beyond those of known queries and mutations, taken in one turn: each takes less than one of those. */
const MESSAGES_AT_ONCE = 20
/** How long clients may take to say goodbye, in milliseconds. */
const CLOSE_TIMEOUT_MS = 1000
const GOING_AWAY = 1001

function ignore(): void {}

/** The value of a JSON text; the text itself where it is none, for graphql-ws to refuse. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

/** Whether a client sends what servers alone may send. */
function isServerMessage(message: unknown): boolean {
  return typeof message === 'object' && message !== null && 'type' in message && SERVER_MESSAGES.has(message.type)
}

const SERVER_MESSAGES = new Set<unknown>(['connection_ack', 'next', 'error'])
