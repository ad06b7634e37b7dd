import { compareIds } from '../id-order.ts'
import type { AuctionCount, SupplyStats } from './types.ts'

/** Counters of one supply that are still being added to. */
export interface Tally {
  requests: number
  /** Requests that it had before, and that have left the window. */
  goneRequests: number
  readonly countries: Map<string, number>
  readonly bidders: Map<string, BidderTally>
}

export interface BidderTally {
  wins: number
  losses: number
  noBids: number
  timeouts: number
  errors: number
  skipped: number
  revenueMicros: number
}

export function createTally(): Tally {
  return { requests: 0, goneRequests: 0, countries: new Map(), bidders: new Map() }
}

/** Adds one request and its outcomes. Allocates nothing for countries and bidders that the tally knows. */
export function addToTally(tally: Tally, { country, responses, priceMicros }: AuctionCount): void {
  tally.requests += 1
  tally.countries.set(country, (tally.countries.get(country) ?? 0) + 1)
  // By index: this is the hot path, and an iterator costs more than all the rest of the loop.
  for (let index = 0; index < responses.length; index += 1) {
    const response = responses[index]
    if (response === undefined) continue
    const bidder = bidderTally(tally, response.bidderId)
    switch (response.outcome) {
      case 'WON':
        bidder.wins += 1
        bidder.revenueMicros += priceMicros
        break
      case 'LOST':
        bidder.losses += 1
        break
      case 'NO_BID':
        bidder.noBids += 1
        break
      case 'TIMED_OUT':
        bidder.timeouts += 1
        break
      case 'ERROR':
        bidder.errors += 1
        break
      case 'SKIPPED':
        bidder.skipped += 1
        break
    }
  }
}

/** The counters of one bidder, made where there are none yet. */
export function bidderTally(tally: Tally, bidderId: string): BidderTally {
  let bidder = tally.bidders.get(bidderId)
  if (bidder === undefined) {
    bidder = { wins: 0, losses: 0, noBids: 0, timeouts: 0, errors: 0, skipped: 0, revenueMicros: 0 }
    tally.bidders.set(bidderId, bidder)
  }
  return bidder
}

/** The immutable value of a tally as it stands. */
export function statsOf(supplyId: string, tally: Tally): SupplyStats {
  return Object.freeze({
    supplyId,
    totalRequests: tally.requests,
    ...(tally.goneRequests > 0 && { goneRequests: tally.goneRequests }),
    requestsPerCountry: Object.freeze(
      [...tally.countries].sort(byFirst).map(([country, requests]) => Object.freeze({ country, requests })),
    ),
    bidders: Object.freeze(
      [...tally.bidders].sort(byFirst).map(([bidderId, counters]) => Object.freeze({ bidderId, ...counters })),
    ),
  })
}

function byFirst([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return compareIds(a, b)
}
