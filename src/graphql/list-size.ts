import type { FieldNode, GraphQLField } from 'graphql'
import { Kind } from 'graphql'

/**
 * How many items a list field may give, declared on the field itself, under `extensions.listSize`: what the cost rule
 * multiplies by. Every field of a list or connection type has one; a test walks the schema for it.
 */
export interface ListSize {
  /** The most items, or for parts the number that is expected. */
  readonly max: number
  /** Without a page argument; `max` where it is left out. */
  readonly default?: number
  /** The arguments that set the size. */
  readonly sizedBy?: readonly string[]
  /** A list argument whose length bounds the size. */
  readonly namedBy?: string
  /** The size by all of the arguments; undefined where a variable keeps it open. */
  readonly sizeOf?: (field: FieldNode) => number | undefined
  /** Whether the items are rows of their own, not parts of the value that holds them. */
  readonly isRows: boolean
  /** How many items count as one row, where it is several: such as have few values and nothing below them. */
  readonly itemsPerRow?: number
}

/** A page of rows: `max` at most, and as many as `sizedBy` asks for. */
export function page(size: Omit<ListSize, 'isRows'>): { listSize: ListSize } {
  return { listSize: { ...size, isRows: true } }
}

/** A list of parts that come with the value that holds them, or of rows that were counted where its page is. */
export function parts(expected: number): { listSize: ListSize } {
  return { listSize: { max: expected, isRows: false } }
}

/** What a field declares; undefined where it is no list. */
export function listSizeOf(field: GraphQLField<unknown, unknown>): ListSize | undefined {
  return field.extensions.listSize as ListSize | undefined
}

/** How many items a selection of the field may give. A size in a variable counts as the most there can be. */
export function itemsOf(size: ListSize, field: FieldNode): number {
  const { max, default: fallback = max, sizedBy, namedBy, sizeOf } = size
  let items = Math.min(sizeOf?.(field) ?? fallback, max)
  for (const { name, value } of field.arguments ?? []) {
    if (sizedBy?.includes(name.value) && value.kind !== Kind.NULL) {
      items = value.kind === Kind.INT ? Math.min(Number(value.value), max) : max
    }
  }
  const named = field.arguments?.find(({ name }) => name.value === namedBy)?.value
  return named?.kind === Kind.LIST ? Math.min(items, named.values.length) : items
}
