import { type FieldNode, Kind, type ValueNode } from 'graphql'
import { timesOf } from '../history/buckets.ts'
import type { Granularity } from '../history/types.ts'

/**
 * How many buckets a selection of `statsHistory` gives: one of each time for everything that is grouped by. Undefined
 * where that cannot be told by what is written out, since a variable has it or the groups are those that are found.
 */
export function bucketsOf(field: FieldNode): number | undefined {
  const [fromMs, toMs] = [timeOf(argumentOf(field, 'from')), timeOf(argumentOf(field, 'to'))]
  const granularity = argumentOf(field, 'granularity')
  const dimensions = itemsOf(argumentOf(field, 'groupBy') ?? NONE)
  if (fromMs === undefined || toMs === undefined || granularity?.kind !== Kind.ENUM || !dimensions) return undefined
  let buckets = timesOf({ fromMs, toMs, granularity: granularity.value as Granularity })
  for (const dimension of new Set(dimensions.map((item) => (item.kind === Kind.ENUM ? item.value : '')))) {
    const named = itemsOf(argumentOf(field, NAMES[dimension] ?? ''))
    if (!named) return undefined
    buckets *= named.length
  }
  return buckets
}

/** Undefined where it is left out or null. */
function argumentOf({ arguments: given = [] }: FieldNode, name: string): ValueNode | undefined {
  const value = given.find((argument) => argument.name.value === name)?.value
  return value?.kind === Kind.NULL ? undefined : value
}

function timeOf(value: ValueNode | undefined): number | undefined {
  const ms = value?.kind === Kind.STRING ? Date.parse(value.value) : Number.NaN
  return Number.isNaN(ms) ? undefined : ms
}

/** The items of a list that is written out, or the one that stands for it. */
function itemsOf(value: ValueNode | undefined): readonly ValueNode[] | undefined {
  if (value === undefined || value.kind === Kind.VARIABLE) return undefined
  return value.kind === Kind.LIST ? value.values : [value]
}

const NONE: ValueNode = { kind: Kind.LIST, values: [] }
const NAMES: Readonly<Record<string, string>> = { SUPPLY: 'supplyIds', BIDDER: 'bidderIds', COUNTRY: 'countries' }
