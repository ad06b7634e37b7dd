import {
  type DocumentNode,
  type ExecutionResult,
  type GraphQLSchema,
  getNamedType,
  getVariableValues,
  isScalarType,
  isSpecifiedScalarType,
  Kind,
  type NamedTypeNode,
  typeFromAST,
  type VariableDefinitionNode,
  visit,
} from 'graphql'
import { compileQuery, isCompiledQuery } from 'graphql-jit'
import type { GraphQLContext } from './context.ts'
import type { OperationParts } from './interpreted.ts'
import type { Execution, Variables } from './operations.ts'
import type { Compilable } from './single-mutation.ts'
import { compileVariableDefaults } from './variable-defaults.ts'

/**
 * An operation compiled by graphql-jit; undefined where that cannot be done.
 * @param interpreted the same operation as graphql-js executes it, for variables that graphql-jit mistakes
 * @param compilable what graphql-jit compiles for it
 */
export function compileExecution({
  schema,
  document,
  definition,
  results,
  interpreted,
  compilable,
}: OperationParts & { readonly interpreted: Execution; readonly compilable: Compilable }): Execution | undefined {
  if (hasConditionsAndFragments(document)) return undefined
  const compiled = compileQuery(compilable.schema, compilable.document, definition.name?.value, {
    disablingCapturingStackErrors: true,
  })
  if (!isCompiledQuery(compiled)) return undefined
  const { query } = compiled
  const definitions = definition.variableDefinitions ?? []
  const fillDefaults = compileVariableDefaults(schema, definitions)
  const defaulted = nullableWithDefault(definitions)
  const unparsed = withUnparsedDefault(schema, definitions)
  if (defaulted.length === 0 && unparsed.length === 0) return run
  return (context, variables, rootValue) =>
    defaulted.some((name) => variables?.[name] === null) || unparsed.some((name) => variables?.[name] === undefined)
      ? interpreted(context, variables, rootValue)
      : run(context, variables, rootValue)

  function run(context: GraphQLContext, variables: Variables, rootValue?: unknown): ReturnType<Execution> {
    try {
      let result = query(rootValue, context, fillDefaults(variables))
      if (result instanceof Promise) return finishLater(result, context)
      if (result.errors && !('data' in result)) {
        // Compiled code words its refusals of variables in its own way, without codes, and misses values that are left
        // out and have a default though their type is non-null: what graphql-js makes of them counts.
        const { errors, coerced } = getVariableValues(schema, definitions, variables ?? {}, {
          maxErrors: MAX_VARIABLE_ERRORS,
        })
        if (errors) return results.refuseVariables(errors, context)
        result = query(rootValue, context, coerced)
        if (result instanceof Promise) return finishLater(result, context)
      }
      return results.finish(result, context)
    } catch (error) {
      return results.fail(error, context)
    }
  }

  function finishLater(result: Promise<ExecutionResult>, context: GraphQLContext): Promise<ExecutionResult> {
    return result.then(
      (settled) => results.finish(settled, context),
      (error) => results.fail(error, context),
    )
  }
}

/**
 * The variables that may be null and have a default, which lets them stand where null is not allowed: given null there,
 * graphql-jit takes a condition for false and an argument for a bug, where graphql-js refuses them.
 */
function nullableWithDefault(definitions: readonly VariableDefinitionNode[]): string[] {
  return definitions
    .filter(({ type, defaultValue }) => type.kind !== Kind.NON_NULL_TYPE && defaultValue !== undefined)
    .map(({ variable }) => variable.name.value)
}

/** The variables with a default of a scalar of our own, such as an instant: graphql-jit takes it as it is written. */
function withUnparsedDefault(schema: GraphQLSchema, definitions: readonly VariableDefinitionNode[]): string[] {
  return definitions
    .filter(({ type, defaultValue }) => {
      const named = getNamedType(typeFromAST(schema, type as NamedTypeNode))
      return defaultValue !== undefined && isScalarType(named) && !isSpecifiedScalarType(named)
    })
    .map(({ variable }) => variable.name.value)
}

/** graphql-jit mixes up conditions in fragments that are used more than once, so such documents are not compiled. */
function hasConditionsAndFragments(document: DocumentNode): boolean {
  let hasConditions = false
  let hasFragments = false
  visit(document, {
    Directive({ name }) {
      if (name.value === 'skip' || name.value === 'include') hasConditions = true
    },
    FragmentSpread() {
      hasFragments = true
    },
    InlineFragment() {
      hasFragments = true
    },
  })
  return hasConditions && hasFragments
}

const MAX_VARIABLE_ERRORS = 20
