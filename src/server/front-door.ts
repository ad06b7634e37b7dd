import type { ExecutionArgs, ExecutionResult, GraphQLError } from 'graphql'
import type { KeyRing } from '../access/key-ring.ts'
import { standingRefusalOf } from '../access/rules.ts'
import type { Caller } from '../access/types.ts'
import type { OnUnexpected } from '../asker.ts'
import type { GraphQLContext, Origin, Services } from '../graphql/context.ts'
import { forbidden, operationUnknown, toClientError, unauthenticated } from '../graphql/errors.ts'
import type { Operation, Operations, ResultStream, Variables } from '../graphql/operations.ts'
import type { PersistedOperations } from '../graphql/persisted-operations.ts'
import type { Admission, Ticket } from './admission.ts'
import { endedBy, isStream, onDisconnected } from './result-streams.ts'
import type { SubscriptionPlaces } from './subscription-places.ts'
import { createTurns } from './turns.ts'

/**
 * The one stage between the transports and the operations: it makes an operation's context of what arrived, has it
 * admitted and executes it. A transport turns what came into a text, variables and an origin, and the result into its
 * own bytes; nothing but this stage calls an operation.
 */
export interface FrontDoor {
  /** What a request's parameters stand for; to be asked before `find`. */
  readonly persisted: PersistedOperations
  /** The operation of a text that was parsed and validated before; undefined where Yoga must do that first. */
  find(query: string, operationName: string | null | undefined): Operation | undefined
  /** Executes a query or mutation. Every error in the result is one that the caller may see. Never throws, never rejects. */
  run(operation: Operation, context: GraphQLContext, variables: Variables): ExecutionResult | Promise<ExecutionResult>
  /** To be called when the answer was handed to the socket. */
  readonly answered: (context: GraphQLContext) => void
  /** To be called with the errors of each result that a caller is told, executed or not. */
  readonly told: (errors: readonly GraphQLError[]) => void

  /**
   * Waits until a text that is not known may be parsed and validated: one in each turn of the event loop.
   * @throws GraphQLError OVERLOADED where too many wait
   */
  turnToRead(): Promise<void>
  /**
   * An operation's context.
   * @param receivedAt when its request was here to its last byte, by `performance.now()`
   * @param operationId under which a WebSocket's client asks
   */
  createContext(origin: Origin, receivedAt?: number, operationId?: string): GraphQLContext
  /** Executes a validated query or mutation for Yoga and graphql-ws, which have then been answered. */
  execute(args: ExecutionArgs): ExecutionResult | Promise<ExecutionResult>
  /** Starts a validated subscription for them; a result instead of a stream says why it could not start. */
  subscribe(args: ExecutionArgs): Promise<ResultStream | ExecutionResult>
}

export interface FrontDoorDependencies {
  readonly operations: Operations
  readonly persisted: PersistedOperations
  readonly services: Services
  /** Who may call; undefined: everybody. */
  readonly keyRing: KeyRing | undefined
  readonly admission: Admission
  readonly subscriptionPlaces: SubscriptionPlaces
  /** Called with the context of each operation that has been answered. */
  readonly onAnswered: (context: GraphQLContext) => void
  /** Called with errors that a caller is told. */
  readonly onTold?: (errors: readonly GraphQLError[]) => void
  /** Called with each error that is a bug. */
  readonly onUnexpected: OnUnexpected
}

export function createFrontDoor(dependencies: FrontDoorDependencies): FrontDoor {
  const {
    operations,
    persisted,
    services,
    keyRing,
    admission,
    subscriptionPlaces,
    onAnswered,
    onTold = () => {},
    onUnexpected,
  } = dependencies
  return {
    persisted,
    find: operations.find,
    run: runAdmitted,
    answered: onAnswered,
    told: onTold,
    turnToRead: createTurns(),
    createContext,
    execute({ document, operationName, contextValue, variableValues }) {
      const operation = operations.prepare(document, operationName)
      if (!operation) return unknown()
      const context = contextValue as GraphQLContext
      const result = runAdmitted(operation, context, variableValues)
      if (result instanceof Promise) void result.then(() => onAnswered(context))
      else onAnswered(context)
      return result
    },
    async subscribe({ document, operationName, contextValue, variableValues }) {
      const operation = operations.prepare(document, operationName)
      if (!operation) return unknown()
      const context = contextValue as GraphQLContext
      return withTicket(admit(context, operation), context, async () => {
        const started = await subscriptionPlaces.hold(context.origin, () =>
          operation.subscribe(context, variableValues),
        )
        return isStream(started) ? whileHeard(started, context) : started
      })
    },
  }

  function createContext(origin: Origin, receivedAt = performance.now(), operationId?: string): GraphQLContext {
    const caller = keyRing === undefined ? undefined : callerOf(keyRing, origin)
    return { services, origin, caller, operationId, receivedAt, biddersMs: undefined }
  }

  function runAdmitted(operation: Operation, context: GraphQLContext, variables: Variables) {
    const ticket = admit(context, operation)
    return ticket === undefined
      ? operation.run(context, variables)
      : runWithTicket(ticket, operation, context, variables)
  }

  /** Apart, since a function that makes a closure pays for it each time: without a ticket there is none, and no promise. */
  function runWithTicket(
    ticket: NonNullable<Ticket> | Promise<Ticket>,
    operation: Operation,
    context: GraphQLContext,
    variables: Variables,
  ): Promise<ExecutionResult> {
    return withTicket(ticket, context, () => operation.run(context, variables))
  }

  function admit(context: GraphQLContext, operation: Operation): Ticket | Promise<Ticket> {
    try {
      // Where keys are asked for, an operation without a caller is refused, whatever a transport forgot.
      if (keyRing !== undefined && (context.caller === undefined || context.caller.isRevoked)) throw unauthenticated()
      if (context.caller !== undefined) refuseNested(operation, context.caller)
      return admission(context, operation)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  async function withTicket<T>(
    ticket: Ticket | Promise<Ticket>,
    context: GraphQLContext,
    start: () => T | Promise<T>,
  ): Promise<T | ExecutionResult> {
    let release: Ticket
    try {
      release = await ticket
      return await start()
    } catch (error) {
      return refusal(error, context)
    } finally {
      release?.()
    }
  }

  function unknown(): ExecutionResult {
    return refusal(operationUnknown())
  }

  function refusal(error: unknown, context?: GraphQLContext): ExecutionResult {
    return { errors: [toClientError(error, (bug) => onUnexpected(bug, context))] }
  }
}

/**
 * A field below the root is refused with the whole operation, before an auction was held and counted whose answer is lost.
 * @throws GraphQLError FORBIDDEN
 */
function refuseNested({ nestedRules }: Operation, caller: Caller): void {
  for (const [field, rule] of nestedRules) {
    const refusal = standingRefusalOf(field, rule, caller)
    if (refusal !== undefined) throw forbidden(refusal)
  }
}

/** A WebSocket's client says who it is once, when it introduces itself; over HTTP each request does. */
function callerOf(keyRing: KeyRing, { caller, request }: Origin): Caller | undefined {
  return caller ?? keyRing.callerOf(request.headers.authorization)
}

/**
 * Ends a subscription when its key does not hold any more, or its connection is over: a client that leaves while one begins,
 * or takes the id of one that begins for another, has it forgotten by the libraries that read it.
 */
function whileHeard(stream: ResultStream, { caller, origin: { request } }: GraphQLContext): ResultStream {
  return endedBy(stream, [(end) => caller?.onRevoked(end) ?? (() => {}), (end) => onDisconnected(request.socket, end)])
}
