import type { Bid, BidderClient, BidderResponse, BidRequest } from '../bidders/types.ts'
import type { Bidder, SupplySettings } from '../catalog/types.ts'
import { roundToHundredths } from '../hundredths.ts'
import { chanceOf } from '../random.ts'
import { chooseWinner } from './choose-winner.ts'
import { collectBids } from './collect-bids.ts'
import { wonValues } from './macro-values.ts'
import { replaceInMarkup } from './macros.ts'
import { priceToPay } from './pricing.ts'
import type { Auction, AuctionRequest } from './types.ts'

/** Time, as an auction needs it. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number
  /** Milliseconds since any fixed instant; never goes back. */
  monotonic(): number
}

export interface AuctionDependencies {
  readonly bidderClient: BidderClient
  readonly clock: Clock
  readonly newAuctionId: (nowMs: number) => string
  /** A whole number from 0 to 2^32 - 1, from which all chance is drawn. */
  readonly seed: number
}

/**
 * Offers one impression to all bidders at the same time: collects their bids, chooses the winner, and says what it pays.
 * Where nobody makes it wait the result comes without a promise. The same seed and number give the same chance, whatever
 * else runs.
 * @param bidders the eligible bidders, sorted by id
 * @param supply how the supply sells
 * @param number counts auctions: each has its own
 */
export function holdAuction(
  request: AuctionRequest,
  bidders: readonly Bidder[],
  supply: SupplySettings,
  number: number,
  dependencies: AuctionDependencies,
): Auction | Promise<Auction> {
  const { bidderClient, clock, newAuctionId, seed } = dependencies
  const { supplyId, ip, country, tmaxMs, details, asker } = request
  const startedAt = clock.monotonic()
  const startedAtMs = clock.now()
  const auctionId = newAuctionId(startedAtMs)
  const chance = chanceOf(seed, number)
  const bidRequest: BidRequest = { auctionId, supplyId, ip, country, tmaxMs, supply, details, asker, chance }
  const collected = collectBids(bidRequest, bidders, bidderClient, startedAt + tmaxMs)
  return collected instanceof Promise
    ? collected.then((responses) =>
        decide(bidRequest, bidders, responses, startedAtMs, roundToHundredths(clock.monotonic() - startedAt)),
      )
    : decide(bidRequest, bidders, collected, startedAtMs, 0)
}

function decide(
  request: BidRequest,
  bidders: readonly Bidder[],
  responses: readonly BidderResponse[],
  startedAtMs: number,
  durationMs: number,
): Auction {
  const winnerIndex = chooseWinner(responses, request, request.supply.floorMicros)
  const winning = responses[winnerIndex]
  if (winning) winning.outcome = 'WON'
  const { auctionId, supplyId, country, tmaxMs, supply } = request
  const { auctionType, floorMicros } = supply
  const auction: Auction = {
    id: auctionId,
    supplyId,
    country,
    tmaxMs,
    responses,
    auctionType,
    floorMicros,
    winner: bidders[winnerIndex] ?? null,
    priceMicros: priceToPay(responses, winnerIndex, supply),
    startedAtMs,
    durationMs,
  }
  if (winning?.bid) winning.bid = withPricePaid(winning.bid, winning, auction)
  return auction
}

function withPricePaid(bid: Bid, winning: BidderResponse, auction: Auction): Bid {
  const markup = replaceInMarkup(bid.creative.markup, wonValues(auction, winning, bid))
  return { ...bid, creative: { ...bid.creative, markup } }
}
