import {
  type ASTVisitor,
  type FieldNode,
  type FragmentDefinitionNode,
  GraphQLError,
  type GraphQLOutputType,
  getNamedType,
  getNullableType,
  isCompositeType,
  isInterfaceType,
  isListType,
  isObjectType,
  Kind,
  type SelectionSetNode,
  type ValidationContext,
} from 'graphql'
import { DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE } from './builder.ts'

/**
 * A validation rule that refuses an operation which would make too large an answer: each field costs one, and what is
 * selected within a list or a connection costs as often as that is expected to have items. Fragments are counted where
 * they are spread, each once computed, so the rule itself is linear in the document.
 */
export function limitCost(context: ValidationContext): ASTVisitor {
  const schema = context.getSchema()
  const fragmentCosts = new Map<string, number>()

  return {
    OperationDefinition(operation) {
      const cost = costOfSelections(operation.selectionSet, schema.getRootType(operation.operation))
      if (cost <= MAX_COST) return
      context.reportError(
        new GraphQLError(
          `This operation costs ${cost > 1e9 ? 'far too much' : cost} of at most ${MAX_COST}: select fewer lists within lists, or smaller pages.`,
          { nodes: operation },
        ),
      )
    },
  }

  function costOfSelections({ selections }: SelectionSetNode, parent: unknown): number {
    let cost = 0
    for (const selection of selections) {
      if (selection.kind === Kind.FIELD) {
        cost += costOfField(selection, parent)
      } else if (selection.kind === Kind.INLINE_FRAGMENT) {
        const { typeCondition, selectionSet } = selection
        cost += costOfSelections(selectionSet, typeCondition ? schema.getType(typeCondition.name.value) : parent)
      } else {
        cost += costOfFragment(context.getFragment(selection.name.value))
      }
    }
    return cost
  }

  function costOfFragment(fragment: FragmentDefinitionNode | null | undefined): number {
    if (!fragment) return 0
    const name = fragment.name.value
    const known = fragmentCosts.get(name)
    if (known !== undefined) return known
    // A fragment within itself is refused by another rule.
    fragmentCosts.set(name, 0)
    const cost = costOfSelections(fragment.selectionSet, schema.getType(fragment.typeCondition.name.value))
    fragmentCosts.set(name, cost)
    return cost
  }

  function costOfField(field: FieldNode, parent: unknown): number {
    if (!field.selectionSet) return 1
    const type = typeOfField(field, parent)
    return (
      1 + (type ? expectedItems(field, type) : 1) * costOfSelections(field.selectionSet, type && getNamedType(type))
    )
  }

  function typeOfField({ name }: FieldNode, parent: unknown): GraphQLOutputType | undefined {
    if (name.value === '__schema' || name.value === '__type') return schema.getType(INTROSPECTION[name.value]) as never
    if (!isObjectType(parent) && !isInterfaceType(parent)) return undefined
    return parent.getFields()[name.value]?.type
  }
}

/** How many items a field's value is expected to have; 1 where it is no list. */
function expectedItems(field: FieldNode, type: GraphQLOutputType): number {
  const named = getNamedType(type)
  if (isCompositeType(named) && named.name.endsWith('Connection')) return pageSize(field)
  if (!isListType(getNullableType(type))) return 1
  // A connection's rows are counted where its page is.
  if (field.name.value === 'nodes' || field.name.value === 'edges') return 1
  return named.name.startsWith('__') ? INTROSPECTION_LIST_ITEMS : LIST_ITEMS
}

function pageSize({ arguments: given = [] }: FieldNode): number {
  const size = given.find(({ name }) => name.value === 'first' || name.value === 'last')
  if (!size) return DEFAULT_PAGE_SIZE
  return size.value.kind === Kind.INT ? Math.min(Number(size.value.value), MAX_PAGE_SIZE) : MAX_PAGE_SIZE
}

const INTROSPECTION = { __schema: '__Schema', __type: '__Type' } as const
/** What an operation may cost: some ten thousand rows. */
export const MAX_COST = 20_000
const LIST_ITEMS = 10
const INTROSPECTION_LIST_ITEMS = 4
