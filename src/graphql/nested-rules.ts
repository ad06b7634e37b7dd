import {
  type DocumentNode,
  type GraphQLSchema,
  type OperationDefinitionNode,
  separateOperations,
  TypeInfo,
  visit,
  visitWithTypeInfo,
} from 'graphql'
import { FIELD_RULES, type FieldRule } from '../access/rules.ts'

/** The name of a field, and its rule. */
export type NestedRule = readonly [field: string, rule: FieldRule]

/**
 * The rules of the fields below the root of an operation, of which some may stand in fragments. They count whatever conditions
 * the fields have, as their costs do.
 * @param document one that was validated
 */
export function nestedRulesOf(
  schema: GraphQLSchema,
  document: DocumentNode,
  { name }: OperationDefinitionNode,
): readonly NestedRule[] {
  const roots = [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()]
  const rules = new Map<string, NestedRule>()
  const types = new TypeInfo(schema)
  const own = separateOperations(document)[name?.value ?? '']
  const visitor = visitWithTypeInfo(types, {
    Field(field) {
      const parent = types.getParentType()
      if (!parent || roots.includes(parent as never)) return
      const coordinate = `${parent.name}.${field.name.value}`
      const rule = FIELD_RULES[coordinate]
      if (rule) rules.set(coordinate, [field.name.value, rule])
    },
  })
  if (own) visit(own, visitor)
  return [...rules.values()]
}
