import {
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  GraphQLError,
  type GraphQLField,
  type GraphQLSchema,
  getNamedType,
  getNullableType,
  isInterfaceType,
  isListType,
  isObjectType,
  Kind,
  type OperationDefinitionNode,
  SchemaMetaFieldDef,
  type SelectionSetNode,
  TypeMetaFieldDef,
  type ValidationRule,
} from 'graphql'
import { itemsOf, listSizeOf } from './list-size.ts'

/** What a selection, or a whole operation, may come to. */
export interface Cost {
  /** Each field counts one, what is selected within a list as often as that may have items. */
  readonly values: number
  /** Entities and statistics, each where its page is. */
  readonly rows: number
  /** The entity that a path comes back to. */
  readonly returnsTo: string | undefined
}

/** What an operation may come to at most. */
export interface CostLimits {
  readonly maxQueryRows: number
  readonly maxQueryValues: number
}

/**
 * Makes the validation rule that refuses an operation which could make too large an answer, or whose path comes back to an
 * entity it came from. The size of a list is what its field declares (see list-size.ts). Fragments are counted where
 * they are spread, each once computed for each set of entities above it, so the rule itself is linear in the document.
 */
export function createCostRule(limits: CostLimits): ValidationRule {
  return (context) => {
    const costOf = createCosts(context.getSchema(), (name) => context.getFragment(name))
    return {
      OperationDefinition(operation) {
        const refusal = refusalOf(costOf(operation), limits)
        if (refusal) context.reportError(new GraphQLError(refusal, { nodes: operation }))
      },
    }
  }
}

/** The cost of an operation of a validated document, as the rule counts it. */
export function costOfOperation(
  schema: GraphQLSchema,
  { definitions }: DocumentNode,
  operation: OperationDefinitionNode,
): Cost {
  const fragments = new Map<string, FragmentDefinitionNode>()
  for (const definition of definitions) {
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition)
  }
  return createCosts(schema, (name) => fragments.get(name))(operation)
}

/** Whether an operation may come to so much that few of its kind may run at a time. */
export function isHeavy({ values, rows }: Cost): boolean {
  return values > HEAVY_VALUES || rows > HEAVY_ROWS
}

function createCosts(
  schema: GraphQLSchema,
  getFragment: (name: string) => FragmentDefinitionNode | null | undefined,
): (operation: OperationDefinitionNode) => Cost {
  const fragmentCosts = new Map<string, Cost>()

  return ({ selectionSet, operation }) => costOfSelections(selectionSet, schema.getRootType(operation), [])

  function costOfSelections({ selections }: SelectionSetNode, parent: unknown, above: readonly string[]): Cost {
    let sum = NOTHING
    for (const selection of selections) {
      if (selection.kind === Kind.FIELD) {
        sum = add(sum, costOfField(selection, parent, above))
      } else if (selection.kind === Kind.INLINE_FRAGMENT) {
        const { typeCondition, selectionSet } = selection
        const type = typeCondition ? schema.getType(typeCondition.name.value) : parent
        sum = add(sum, costOfSelections(selectionSet, type, above))
      } else {
        sum = add(sum, costOfFragment(getFragment(selection.name.value), above))
      }
    }
    return sum
  }

  function costOfFragment(fragment: FragmentDefinitionNode | null | undefined, above: readonly string[]): Cost {
    if (!fragment) return NOTHING
    const key = `${fragment.name.value} ${above.join(' ')}`
    const known = fragmentCosts.get(key)
    if (known !== undefined) return known
    // A fragment within itself is refused by another rule.
    fragmentCosts.set(key, NOTHING)
    const type = schema.getType(fragment.typeCondition.name.value)
    const cost = costOfSelections(fragment.selectionSet, type, above)
    fragmentCosts.set(key, cost)
    return cost
  }

  function costOfField(node: FieldNode, parent: unknown, above: readonly string[]): Cost {
    if (!node.selectionSet) return ONE_VALUE
    const field = fieldOf(node, parent)
    const type = field && getNamedType(field.type)
    const isEntity = type !== undefined && type.extensions.isEntity === true
    if (isEntity && above.includes(type.name)) return { ...ONE_VALUE, returnsTo: type.name }
    const within = costOfSelections(node.selectionSet, type, isEntity ? [...above, type.name] : above)
    const size = field && listSizeOf(field)
    const items = size ? itemsOf(size, node) : field && isList(field) ? INTROSPECTION_LIST_ITEMS : 1
    return {
      values: 1 + items * within.values,
      rows: items * ((size?.isRows ? 1 / (size.itemsPerRow ?? 1) : 0) + within.rows),
      returnsTo: within.returnsTo,
    }
  }

  function fieldOf({ name }: FieldNode, parent: unknown): GraphQLField<unknown, unknown> | undefined {
    if (!isObjectType(parent) && !isInterfaceType(parent)) return undefined
    if (parent === schema.getQueryType() && name.value in META_FIELDS) return META_FIELDS[name.value]
    return parent.getFields()[name.value]
  }
}

function refusalOf(
  { values, rows, returnsTo }: Cost,
  { maxQueryRows, maxQueryValues }: CostLimits,
): string | undefined {
  if (returnsTo) {
    return `This operation comes back to ${returnsTo}, from which it came: ask for those in an operation of their own.`
  }
  if (rows > maxQueryRows) {
    return `This operation may return ${shown(rows)} rows of at most ${maxQueryRows}: select smaller pages, or fewer of them, or set MAX_QUERY_ROWS higher.`
  }
  if (values > maxQueryValues) {
    return `This operation may return ${shown(values)} values of at most ${maxQueryValues}: select fewer fields, or smaller pages, or set MAX_QUERY_VALUES higher.`
  }
  return undefined
}

function shown(count: number): string {
  return count > 1e9 ? 'far too many' : String(Math.ceil(count))
}

function add(a: Cost, b: Cost): Cost {
  return { values: a.values + b.values, rows: a.rows + b.rows, returnsTo: a.returnsTo ?? b.returnsTo }
}

/** Of the schema's own lists none is without a declared size: those of introspection are left. */
function isList(field: GraphQLField<unknown, unknown>): boolean {
  return isListType(getNullableType(field.type))
}

const META_FIELDS: Readonly<Record<string, GraphQLField<unknown, unknown>>> = {
  __schema: SchemaMetaFieldDef,
  __type: TypeMetaFieldDef,
}
const NOTHING: Cost = { values: 0, rows: 0, returnsTo: undefined }
const ONE_VALUE: Cost = { values: 1, rows: 0, returnsTo: undefined }
/** What is below takes a millisecond or two. */
const HEAVY_VALUES = 2000
const HEAVY_ROWS = 100
const INTROSPECTION_LIST_ITEMS = 4
