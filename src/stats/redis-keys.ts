import { MICROS_PER_CENT } from '../money.ts'
import { type BidderTally, bidderTally, createTally, type Tally } from './tally.ts'

/** The sorted set of all supplies that ever had a request. */
export const INDEX_KEY = 'stats-supply-ids'
/** The set that earlier versions kept instead. */
export const FORMER_INDEX_KEY = 'stats-supplies'

/**
 * The hash of one supply's statistics, on a cluster within its shard. Earlier versions had it there under the supply's own
 * tag, as it is without a shard.
 */
export function statsKey(supplyId: string, shard?: string): string {
  return shard === undefined ? `stats:{${encodeTag(supplyId)}}` : `stats:{${shard}}:${supplyId}`
}

/** The hash of the sums of one supply's statistics of the last hours. `window.lua` names those of its hours. */
export function windowKey(supplyId: string, shard?: string): string {
  return `window-${statsKey(supplyId, shard)}`
}

/** The number of the last batch that a writer had applied: of all supplies, or on a cluster of a shard. */
export function markerKey(writerId: string, shard?: string): string {
  return shard === undefined ? `stats-commit:${writerId}` : `stats-commit:{${shard}}:${writerId}`
}

/** A hash's fields and amounts, one after the other: total_reqs, country:XX, bidder:ID:wins and so on. */
export function fieldsOf(tally: Tally): (string | number)[] {
  const fields: (string | number)[] = ['total_reqs', tally.requests]
  for (const [country, requests] of tally.countries) fields.push(`country:${country}`, requests)
  for (const [bidderId, bidder] of tally.bidders) {
    if (bidder.wins > 0) fields.push(`bidder:${bidderId}:wins`, bidder.wins)
    if (bidder.losses > 0) fields.push(`bidder:${bidderId}:losses`, bidder.losses)
    if (bidder.noBids > 0) fields.push(`bidder:${bidderId}:no_bids`, bidder.noBids)
    if (bidder.timeouts > 0) fields.push(`bidder:${bidderId}:timeouts`, bidder.timeouts)
    if (bidder.errors > 0) fields.push(`bidder:${bidderId}:errors`, bidder.errors)
    if (bidder.skipped > 0) fields.push(`bidder:${bidderId}:skipped`, bidder.skipped)
    if (bidder.revenueMicros > 0) fields.push(`bidder:${bidderId}:revenue_micros`, bidder.revenueMicros)
  }
  return fields
}

/**
 * The reverse of `fieldsOf`, from Redis's answer. Fields that this version does not know are left out.
 * @param tally is added to
 */
export function parseFields(hash: Readonly<Record<string, string>>, tally = createTally()): Tally {
  for (const [field, text] of Object.entries(hash)) {
    const amount = Number(text)
    const first = field.indexOf(':')
    const kind = first === -1 ? field : field.slice(0, first)
    if (kind === 'total_reqs') tally.requests += amount
    else if (kind === 'gone_reqs') tally.goneRequests += amount
    else if (kind === 'country') addCountry(tally, field.slice(first + 1), amount)
    else if (kind === 'bidder') parseBidderField(tally, field.slice(first + 1), amount)
  }
  return tally
}

function addCountry({ countries }: Tally, country: string, amount: number): void {
  countries.set(country, (countries.get(country) ?? 0) + amount)
}

function parseBidderField(tally: Tally, field: string, amount: number): void {
  // An id may contain colons; a counter's name does not.
  const last = field.lastIndexOf(':')
  const counter = BIDDER_COUNTERS.get(field.slice(last + 1))
  if (counter !== undefined) bidderTally(tally, field.slice(0, last))[counter.name] += amount * counter.unit
}

/** By their names in Redis. Earlier versions counted revenue in cents: what they wrote is a part of the sum for ever. */
const BIDDER_COUNTERS: ReadonlyMap<string, { readonly name: keyof BidderTally; readonly unit: number }> = new Map([
  ['wins', { name: 'wins', unit: 1 }],
  ['losses', { name: 'losses', unit: 1 }],
  ['no_bids', { name: 'noBids', unit: 1 }],
  ['timeouts', { name: 'timeouts', unit: 1 }],
  ['errors', { name: 'errors', unit: 1 }],
  ['skipped', { name: 'skipped', unit: 1 }],
  ['revenue_micros', { name: 'revenueMicros', unit: 1 }],
  ['revenue', { name: 'revenueMicros', unit: MICROS_PER_CENT }],
])

/** Braces within an id would end the hash tag early, and keys of one supply could land in different slots. */
function encodeTag(supplyId: string): string {
  return supplyId.replace(/[%{}]/g, (character) => encodeURIComponent(character))
}
