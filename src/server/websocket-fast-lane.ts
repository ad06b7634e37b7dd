import type { ExecutionResult } from 'graphql'
import { CloseCode, type Context } from 'graphql-ws'
import type { GraphQLContext, Origin } from '../graphql/context.ts'
import { hasParameters } from '../graphql/parameters.ts'
import { isObject } from '../is-object.ts'
import type { FrontDoor } from './front-door.ts'
import { encodeResult, UNEXPECTED_BODY } from './json-response.ts'
import { type LoadShedding, SHED } from './load-shedding.ts'

/**
 * Takes one message of a client's; returns false, having done nothing, for those that graphql-ws is to take.
 * @param connection what graphql-ws knows of the client, once that has introduced itself
 * @param receivedAt when the message was here, by `performance.now()`
 */
export type WebSocketFastLane = (message: unknown, connection: Connection | undefined, receivedAt: number) => boolean

export type Connection = Readonly<Pick<Context, 'acknowledged' | 'subscriptions'>>

export interface WebSocketFastLaneDependencies {
  readonly frontDoor: FrontDoor
  readonly origin: Origin
  readonly loadShedding: Pick<LoadShedding, 'sheds'>
  readonly send: (data: string) => Promise<void> | void
  readonly close: (code: number, reason: string) => void
  /** Called with each error that is a bug. */
  readonly onUnexpected: (error: unknown) => void
}

/**
 * Answers one client's queries and mutations of known texts with the messages that graphql-ws would send. An operation
 * belongs to whoever took it, from its `subscribe` to its end: graphql-ws never hears of the ids that are under way here,
 * so their second `subscribe` and their `complete` are taken here too. An id that graphql-ws has is left to it, and all
 * that is wrong. What is one too many is refused here, of whatever kind it is.
 */
export function createWebSocketFastLane(dependencies: WebSocketFastLaneDependencies): WebSocketFastLane {
  const { frontDoor, origin, loadShedding, send, close, onUnexpected } = dependencies
  /** What is to be answered under each id. */
  const underWay = new Map<string, Promise<ExecutionResult>>()

  return (message, connection, receivedAt) => {
    if (!isObject(message)) return false
    const { id, type } = message
    if (typeof id !== 'string') return false
    if (type === 'complete') return underWay.delete(id)
    if (type !== 'subscribe' || id === '' || !connection?.acknowledged) return false
    const payload = frontDoor.persisted.resolve(message.payload)
    if (!hasParameters(payload)) return false
    if (underWay.has(id)) {
      close(CloseCode.SubscriberAlreadyExists, `Subscriber for ${id} already exists`)
      return true
    }
    if (id in connection.subscriptions) return false
    if (loadShedding.sheds()) {
      sendResult(id, SHED)
      return true
    }
    const operation = frontDoor.find(payload.query, payload.operationName)
    if (!operation || operation.type === 'subscription') return false

    const context = frontDoor.createContext(origin, receivedAt, id)
    const result = frontDoor.run(operation, context, payload.variables)
    if (result instanceof Promise) answerLater(id, result, context)
    else answer(id, result, context)
    return true
  }

  /** An id that its client completes is free at once: its result is not told, nor taken for that of its next operation. */
  function answerLater(id: string, result: Promise<ExecutionResult>, context: GraphQLContext): void {
    underWay.set(id, result)
    void result.then((settled) => {
      if (underWay.get(id) !== result) return
      underWay.delete(id)
      answer(id, settled, context)
    })
  }

  function answer(id: string, result: ExecutionResult, context: GraphQLContext): void {
    sendResult(id, result)
    if (result.errors) frontDoor.told(result.errors)
    frontDoor.answered(context)
  }

  function sendResult(id: string, result: ExecutionResult): void {
    const quotedId = JSON.stringify(id)
    const payload = encodeResult(result, onUnexpected) ?? UNEXPECTED_BODY
    void send(`{"id":${quotedId},"type":"next","payload":${payload}}`)
    void send(`{"id":${quotedId},"type":"complete"}`)
  }
}
