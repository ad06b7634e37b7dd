import { type DocumentNode, execute, type GraphQLSchema, type OperationDefinitionNode } from 'graphql'
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
      if (result instanceof Promise)
        return result.then((settled) => results.finish(settled, contextValue), results.fail)
      // Without data nothing was executed: the variables were refused.
      return 'data' in result
        ? results.finish(result, contextValue)
        : results.refuseVariables(result.errors ?? [], contextValue)
    } catch (error) {
      return results.fail(error)
    }
  }
}
