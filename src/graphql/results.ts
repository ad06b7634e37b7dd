import { type ExecutionResult, GraphQLError } from 'graphql'
import type { OnUnexpected } from '../asker.ts'
import type { Config } from '../config.ts'
import type { GraphQLContext } from './context.ts'
import { toClientError } from './errors.ts'
import { withoutSuggestion } from './introspection.ts'

export interface ResultsDependencies {
  /** Whether callers may be told names of the schema that they have not used. */
  readonly introspection: Config['introspection']
  /** Called with each error that is a bug. */
  readonly onUnexpected: OnUnexpected
}

/** Makes of what an executor gave what the caller is told. */
export interface Results {
  finish(result: ExecutionResult, context: GraphQLContext): ExecutionResult
  /** The result where the variables are not what the operation's types allow. */
  refuseVariables(errors: readonly GraphQLError[], context: GraphQLContext): ExecutionResult
  /** The result of a bug, which must not end the process, as it would where the HTTP server is the caller. */
  fail(error: unknown, context: GraphQLContext): ExecutionResult
}

export function createResults({ onUnexpected, introspection }: ResultsDependencies): Results {
  return {
    finish,
    refuseVariables: (errors, context) => finish({ errors: errors.map(variableError) }, context),
    fail: (error, context) => ({ errors: [toClientError(error, (bug) => onUnexpected(bug, context))] }),
  }

  function finish(result: ExecutionResult, context: GraphQLContext): ExecutionResult {
    const { extensions } = context
    if (!result.errors && !extensions) return result
    const finished: { -readonly [Key in keyof ExecutionResult]: ExecutionResult[Key] } = {}
    if (result.errors) {
      const errors = result.errors.map((error) => toExecutionError(error, context))
      finished.errors = hasValue(result.data) ? errors.map(withoutRequestStatus) : errors
    }
    if ('data' in result) finished.data = result.data ?? null
    if (extensions) finished.extensions = extensions
    return finished
  }

  function variableError({ message, nodes, extensions }: GraphQLError): GraphQLError {
    return new GraphQLError(introspection === 'on' ? message : withoutSuggestion(message), {
      nodes: nodes ?? null,
      extensions: { ...extensions, code: 'BAD_USER_INPUT', http: { spec: true, status: 400 } },
    })
  }

  function toExecutionError(error: GraphQLError, context: GraphQLContext): GraphQLError {
    // An error that no resolver threw is a value that does not fit the schema: a bug.
    const isBug = !error.originalError && error.extensions?.code === undefined && error.path !== undefined
    return toClientError(isBug ? new Error(error.message) : error, (bug) => onUnexpected(bug, context))
  }
}

function hasValue(data: ExecutionResult['data']): boolean {
  return data !== null && data !== undefined && Object.values(data).some((value) => value !== null)
}

/** What a document's other fields have got is answered with 200: a status is for a request that got nothing. */
function withoutRequestStatus(error: GraphQLError): GraphQLError {
  const { http, ...extensions } = error.extensions
  if (http === undefined || !OF_ONE_FIELD.has(extensions.code)) return error
  return new GraphQLError(error.message, {
    nodes: error.nodes ?? null,
    source: error.source ?? null,
    positions: error.positions ?? null,
    path: error.path ?? null,
    extensions,
  })
}

/** The codes of what one field's input, or the moment, was refused for. */
const OF_ONE_FIELD: ReadonlySet<unknown> = new Set([
  'RATE_LIMITED',
  'FORBIDDEN',
  'BAD_USER_INPUT',
  'RANGE_TOO_LARGE',
  'IDEMPOTENCY_KEY_REUSED',
  'IDEMPOTENCY_UNAVAILABLE',
])
