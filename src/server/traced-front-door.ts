import type { Attributes, Span } from '@opentelemetry/api'
import { type ExecutionArgs, type ExecutionResult, getOperationAST } from 'graphql'
import type { GraphQLContext } from '../graphql/context.ts'
import type { ErrorHttp } from '../graphql/errors.ts'
import type { ResultStream } from '../graphql/operations.ts'
import { markFailed, type Traces } from '../telemetry/traces.ts'
import type { FrontDoor } from './front-door.ts'

/**
 * A front door that makes a span of each operation of every transport; of a subscription, of its beginning. It says the
 * operation's type and name and how it ended, nothing of its text or variables.
 */
export function traceFrontDoor(frontDoor: FrontDoor, traces: Traces): FrontDoor {
  return {
    ...frontDoor,
    run(operation, context, variables) {
      const span = start(context, operation.type, operation.name)
      return ending(span, frontDoor.run(operation, context, variables))
    },
    execute(args) {
      return ending(startOf(args), frontDoor.execute(args))
    },
    subscribe(args) {
      return ending(startOf(args), frontDoor.subscribe(args))
    },
  }

  function startOf({ document, operationName, contextValue }: ExecutionArgs): Span {
    const definition = getOperationAST(document, operationName)
    return start(contextValue as GraphQLContext, definition?.operation, definition?.name?.value)
  }

  function start(context: GraphQLContext, type = 'unknown', name?: string): Span {
    const shortName = name?.slice(0, NAME_LENGTH_MAX)
    const attributes: Attributes = { 'graphql.operation.type': type }
    if (shortName !== undefined) attributes['graphql.operation.name'] = shortName
    if (context.operationId !== undefined) attributes['graphql.operation.id'] = context.operationId
    // Over a WebSocket nothing is above it.
    const kind = context.origin.transport === 'websocket' ? 'SERVER' : 'INTERNAL'
    context.span = traces.start(shortName === undefined ? type : `${type} ${shortName}`, kind, context, attributes)
    return context.span
  }
}

type Answer = ExecutionResult | ResultStream

function ending<T extends Answer | Promise<Answer>>(span: Span, answer: T): T {
  if (!span.isRecording()) return answer
  if (answer instanceof Promise) {
    answer.then(
      (settled) => end(span, settled),
      () => span.end(),
    )
  } else {
    end(span, answer as Answer)
  }
  return answer
}

function end(span: Span, answer: Answer): void {
  const [error] = 'errors' in answer ? (answer.errors ?? []) : []
  if (error !== undefined) {
    const { code, http } = error.extensions as { code?: unknown; http?: ErrorHttp }
    span.setAttribute('error.type', String(code))
    if ((http?.status ?? 0) >= 500) markFailed(span)
  }
  span.end()
}

/** Clients choose names. */
const NAME_LENGTH_MAX = 100
