import type { ExecutionResult } from 'graphql'
import type { Context } from 'graphql-ws'
import type { Origin } from '../graphql/context.ts'
import type { Operation } from '../graphql/operations.ts'
import { hasParameters, isObject, type Parameters } from '../graphql/parameters.ts'
import type { FrontDoor } from './front-door.ts'
import { encodeResult, UNEXPECTED_BODY } from './json-response.ts'

/** What graphql-ws knows of one connection, once that was acknowledged. */
export type Connection = Context<Record<string, unknown>, ConnectionExtra>

export interface ConnectionExtra {
  readonly origin: Origin
  /** Set when the client has introduced itself. */
  connection?: Connection
  /** The ids of the subscriptions under way. */
  readonly subscriptions: Set<string>
  /** Answers a ping with its payload. */
  readonly pong: (payload: unknown) => void
}

export interface WebSocketFastLaneDependencies {
  readonly frontDoor: FrontDoor
  readonly origin: Origin
  readonly send: (data: string) => Promise<void> | void
  /** Called with each error that is a bug. */
  readonly onUnexpected: (error: unknown) => void
}

/**
 * Answers one client's queries and mutations that are known already, with the messages that graphql-ws would send.
 * Returns false, having done nothing, for every other message: graphql-ws takes those, and all that is wrong.
 */
export function createWebSocketFastLane(
  dependencies: WebSocketFastLaneDependencies,
): (message: unknown, connection: Connection | undefined) => boolean {
  const { frontDoor, origin, send, onUnexpected } = dependencies
  return (message, connection) => {
    if (!isObject(message)) return false
    const { id, type, payload } = message
    if (type !== 'subscribe' || typeof id !== 'string' || id === '' || !connection?.acknowledged) return false
    if (id in connection.subscriptions || !hasParameters(payload)) return false
    const operation = frontDoor.find(payload.query, payload.operationName)
    if (!operation || operation.type === 'subscription') return false
    execute(id, operation, payload, connection)
    return true
  }

  function execute(id: string, operation: Operation, { variables }: Parameters, { subscriptions }: Connection): void {
    const result = frontDoor.run(operation, origin, variables)
    if (!(result instanceof Promise)) {
      answer(id, result)
      return
    }
    // Where graphql-ws keeps what is under way, so that it sees an id taken, and takes out one that its client completes.
    const underWay: AsyncIterable<unknown> = { [Symbol.asyncIterator]: () => NOTHING }
    subscriptions[id] = underWay
    void result.then((settled) => {
      if (subscriptions[id] !== underWay) return
      delete subscriptions[id]
      answer(id, settled)
    })
  }

  function answer(id: string, result: ExecutionResult): void {
    const quotedId = JSON.stringify(id)
    const payload = encodeResult(result, onUnexpected) ?? UNEXPECTED_BODY
    void send(`{"id":${quotedId},"type":"next","payload":${payload}}`)
    void send(`{"id":${quotedId},"type":"complete"}`)
  }
}

const NOTHING: AsyncIterator<unknown> = { next: () => Promise.resolve({ done: true, value: undefined }) }
