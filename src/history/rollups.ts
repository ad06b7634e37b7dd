import { OUTCOME_CODES, type PackedAuctions, type PackedReader, readPacked } from './packed-auction.ts'

/** Statistics of each hour, added up from auctions on their way to the log. Money in whole millionths. */
export interface Rollups {
  /** Counts the auction that the reader stands at. */
  add(bytes: Buffer, auction: PackedReader): void
  /** Counts all of these. */
  addAll(auctions: Pick<PackedAuctions, 'bytes'>): void
  /** A row, to be added to; made where there is none yet. */
  supply(key: Key): SupplyRow
  bidder(key: Key & Pick<BidderRow, 'bidderId'>): BidderRow
  isEmpty(): boolean
  /** In an order that is the same for everyone who writes them, so that two who do so at once do not wait for each other. */
  supplies(): readonly SupplyRow[]
  bidders(): readonly BidderRow[]
  /** Of all supplies together; their `supplyId` is empty. */
  exchange(): readonly SupplyRow[]
  exchangeBidders(): readonly BidderRow[]
}

interface Key {
  /** Hours since 1970. */
  readonly hour: number
  readonly supplyId: string
  readonly country: string
}

export interface SupplyRow extends Key {
  requests: number
  sold: number
  bids: number
  noBids: number
  timeouts: number
  errors: number
  skipped: number
  revenueMicros: number
}

export interface BidderRow extends Key {
  readonly bidderId: string
  /** Auctions but those in which it was skipped. */
  asked: number
  wins: number
  losses: number
  noBids: number
  timeouts: number
  errors: number
  skipped: number
  revenueMicros: number
  bidsMicros: number
}

export function createRollups(): Rollups {
  /** By hour, by supply: one object for each supply and hour, found by few and short names. */
  const hours = new Map<number, Map<string, SupplyRollup>>()

  function rollupOf(hour: number, supplyId: string): SupplyRollup {
    const supplies = madeIn(hours, hour, () => new Map<string, SupplyRollup>())
    return madeIn(supplies, supplyId, () => ({ countries: new Map(), bidders: new Map() }))
  }

  function supply({ hour, supplyId, country }: Key): SupplyRow {
    return madeIn(rollupOf(hour, supplyId).countries, country, () => supplyRow(hour, supplyId, country))
  }

  function bidder({ hour, supplyId, bidderId, country }: Key & Pick<BidderRow, 'bidderId'>): BidderRow {
    return madeIn(rollupOf(hour, supplyId).bidders, bidderId, () => bidderRow(hour, supplyId, bidderId, country))
  }

  function* all(): Generator<SupplyRollup> {
    for (const supplies of hours.values()) yield* supplies.values()
  }

  function supplies(): SupplyRow[] {
    return [...all()].flatMap(({ countries }) => [...countries.values()]).sort(bySupply)
  }

  function bidders(): BidderRow[] {
    return [...all()].flatMap((rollup) => [...rollup.bidders.values()]).sort(bySupplyAndBidder)
  }

  function add(bytes: Buffer, auction: PackedReader): void {
    const hour = hourOf(auction.startedAtMs)
    const { country } = auction
    const supplyId = bytes.toString('utf8', auction.supplyStart, auction.supplyEnd)
    const rollup = rollupOf(hour, supplyId)
    const ofCountry = madeIn(rollup.countries, country, () => supplyRow(hour, supplyId, country))
    ofCountry.requests += 1
    for (let index = 0; index < auction.responses; index += 1) {
      const bidderId = bytes.toString('utf8', auction.bidderStart(index), auction.bidderEnd(index))
      const ofBidder = madeIn(rollup.bidders, bidderId, () => bidderRow(hour, supplyId, bidderId, country))
      count(ofCountry, ofBidder, auction.outcome(index), auction.bidMicros(index), auction.priceMicros)
    }
  }

  return {
    add,
    addAll(auctions) {
      const reader = readPacked(auctions)
      while (reader.next()) add(auctions.bytes, reader)
    },
    supply,
    bidder,
    isEmpty: () => hours.size === 0,
    supplies,
    bidders,
    exchange() {
      const rows = new Map<string, SupplyRow>()
      for (const row of supplies()) {
        const { hour, country } = row
        addSupply(
          madeIn(rows, `${hour} ${country}`, () => supplyRow(hour, '', country)),
          row,
        )
      }
      return [...rows.values()].sort(bySupply)
    },
    exchangeBidders() {
      const rows = new Map<string, BidderRow>()
      for (const row of bidders()) {
        const { hour, bidderId, country } = row
        addBidder(
          madeIn(rows, `${hour} ${bidderId}`, () => bidderRow(hour, '', bidderId, country)),
          row,
        )
      }
      return [...rows.values()].sort(bySupplyAndBidder)
    },
  }
}

interface SupplyRollup {
  readonly countries: Map<string, SupplyRow>
  readonly bidders: Map<string, BidderRow>
}

function count(supply: SupplyRow, bidder: BidderRow, outcome: number, bidMicros: number, priceMicros: number): void {
  if (outcome === OUTCOME_CODES.SKIPPED) {
    bidder.skipped += 1
    supply.skipped += 1
    return
  }
  bidder.asked += 1
  if (outcome === OUTCOME_CODES.NO_BID) {
    bidder.noBids += 1
    supply.noBids += 1
    return
  }
  if (outcome === OUTCOME_CODES.TIMED_OUT) {
    bidder.timeouts += 1
    supply.timeouts += 1
    return
  }
  if (outcome === OUTCOME_CODES.ERROR) {
    bidder.errors += 1
    supply.errors += 1
    return
  }
  bidder.bidsMicros += bidMicros
  supply.bids += 1
  if (outcome === OUTCOME_CODES.LOST) {
    bidder.losses += 1
    return
  }
  bidder.wins += 1
  bidder.revenueMicros += priceMicros
  supply.sold += 1
  supply.revenueMicros += priceMicros
}

/** What a row of either kind counts. */
export const SUPPLY_COUNTERS = [
  'requests',
  'sold',
  'bids',
  'noBids',
  'timeouts',
  'errors',
  'skipped',
  'revenueMicros',
] as const
export const BIDDER_COUNTERS = [
  'asked',
  'wins',
  'losses',
  'noBids',
  'timeouts',
  'errors',
  'skipped',
  'revenueMicros',
  'bidsMicros',
] as const

function addSupply(target: SupplyRow, row: SupplyRow): void {
  for (const counter of SUPPLY_COUNTERS) target[counter] += row[counter]
}

function addBidder(target: BidderRow, row: BidderRow): void {
  for (const counter of BIDDER_COUNTERS) target[counter] += row[counter]
}

function supplyRow(hour: number, supplyId: string, country: string): SupplyRow {
  const counters = { requests: 0, sold: 0, bids: 0, noBids: 0, timeouts: 0, errors: 0, skipped: 0, revenueMicros: 0 }
  return { hour, supplyId, country, ...counters }
}

function bidderRow(hour: number, supplyId: string, bidderId: string, country: string): BidderRow {
  const outcomes = { wins: 0, losses: 0, noBids: 0, timeouts: 0, errors: 0, skipped: 0 }
  return { hour, supplyId, bidderId, country, asked: 0, ...outcomes, revenueMicros: 0, bidsMicros: 0 }
}

function madeIn<Key, Value>(map: Map<Key, Value>, key: Key, make: () => Value): Value {
  let value = map.get(key)
  if (value === undefined) {
    value = make()
    map.set(key, value)
  }
  return value
}

function bySupply(a: SupplyRow, b: SupplyRow): number {
  return a.hour - b.hour || inOrder(a.supplyId, b.supplyId) || inOrder(a.country, b.country)
}

function bySupplyAndBidder(a: BidderRow, b: BidderRow): number {
  return a.hour - b.hour || inOrder(a.supplyId, b.supplyId) || inOrder(a.bidderId, b.bidderId)
}

function inOrder(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** Hours since 1970. */
export function hourOf(ms: number): number {
  return Math.floor(ms / HOUR_MS)
}

const HOUR_MS = 3_600_000
