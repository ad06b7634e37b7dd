import { createSourceEventStream, type ExecutionResult, type VariableDefinitionNode } from 'graphql'
import { type OperationParts, toInputError } from './interpreted.ts'
import type { Execution, Operation, ResultStream, Variables } from './operations.ts'

/**
 * Makes the function that starts a subscription and executes it over its events. An event that many subscribers are told
 * of is executed once for all whose declared variables are equal.
 */
export function createSubscribe({
  schema,
  document,
  definition,
  results,
  run,
}: OperationParts & { readonly run: Execution }): Operation['subscribe'] {
  const operationName = definition.name?.value
  const definitions = definition.variableDefinitions ?? []
  /** Results by event and variables; an event that is no longer the newest takes its results with it. */
  const shared = new WeakMap<object, Map<string, ReturnType<Execution>>>()

  return async (context, variables) => {
    const stream = await createSourceEventStream({
      schema,
      document,
      operationName,
      contextValue: context,
      variableValues: variables,
    })
    if (Symbol.asyncIterator in stream) {
      const key = variablesKey(definitions, variables)
      return mapEvents(stream[Symbol.asyncIterator](), (event) => {
        if (key === undefined || typeof event !== 'object' || event === null) return run(context, variables, event)
        const ofEvent = shared.get(event) ?? new Map<string, ReturnType<Execution>>()
        shared.set(event, ofEvent)
        const result = ofEvent.get(key) ?? run(context, variables, event)
        if (ofEvent.size < MAX_SHARED_RESULTS) ofEvent.set(key, result)
        return result
      })
    }
    // An error without a path is one of the variables.
    const errors = stream.errors ?? []
    return errors.every(({ path }) => !path)
      ? results.refuseVariables(errors, context)
      : results.finish({ errors: errors.map(toInputError) }, context)
  }
}

/** Says which variables are equal, of those that the operation declares; undefined where that cannot be said. */
function variablesKey(definitions: readonly VariableDefinitionNode[], variables: Variables): string | undefined {
  try {
    // Null is not the same as left out, where there is a default.
    return JSON.stringify(
      definitions.map(({ variable: { name } }) =>
        variables?.[name.value] === undefined ? [] : [variables[name.value]],
      ),
    )
  } catch {
    // Nested too deeply for JSON.stringify; too deeply for a type as well, as will be seen.
    return undefined
  }
}

/** Maps a stream of events to results, one at a time; ending it ends the stream of events. */
function mapEvents(
  events: AsyncIterator<unknown>,
  toResult: (event: unknown) => ExecutionResult | Promise<ExecutionResult>,
): ResultStream {
  async function end(): Promise<IteratorReturnResult<undefined>> {
    await events.return?.()
    return { done: true, value: undefined }
  }
  const results: Omit<ResultStream, typeof Symbol.asyncDispose> = {
    async next() {
      const { done, value } = await events.next()
      return done ? { done: true, value: undefined } : { done: false, value: await toResult(value) }
    },
    return: end,
    async throw(error) {
      await end()
      throw error
    },
    [Symbol.asyncIterator]() {
      return results as ResultStream
    },
  }
  return results as ResultStream
}

/** Kinds of variables for which an event's results are shared. */
const MAX_SHARED_RESULTS = 100
