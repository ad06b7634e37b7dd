import { type ExecutionArgs, type ExecutionResult, GraphQLError, type GraphQLSchema, getOperationAST } from 'graphql'
import { type Context, makeServer, type Server, type SubscribePayload } from 'graphql-ws'
import type { KeyRing } from '../access/key-ring.ts'
import type { Asker, OnUnexpected } from '../asker.ts'
import type { Config } from '../config.ts'
import type { Origin } from '../graphql/context.ts'
import { operationUnknown, toClientError, tooManySubscriptions, unauthenticated } from '../graphql/errors.ts'
import type { ResultStream } from '../graphql/operations.ts'
import type { FrontDoor } from './front-door.ts'
import { formatError, formatResult } from './json-response.ts'
import { isStream } from './result-streams.ts'
import { createSharedJson } from './shared-json.ts'
import { introduceCaller } from './websocket-caller.ts'
import type { Yoga } from './yoga.ts'

/** What graphql-ws knows of a client, once that has introduced itself. */
export type Connection = Context<Record<string, unknown>, ConnectionExtra>

/** What we know of a client. */
export interface ConnectionExtra {
  readonly origin: Origin
  /** Set when the client has introduced itself. */
  connection?: Connection
  /** The ids of the subscriptions under way. */
  readonly subscriptions: Set<string>
  /** What was asked last under each id that is under way: its payload, the one object that every hook is given. */
  readonly latest: Map<string, unknown>
  readonly close: (code: number, reason: string) => void
  /** To be called when the connection is over, where it has a caller. */
  forgetCaller?: () => void
}

export interface WebSocketProtocolDependencies {
  readonly schema: GraphQLSchema
  readonly yoga: Yoga
  readonly frontDoor: FrontDoor
  /** Who may connect; undefined: everybody. */
  readonly keyRing: KeyRing | undefined
  readonly limits: Pick<Config, 'maxSubscriptionsPerConnection'>
  /** Called with each error that is a bug. */
  readonly onUnexpected: OnUnexpected
}

/** The graphql-transport-ws protocol as graphql-ws does it, its operations parsed and validated by Yoga's rules. */
export function createWebSocketProtocol({
  schema,
  yoga,
  frontDoor,
  keyRing,
  limits,
  onUnexpected,
}: WebSocketProtocolDependencies): Server<ConnectionExtra> {
  const sharedJson = createSharedJson()
  const server = makeServer<Record<string, unknown>, ConnectionExtra>({
    onConnect: (connection) => {
      if (keyRing !== undefined && !introduceCaller(keyRing, connection)) {
        frontDoor.told([unauthenticated()])
        return false
      }
      connection.extra.connection = connection
      return true
    },
    onClose: ({ extra }) => extra.forgetCaller?.(),
    execute: frontDoor.execute,
    subscribe: frontDoor.subscribe,
    onSubscribe: async (connection, id, payload) => {
      const { extra } = connection
      extra.latest.set(id, payload)
      const args = await admit(connection, id, payload)
      if (isReplaced(extra, id, payload)) return never()
      if (!('document' in args)) extra.latest.delete(id)
      return args
    },
    onOperation: ({ extra }, id, payload, _args, result) => {
      if (!isReplaced(extra, id, payload)) return
      if (isStream(result as ResultStream | ExecutionResult)) void (result as ResultStream).return(undefined)
      return never()
    },
    onComplete: ({ extra }, id, payload) => {
      if (isReplaced(extra, id, payload)) return never()
      extra.latest.delete(id)
      extra.subscriptions.delete(id)
    },
    onNext: (_connection, _id, _payload, _args, next) => {
      const result = next as ExecutionResult
      if (result.errors) frontDoor.told(result.errors)
      return result.errors ? formatResult(result) : sharedJson.standIn(result)
    },
    onError: (_connection, _id, _payload, errors) => {
      frontDoor.told(errors)
      return errors.map(formatError)
    },
  })
  return {
    opened: (socket, extra) =>
      server.opened({ ...socket, send: (message) => socket.send(sharedJson.complete(message)) }, extra),
  }

  async function admit(
    connection: Connection,
    id: string,
    payload: SubscribePayload,
  ): Promise<ExecutionArgs | readonly GraphQLError[]> {
    const resolved = frontDoor.persisted.resolve(payload)
    if (resolved instanceof GraphQLError) return [resolved]
    const args = await toExecutionArgs(resolved as SubscribePayload, connection.extra.origin, id)
    return 'document' in args && isSubscription(args) && !isReplaced(connection.extra, id, payload)
      ? limitSubscriptions(connection, id, args, limits.maxSubscriptionsPerConnection)
      : args
  }

  /** Takes an operation that is known already, or parses and validates it. */
  async function toExecutionArgs(
    payload: SubscribePayload,
    origin: Origin,
    id: string,
  ): Promise<ExecutionArgs | readonly GraphQLError[]> {
    const { query, operationName, variables } = payload
    const contextValue = frontDoor.createContext(origin, undefined, id)
    const args = { schema, operationName: operationName ?? null, variableValues: variables ?? null, contextValue }
    const known = frontDoor.find(query, operationName)
    if (known) return { ...args, document: known.document }
    const enveloped = yoga.getEnveloped({ ...contextValue })
    try {
      const document = enveloped.parse(query)
      if (!getOperationAST(document, operationName)) return [operationUnknown()]
      const errors = await enveloped.validate(enveloped.schema, document)
      return errors.length > 0
        ? errors.map((error: GraphQLError) => toClient(error, contextValue))
        : { ...args, document }
    } catch (error) {
      return [toClient(error, contextValue)]
    }
  }

  function toClient(error: unknown, asker: Asker): GraphQLError {
    return toClientError(error, (bug) => onUnexpected(bug, asker))
  }
}

/**
 * Whether a client has completed an operation and given its id to another. graphql-ws knows operations by their ids alone,
 * so at the end of the one it would end and forget the other, which would then be counted nowhere. So the one has no end
 * there: what graphql-ws awaits for it never comes.
 */
function isReplaced({ latest }: ConnectionExtra, id: string, payload: unknown): boolean {
  return latest.has(id) && latest.get(id) !== payload
}

/** Nothing refers to it but what waits for it, and both are collected as garbage. */
function never(): Promise<never> {
  return new Promise(() => {})
}

function isSubscription({ document, operationName }: ExecutionArgs): boolean {
  return getOperationAST(document, operationName)?.operation === 'subscription'
}

/** Lets a subscription begin where its connection has fewer than it may. */
function limitSubscriptions(
  { extra, subscriptions }: Connection,
  id: string,
  args: ExecutionArgs,
  max: number,
): ExecutionArgs | readonly GraphQLError[] {
  if (extra.subscriptions.size >= max) {
    // One that its client has just completed may still be ending.
    for (const other of extra.subscriptions) if (!(other in subscriptions)) extra.subscriptions.delete(other)
  }
  if (extra.subscriptions.size >= max) return [tooManySubscriptions(max)]
  extra.subscriptions.add(id)
  return args
}
