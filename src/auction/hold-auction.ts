import type { Bidder } from '../catalog/types.ts'
import { chooseWinner } from './choose-winner.ts'
import { askSimulatedBidder, type BidderSimulation } from './simulated-bidders.ts'
import type { Auction, AuctionRequest, BidderResponse } from './types.ts'

/** Time, as an auction needs it. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number
  /** Milliseconds since any fixed instant; never goes back. */
  monotonic(): number
}

export interface AuctionHouse {
  readonly simulation: BidderSimulation
  readonly clock: Clock
  readonly newAuctionId: (nowMs: number) => string
}

/**
 * Offers one impression to all bidders at the same time and ends at the slowest answer in time, or at tmax where anyone
 * timed out: never later. All chance is drawn at the start, so auctions replay in their order from the random source's
 * seed, and one timer serves a whole auction. Where nobody makes it wait the result comes without a promise.
 * @param bidders the eligible bidders, sorted by id
 */
export function holdAuction(
  request: AuctionRequest,
  bidders: readonly Bidder[],
  house: AuctionHouse,
): Auction | Promise<Auction> {
  const startedAt = house.clock.monotonic()
  const startedAtMs = house.clock.now()
  const { tmaxMs } = request
  const responses: BidderResponse[] = new Array(bidders.length)
  let slowestMs = 0
  let timedOut = false
  for (let index = 0; index < bidders.length; index++) {
    const response = askSimulatedBidder(bidders[index] as Bidder, tmaxMs, house.simulation)
    if (response.outcome === 'TIMED_OUT') timedOut = true
    else if (response.latencyMs > slowestMs) slowestMs = response.latencyMs
    responses[index] = response
  }

  const winnerIndex = chooseWinner(responses, house.simulation.random)
  const winning = responses[winnerIndex]
  if (winning) winning.outcome = 'WON'
  const auction: Auction = {
    id: house.newAuctionId(startedAtMs),
    supplyId: request.supplyId,
    country: request.country,
    tmaxMs,
    responses,
    winner: bidders[winnerIndex] ?? null,
    priceMicros: winning?.priceMicros ?? 0,
    startedAtMs,
    durationMs: 0,
  }

  const waitMs = timedOut ? tmaxMs : slowestMs
  if (waitMs === 0) return auction
  return new Promise((resolve) => {
    setTimeout(() => {
      auction.durationMs = roundToHundredths(house.clock.monotonic() - startedAt)
      resolve(auction)
    }, Math.ceil(waitMs))
  })
}

function roundToHundredths(ms: number): number {
  return Math.round(ms * 100) / 100
}
