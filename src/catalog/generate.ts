import { createRandom, type Random } from '../random.ts'
import { storedHttp } from './bidder-http.ts'
import type { CatalogData } from './data-file.ts'
import { bidderNames, supplyNames } from './names.ts'
import { storedSettings } from './supply-settings.ts'
import type { BidderHttp, SupplySettings } from './types.ts'

export interface GenerateOptions {
  /** How many, at least 1. */
  readonly supplies: number
  /** How many, at least MIN_BIDDERS. */
  readonly bidders: number
  /** The most bidders that one supply gets, at least MIN_BIDDERS; all by default. */
  readonly maxBiddersPerSupply?: number
  /** The same seed gives the same catalogue: a whole number from 0 to 2^32 - 1. */
  readonly seed: number
}

/** A supply gets as many bidders at least, so there must be as many. */
export const MIN_BIDDERS = 2
/** What a catalogue is made up of where nobody says. */
export const DEFAULT_SIZE = { supplies: 10, bidders: 12 } as const

/**
 * Makes up a catalogue: plausible publishers and ad networks, each supply selling to 2 to all bidders, evenly spread.
 * Half of the bidders buy in the US and every supply has one of them, so that an auction for the US always has bidders.
 */
export function generateCatalog(options: GenerateOptions): CatalogData {
  const random = createRandom(options.seed)
  const bidderIds = bidderNames(options.bidders, random)
  const bidders = new Map(bidderIds.map((id, index) => [id, BIDDER_COUNTRIES[index % BIDDER_COUNTRIES.length] ?? 'US']))
  const most = Math.min(options.maxBiddersPerSupply ?? options.bidders, options.bidders)

  const supplies = new Map<string, readonly string[]>()
  const pool = bidderIds.map((_, index) => index)
  for (const supplyId of supplyNames(options.supplies, random)) {
    supplies.set(
      supplyId,
      pickBidders(pool, MIN_BIDDERS + integerBelow(most - MIN_BIDDERS + 1, random), random, bidderIds),
    )
  }
  return { supplies, bidders, http: new Map(), settings: new Map() }
}

/** The data file's text of a catalogue, in pieces: one supply or bidder a line. */
export function* formatDataFile({ supplies, bidders, http, settings }: CatalogData): Iterable<string> {
  yield '{\n  "supplies": {'
  let separator = '\n'
  for (const [id, bidderIds] of supplies) {
    yield `${separator}    ${JSON.stringify(id)}: ${formatSupply(bidderIds, settings.get(id))}`
    separator = ',\n'
  }
  yield '\n  },\n  "bidders": {'
  separator = '\n'
  for (const [id, country] of bidders) {
    yield `${separator}    ${JSON.stringify(id)}: ${formatBidder(country, http.get(id))}`
    separator = ',\n'
  }
  yield '\n  }\n}\n'
}

function formatSupply(bidderIds: readonly string[], settings: SupplySettings | undefined): string {
  const list = `[${bidderIds.map((bidderId) => JSON.stringify(bidderId)).join(', ')}]`
  return settings === undefined ? list : `{ "bidders": ${list}${otherFields(storedSettings(settings) ?? {})} }`
}

function formatBidder(country: string, http: BidderHttp | undefined): string {
  return `{ "country": ${JSON.stringify(country)}${otherFields(http === undefined ? {} : storedHttp(http))} }`
}

function otherFields(fields: object): string {
  return Object.entries(fields)
    .map(([name, value]) => `, ${JSON.stringify(name)}: ${JSON.stringify(value)}`)
    .join('')
}

/** Dealt out in turn: half of the bidders to the US, a quarter to Britain, the rest to two more. */
const BIDDER_COUNTRIES = ['US', 'GB', 'US', 'DE', 'US', 'GB', 'US', 'FR']

/** Picks `count` bidders by a partial Fisher-Yates shuffle of the pool, at least one of them in the US. */
function pickBidders(pool: number[], count: number, random: Random, bidderIds: readonly string[]): string[] {
  for (let i = 0; i < count; i++) swap(pool, i, i + integerBelow(pool.length - i, random))
  const picked = pool.slice(0, count)
  // The even ones are of the US, as BIDDER_COUNTRIES deals them; where none was drawn, one takes the last place.
  if (!picked.some((index) => index % 2 === 0)) picked[count - 1] = 2 * integerBelow(Math.ceil(pool.length / 2), random)
  return picked.sort((a, b) => a - b).map((index) => bidderIds[index] ?? '')
}

function swap(list: number[], i: number, j: number): void {
  const first = list[i] ?? 0
  list[i] = list[j] ?? 0
  list[j] = first
}

function integerBelow(limit: number, random: Random): number {
  return Math.floor(random() * limit)
}
