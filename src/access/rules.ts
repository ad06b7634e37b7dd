import type { Caller, Role } from './types.ts'

/**
 * Who may have a field, and how one for a key with certain supplies is known to be about these alone. Every field of
 * Query, Mutation and Subscription has its rule, or the schema is not built; of other fields those from which a key for
 * certain supplies would get to others.
 */
export interface FieldRule {
  readonly roles: readonly Role[]
  /**
   * Where a field names its supplies, and what it names. `BY_RESOLVER`: what it is asked for shows the supply, and its
   * resolver looks at `Caller.supplies`. `NOT`: it tells of all supplies.
   */
  readonly supplies: Named | 'BY_RESOLVER' | 'NOT'
}

interface Named {
  readonly where: string
  // biome-ignore lint/suspicious/noExplicitAny: what a field's arguments are is the schema's matter.
  readonly of: (args: any) => readonly string[] | null | undefined
}

const SELLERS: readonly Role[] = ['publisher', 'admin']
const ALL: readonly Role[] = ['publisher', 'analyst', 'admin']
/** The catalogue as a whole, which publishers are no part of. */
const READERS: readonly Role[] = ['analyst', 'admin']

/** The rule of selling, which holds for other protocols as well. */
export const SELLING: FieldRule = {
  roles: SELLERS,
  supplies: { where: 'input.supplyId', of: ({ input }) => [input.supplyId] },
}

export const FIELD_RULES: Readonly<Record<string, FieldRule>> = {
  'Mutation.runAuction': SELLING,
  'Mutation.confirmImpression': { roles: SELLERS, supplies: 'BY_RESOLVER' },
  'Query.supply': { roles: ALL, supplies: { where: 'id', of: ({ id }) => [id] } },
  'Query.stats': { roles: ALL, supplies: { where: 'supplyIds', of: ({ supplyIds }) => supplyIds } },
  'Query.statsHistory': { roles: ALL, supplies: { where: 'supplyIds', of: ({ supplyIds }) => supplyIds } },
  'Query.auction': { roles: ALL, supplies: 'BY_RESOLVER' },
  'Query.auctions': {
    roles: ALL,
    supplies: { where: 'supplyId', of: ({ supplyId }) => (typeof supplyId === 'string' ? [supplyId] : []) },
  },
  'Subscription.statsUpdated': { roles: ALL, supplies: { where: 'supplyIds', of: ({ supplyIds }) => supplyIds } },
  'Query.supplies': { roles: READERS, supplies: 'NOT' },
  'Query.bidders': { roles: READERS, supplies: 'NOT' },
  'Query.bidder': { roles: READERS, supplies: 'NOT' },
  'Bidder.supplies': { roles: READERS, supplies: 'NOT' },
}

/** What a rule is asked about a caller. */
export type Asking = Pick<Caller, 'role' | 'supplies'>

/**
 * Why a caller may not have a field with these arguments; undefined where it may.
 * @param what how the field is called, for the message
 */
export function refusalOf(what: string, rule: FieldRule, caller: Asking, args: unknown): string | undefined {
  return roleRefusalOf(what, rule, caller) ?? suppliesRefusalOf(what, rule, caller, args)
}

/** The same before the arguments are known. */
export function roleRefusalOf(what: string, { roles }: FieldRule, { role }: Asking): string | undefined {
  if (roles.includes(role)) return undefined
  return `An API key of the role ${role} may not use ${what}: it takes one of the role ${roles.join(' or ')}.`
}

/** What of this holds whatever the arguments are: its role's, and that the field tells of all supplies. */
export function standingRefusalOf(what: string, rule: FieldRule, caller: Asking): string | undefined {
  const isOfAll = rule.supplies === 'NOT'
  return roleRefusalOf(what, rule, caller) ?? (isOfAll ? suppliesRefusalOf(what, rule, caller, undefined) : undefined)
}

function suppliesRefusalOf(
  what: string,
  { supplies }: FieldRule,
  { supplies: own }: Asking,
  args: unknown,
): string | undefined {
  if (own === undefined || supplies === 'BY_RESOLVER') return undefined
  if (supplies === 'NOT') {
    return `This API key is for certain supplies, and ${what} tells of others: it takes a key without a list of supplies.`
  }
  const named = supplies.of(args)
  if (!named || named.length === 0) return `This API key is for certain supplies: name them in ${supplies.where}.`
  const other = named.find((id) => !own.has(id))
  return other === undefined ? undefined : notOwn(other)
}

function notOwn(supplyId: string): string {
  return `This API key is for other supplies than ${JSON.stringify(supplyId)}: name one of its own, or add this one to the key.`
}
