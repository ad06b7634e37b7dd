import {
  createSourceEventStream,
  type DocumentNode,
  type ExecutionArgs,
  type ExecutionResult,
  execute as executeInterpreted,
  GraphQLError,
  type GraphQLSchema,
  getOperationAST,
  getVariableValues,
  type OperationDefinitionNode,
  type VariableDefinitionNode,
  visit,
} from 'graphql'
import { compileQuery, isCompiledQuery } from 'graphql-jit'
import { createBoundedCache } from './bounded-cache.ts'
import type { GraphQLContext } from './context.ts'
import { toClientError } from './errors.ts'
import { compileVariableDefaults } from './variable-defaults.ts'

/** Executes operations for every transport, compiled by graphql-jit and kept by their text. */
export interface Operations {
  /**
   * The compiled operation of a text that `execute` or `subscribe` was given before, and which therefore was parsed and
   * validated by every plugin; undefined where there is none.
   */
  find(query: string, operationName: string | null | undefined): CompiledOperation | undefined
  /** Executes a validated query or mutation. Every error in the result is one that the caller may see. */
  execute(args: ExecutionArgs): ExecutionResult | Promise<ExecutionResult>
  /** Starts a validated subscription; a result instead of a stream says why it could not start. */
  subscribe(args: ExecutionArgs): Promise<AsyncGenerator<ExecutionResult, void, void> | ExecutionResult>
}

export interface CompiledOperation {
  readonly document: DocumentNode
  readonly type: OperationDefinitionNode['operation']
  /** Executes it, over a subscription's event as root value. Never throws, never rejects. */
  run(context: GraphQLContext, variables: Variables, rootValue?: unknown): ExecutionResult | Promise<ExecutionResult>
  /**
   * Makes the function that executes a subscription over its events. An event that many subscribers are told of is
   * executed once for all whose declared variables are equal.
   */
  forEvents(
    context: GraphQLContext,
    variables: Variables,
  ): (event: unknown) => ExecutionResult | Promise<ExecutionResult>
}

export type Variables = { readonly [name: string]: unknown } | null | undefined

export interface OperationsDependencies {
  readonly schema: GraphQLSchema
  /** Called with each error that is a bug. */
  readonly onUnexpected: (error: unknown) => void
}

export function createOperations({ schema, onUnexpected }: OperationsDependencies): Operations {
  const cache = createBoundedCache<Map<string, CompiledOperation>>(MAX_DOCUMENTS)

  return {
    // An empty name is none that an operation can have; without a name they are kept under it.
    find: (query, operationName) => (operationName === '' ? undefined : cache.get(query)?.get(operationName ?? '')),
    execute,
    async subscribe(args) {
      const compiled = compiledOf(args)
      const context = args.contextValue as GraphQLContext
      const stream = await createSourceEventStream(args)
      if (!(Symbol.asyncIterator in stream)) {
        // An error without a path is one of the variables.
        const errors = stream.errors?.map((error) => (error.path ? error : variableError(error))) ?? []
        return finish({ errors }, context)
      }
      if (!compiled)
        return mapEvents(stream[Symbol.asyncIterator](), (event) => interpret({ ...args, rootValue: event }))
      return mapEvents(stream[Symbol.asyncIterator](), compiled.forEvents(context, args.variableValues))
    },
  }

  function execute(args: ExecutionArgs): ExecutionResult | Promise<ExecutionResult> {
    const compiled = compiledOf(args)
    if (!compiled) return interpret(args)
    return compiled.run(args.contextValue as GraphQLContext, args.variableValues, args.rootValue)
  }

  function interpret(args: ExecutionArgs): ExecutionResult | Promise<ExecutionResult> {
    const context = args.contextValue as GraphQLContext
    const result = executeInterpreted(args)
    if (result instanceof Promise) return result.then((settled) => finish(settled, context))
    // Without data nothing was executed: the variables were refused.
    return finish('data' in result ? result : { errors: result.errors?.map(variableError) ?? [] }, context)
  }

  /** Takes the operation from the cache or compiles it; undefined where that cannot be done. */
  function compiledOf({ document, operationName }: ExecutionArgs): CompiledOperation | undefined {
    const text = document.loc?.source.body
    const name = operationName ?? ''
    if (text === undefined || text.length > MAX_CACHED_CHARACTERS) return compile(document, operationName)
    const known = cache.get(text)
    const compiled = known?.get(name) ?? compile(document, operationName)
    if (!compiled) return undefined
    if (!known) cache.set(text, new Map([[name, compiled]]))
    else if (known.size < MAX_OPERATIONS_OF_TEXT) known.set(name, compiled)
    return compiled
  }

  function compile(document: DocumentNode, operationName: string | null | undefined): CompiledOperation | undefined {
    const operation = getOperationAST(document, operationName)
    if (!operation || hasConditionsAndFragments(document)) return undefined
    const compiled = compileQuery(schema, document, operationName ?? undefined, { disablingCapturingStackErrors: true })
    if (!isCompiledQuery(compiled)) return undefined
    const { query } = compiled
    const definitions = operation.variableDefinitions ?? []
    const fillDefaults = compileVariableDefaults(schema, definitions)
    /** Results by event and variables; an event that is no longer the newest takes its results with it. */
    const shared = new WeakMap<object, Map<string, ReturnType<CompiledOperation['run']>>>()

    function run(
      context: GraphQLContext,
      variables: Variables,
      rootValue?: unknown,
    ): ExecutionResult | Promise<ExecutionResult> {
      try {
        let result = query(rootValue, context, fillDefaults(variables))
        if (result instanceof Promise) return result.then((settled) => finish(settled, context), fail)
        if (result.errors && !('data' in result)) {
          const { errors, coerced } = coerceVariables(definitions, variables)
          if (errors) return finish({ errors }, context)
          result = query(rootValue, context, coerced)
          if (result instanceof Promise) return result.then((settled) => finish(settled, context), fail)
        }
        return finish(result, context)
      } catch (error) {
        return fail(error)
      }
    }

    return {
      document,
      type: operation.operation,
      run,
      forEvents(context, variables) {
        const key = variablesKey(definitions, variables)
        return (event) => {
          if (key === undefined || typeof event !== 'object' || event === null) return run(context, variables, event)
          const results = shared.get(event) ?? new Map<string, ReturnType<CompiledOperation['run']>>()
          shared.set(event, results)
          const result = results.get(key) ?? run(context, variables, event)
          if (results.size < MAX_SHARED_RESULTS) results.set(key, result)
          return result
        }
      },
    }
  }

  /** A bug in here must not end the process, as it would where the HTTP server is the caller. */
  function fail(error: unknown): ExecutionResult {
    return { errors: [toClientError(error, onUnexpected)] }
  }

  function finish(result: ExecutionResult, context: GraphQLContext): ExecutionResult {
    const { extensions } = context
    if (!result.errors && !extensions) return result
    const finished: { -readonly [Key in keyof ExecutionResult]: ExecutionResult[Key] } = {}
    if (result.errors) {
      const errors = result.errors.map(toExecutionError)
      finished.errors = hasValue(result.data) ? errors.map(withoutRequestStatus) : errors
    }
    if ('data' in result) finished.data = result.data ?? null
    if (extensions) finished.extensions = extensions
    return finished
  }

  /**
   * What graphql-js makes of variables that compiled code refused: that words its refusals in its own way, without
   * codes, and misses values that are left out and have a default though their type is non-null.
   */
  function coerceVariables(definitions: readonly VariableDefinitionNode[], variables: Variables) {
    const { errors, coerced } = getVariableValues(schema, definitions, variables ?? {}, {
      maxErrors: MAX_VARIABLE_ERRORS,
    })
    return { errors: errors?.map(variableError), coerced }
  }

  function variableError(error: GraphQLError): GraphQLError {
    return new GraphQLError(error.message, {
      nodes: error.nodes ?? null,
      extensions: { ...error.extensions, code: 'BAD_USER_INPUT', http: { spec: true, status: 400 } },
    })
  }

  function toExecutionError(error: GraphQLError): GraphQLError {
    // An error that no resolver threw is a value that does not fit the schema: a bug.
    const isBug = !error.originalError && error.extensions?.code === undefined && error.path !== undefined
    return toClientError(isBug ? new Error(error.message) : error, onUnexpected)
  }
}

function hasValue(data: ExecutionResult['data']): boolean {
  return data !== null && data !== undefined && Object.values(data).some((value) => value !== null)
}

/** What a document's other fields have got is answered with 200: a status is for a request that got nothing. */
function withoutRequestStatus(error: GraphQLError): GraphQLError {
  const { http, ...extensions } = error.extensions
  if (http === undefined || (extensions.code !== 'RATE_LIMITED' && extensions.code !== 'BAD_USER_INPUT')) return error
  return new GraphQLError(error.message, {
    nodes: error.nodes ?? null,
    source: error.source ?? null,
    positions: error.positions ?? null,
    path: error.path ?? null,
    extensions,
  })
}

/** graphql-jit mixes up conditions in fragments that are used more than once, so such documents are not compiled. */
function hasConditionsAndFragments(document: DocumentNode): boolean {
  let conditions = false
  let fragments = false
  visit(document, {
    Directive({ name }) {
      if (name.value === 'skip' || name.value === 'include') conditions = true
    },
    FragmentSpread() {
      fragments = true
    },
    InlineFragment() {
      fragments = true
    },
  })
  return conditions && fragments
}

/** Says which variables are equal, of those that the operation declares; undefined where that cannot be said. */
function variablesKey(definitions: readonly VariableDefinitionNode[], variables: Variables): string | undefined {
  try {
    return JSON.stringify(definitions.map(({ variable }) => variables?.[variable.name.value] ?? null))
  } catch {
    // Nested too deeply for JSON.stringify; too deeply for a type as well, as will be seen.
    return undefined
  }
}

/** Maps a stream of events to results, one at a time; ending it ends the stream of events. */
function mapEvents(
  events: AsyncIterator<unknown>,
  toResult: (event: unknown) => ExecutionResult | Promise<ExecutionResult>,
): AsyncGenerator<ExecutionResult, void, void> {
  async function end(): Promise<IteratorReturnResult<undefined>> {
    await events.return?.()
    return { done: true, value: undefined }
  }
  const results: Omit<AsyncGenerator<ExecutionResult, void, void>, typeof Symbol.asyncDispose> = {
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
      return results as AsyncGenerator<ExecutionResult, void, void>
    },
  }
  return results as AsyncGenerator<ExecutionResult, void, void>
}

/** Texts kept compiled; up to twice as many are held. */
const MAX_DOCUMENTS = 500
/** Longer texts are compiled each time. */
const MAX_CACHED_CHARACTERS = 20_000
const MAX_VARIABLE_ERRORS = 20
/** Operations of one text that are kept compiled. */
const MAX_OPERATIONS_OF_TEXT = 10
/** Kinds of variables for which an event's results are shared. */
const MAX_SHARED_RESULTS = 100
