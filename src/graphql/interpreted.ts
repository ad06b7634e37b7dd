import {
  type DocumentNode,
  type ExecutionResult,
  execute,
  GraphQLError,
  type GraphQLSchema,
  type OperationDefinitionNode,
} from 'graphql'
import type { GraphQLContext } from './context.ts'
import { badUserInput } from './errors.ts'
import type { Execution } from './operations.ts'
import type { Results } from './results.ts'

/** What an operation is made of. */
export interface OperationParts {
  readonly schema: GraphQLSchema
  readonly document: DocumentNode
  readonly definition: OperationDefinitionNode
  readonly results: Results
}

/** An operation as graphql-js executes it. */
export function interpretExecution({ schema, document, definition, results }: OperationParts): Execution {
  const operationName = definition.name?.value
  return (contextValue, variableValues, rootValue) => {
    try {
      const result = execute({ schema, document, operationName, contextValue, variableValues, rootValue })
      if (result instanceof Promise) {
        return result.then(
          (settled) => finish(settled, contextValue),
          (error) => results.fail(error, contextValue),
        )
      }
      // Without data nothing was executed: the variables were refused.
      return 'data' in result
        ? finish(result, contextValue)
        : results.refuseVariables(result.errors ?? [], contextValue)
    } catch (error) {
      return results.fail(error, contextValue)
    }
  }

  function finish(result: ExecutionResult, context: GraphQLContext): ExecutionResult {
    return results.finish(result.errors ? { ...result, errors: result.errors.map(toInputError) } : result, context)
  }
}

/**
 * What graphql-js says of an argument that it cannot take: an error of its own, at the argument's value. Of a validated
 * document only variables can be at fault then, by a null where their default made them fit.
 */
export function toInputError(error: GraphQLError): GraphQLError {
  const cause = error.originalError ?? error
  if (!(cause instanceof GraphQLError) || cause.extensions.code !== undefined || !cause.nodes) return error
  const { extensions } = badUserInput(cause.message)
  return new GraphQLError(cause.message, { nodes: cause.nodes, path: error.path ?? null, extensions })
}
