import {
  type DocumentNode,
  type ExecutionResult,
  type GraphQLSchema,
  getOperationAST,
  type OperationTypeNode,
} from 'graphql'
import QuickLRU from 'quick-lru'
import { compileExecution } from './compiled.ts'
import type { GraphQLContext } from './context.ts'
import { executeInTurns } from './in-turns.ts'
import { interpretExecution } from './interpreted.ts'
import { type NestedRule, nestedRulesOf } from './nested-rules.ts'
import { type Cost, costOfOperation, isHeavy } from './query-cost.ts'
import { createResults, type ResultsDependencies } from './results.ts'
import { createSingleMutations } from './single-mutation.ts'
import { createSubscribe } from './subscribe.ts'

/** The operations that were sent before, ready to run, most of them compiled by graphql-jit, and kept by their text. */
export interface Operations {
  /**
   * The operation of a text that `prepare` was given before, and which therefore was parsed and validated by every
   * plugin; undefined where there is none.
   */
  find(query: string, operationName: string | null | undefined): Operation | undefined
  /** The operation of a validated document; undefined where it has none of the name, or several and no name is given. */
  prepare(document: DocumentNode, operationName: string | null | undefined): Operation | undefined
}

/** What can be executed. Every error in its results is one that the caller may see. */
export interface Operation {
  readonly document: DocumentNode
  readonly type: OperationTypeNode
  readonly name: string | undefined
  /** The most it may come to, whatever its variables. */
  readonly cost: Cost
  /** Of the fields below its root: whoever may not have one is refused before the root's are executed. */
  readonly nestedRules: readonly NestedRule[]
  /** Executes a query or mutation. Never throws, never rejects. */
  run(context: GraphQLContext, variables: Variables): ExecutionResult | Promise<ExecutionResult>
  /** Starts a subscription; a result instead of a stream says why it could not start. */
  subscribe(context: GraphQLContext, variables: Variables): Promise<ResultStream | ExecutionResult>
}

/** Executes an operation, over a subscription's event as root value. Never throws, never rejects. */
export type Execution = (
  context: GraphQLContext,
  variables: Variables,
  rootValue?: unknown,
) => ExecutionResult | Promise<ExecutionResult>

export type Variables = { readonly [name: string]: unknown } | null | undefined

export type ResultStream = AsyncGenerator<ExecutionResult, void, void>

export interface OperationsDependencies extends ResultsDependencies {
  readonly schema: GraphQLSchema
  /** Texts that are to be kept at least, as they are known before. */
  readonly knownTexts?: number
}

export function createOperations({ schema, knownTexts = 0, ...dependencies }: OperationsDependencies): Operations {
  const cache = new QuickLRU<string, Map<string, Operation>>({ maxSize: Math.max(MAX_DOCUMENTS, knownTexts) })
  const results = createResults(dependencies)
  const compilableOf = createSingleMutations(schema)

  return {
    // An empty name is none that an operation can have; without a name they are kept under it.
    find: (query, operationName) => (operationName === '' ? undefined : cache.get(query)?.get(operationName ?? '')),
    prepare(document, operationName) {
      const text = document.loc?.source.body
      if (operationName === '' || text === undefined || text.length > MAX_CACHED_CHARACTERS) {
        return create(document, operationName)
      }
      const name = operationName ?? ''
      const known = cache.get(text)
      const operation = known?.get(name) ?? create(document, operationName)
      if (!operation) return undefined
      if (!known) cache.set(text, new Map([[name, operation]]))
      else if (known.size < MAX_OPERATIONS_OF_TEXT) known.set(name, operation)
      return operation
    },
  }

  function create(document: DocumentNode, operationName: string | null | undefined): Operation | undefined {
    const definition = getOperationAST(document, operationName)
    if (!definition) return undefined
    const parts = { schema, document, definition, results }
    const cost = costOfOperation(schema, document, definition)
    const interpreted = interpretExecution(parts)
    // To compile a large text takes some ten milliseconds at once, which a heavy operation does not win back.
    const run =
      isHeavy(cost) && definition.operation !== 'subscription'
        ? executeInTurns(interpreted, results)
        : (compileExecution({ ...parts, interpreted, compilable: compilableOf(document, definition) }) ?? interpreted)
    return {
      document,
      type: definition.operation,
      name: definition.name?.value,
      cost,
      nestedRules: nestedRulesOf(schema, document, definition),
      run,
      subscribe: createSubscribe({ ...parts, run }),
    }
  }
}

/** Texts kept; up to twice as many are held. */
const MAX_DOCUMENTS = 500
/** Longer texts are compiled each time. */
const MAX_CACHED_CHARACTERS = 20_000
/** Operations of one text that are kept. */
const MAX_OPERATIONS_OF_TEXT = 10
