import {
  astFromValue,
  type GraphQLInputObjectType,
  type GraphQLInputType,
  type GraphQLSchema,
  getNullableType,
  isInputObjectType,
  isInputType,
  isNonNullType,
  typeFromAST,
  type VariableDefinitionNode,
  valueFromASTUntyped,
} from 'graphql'
import { isObject } from '../is-object.ts'
import type { Variables } from './operations.ts'

/**
 * Makes the function that fills in what an input object leaves out where its field is non-null and has a default:
 * graphql-jit refuses such variables, though the specification allows them. Returns the variables themselves where
 * nothing is missing, and leaves what is wrong to be refused. Objects in lists are left to graphql-js.
 */
export function compileVariableDefaults(
  schema: GraphQLSchema,
  definitions: readonly VariableDefinitionNode[],
): (variables: Variables) => Variables {
  const fills: Fill[] = []
  for (const { variable, type: typeNode } of definitions) {
    const type = typeFromAST(schema, typeNode)
    const fill = isInputType(type) ? fillOf(variable.name.value, type, undefined, new Set()) : undefined
    if (fill) fills.push(fill)
  }
  return (variables) => (variables && fills.length > 0 ? applyFills(fills, variables) : variables)
}

interface Fill {
  readonly name: string
  /** As a client would send it; undefined where there is none to fill in. */
  readonly default: unknown
  readonly fields: readonly Fill[]
}

/** What is to be filled in at a place and below it; undefined where that is nothing. */
function fillOf(
  name: string,
  type: GraphQLInputType,
  defaultValue: unknown,
  above: ReadonlySet<GraphQLInputObjectType>,
): Fill | undefined {
  const ast = isNonNullType(type) && defaultValue !== undefined ? astFromValue(defaultValue, type) : undefined
  const bare = getNullableType(type)
  const fields =
    isInputObjectType(bare) && !above.has(bare)
      ? Object.values(bare.getFields()).flatMap(
          (field) => fillOf(field.name, field.type, field.defaultValue, new Set([...above, bare])) ?? [],
        )
      : []
  if (!ast && fields.length === 0) return undefined
  return { name, default: ast ? valueFromASTUntyped(ast) : undefined, fields }
}

function applyFills(fills: readonly Fill[], object: Readonly<Record<string, unknown>>): Record<string, unknown> {
  let filled: Record<string, unknown> | undefined
  for (const { name, default: defaultValue, fields } of fills) {
    const value = object[name]
    const better =
      value === undefined ? defaultValue : fields.length > 0 && isObject(value) ? applyFills(fields, value) : value
    if (better === value) continue
    filled ??= { ...object }
    filled[name] = better
  }
  return filled ?? object
}
