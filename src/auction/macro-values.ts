import { IMPRESSION_ID } from '../bidders/openrtb/supply-part.ts'
import { REASONS, type Reason } from '../bidders/reasons.ts'
import type { Bid, BidderResponse } from '../bidders/types.ts'
import { CURRENCY, formatMicros } from '../money.ts'
import type { MacroValues } from './macros.ts'
import type { Auction } from './types.ts'

/** OpenRTB's loss reason; undefined where nobody bid, or too late. */
export function lossCodeOf({ outcome, reason }: BidderResponse): number | undefined {
  if (outcome !== 'LOST' && outcome !== 'ERROR') return undefined
  const { lossCode }: Reason = REASONS[reason ?? 'OUTBID']
  return lossCode
}

/** What the winner is told. */
export function wonValues(auction: Auction, response: BidderResponse, bid: Bid): MacroValues {
  const bidMicros = response.priceMicros ?? 0
  return {
    ...commonValues(auction, bid),
    AUCTION_PRICE: formatMicros(auction.priceMicros),
    AUCTION_LOSS: String(BID_WON),
    AUCTION_MIN_TO_WIN: formatMicros(closestMicros(auction, response)),
    AUCTION_MBR: String(Math.round((auction.priceMicros / bidMicros) * RATIO_STEPS) / RATIO_STEPS),
    AUCTION_MULTIPLIER: '1',
  }
}

/**
 * A loser is told the price that it should have bid: the winner's bid, or the floor. Not what was paid (4.4.1), which at
 * second price is less and would not have won; one whose bid was none, neither.
 */
export function lostValues(auction: Auction, response: BidderResponse, bid: Bid): MacroValues {
  const winning = auction.responses.find(({ outcome }) => outcome === 'WON')
  const minMicros = winning?.priceMicros ?? auction.floorMicros
  return {
    ...commonValues(auction, bid),
    AUCTION_PRICE: undefined,
    AUCTION_LOSS: String(lossCodeOf(response)),
    AUCTION_MIN_TO_WIN: response.outcome === 'LOST' ? formatMicros(minMicros) : undefined,
    AUCTION_MBR: undefined,
    AUCTION_MULTIPLIER: undefined,
  }
}

function commonValues(auction: Auction, bid: Bid) {
  return {
    AUCTION_ID: auction.id,
    AUCTION_BID_ID: bid.responseId ?? undefined,
    AUCTION_IMP_ID: IMPRESSION_ID,
    AUCTION_SEAT_ID: bid.seat ?? undefined,
    AUCTION_AD_ID: bid.adId ?? undefined,
    AUCTION_CURRENCY: CURRENCY,
  }
}

/** The highest bid of the others, or the floor where none is above it, in whole millionths. */
function closestMicros({ responses, floorMicros }: Auction, winning: BidderResponse): number {
  let closest = floorMicros
  for (const response of responses) {
    if (response !== winning) closest = Math.max(closest, response.priceMicros ?? 0)
  }
  return closest
}

/** OpenRTB's "Bid Won". */
const BID_WON = 0
/** Ratios are told to the millionth. */
const RATIO_STEPS = 1_000_000
