import type { ReasonName } from './reasons.ts'
import type { Bid, BidderResponse } from './types.ts'

/** A bid, in whole millionths. */
export function bidOf(bidderId: string, priceMicros: number, latencyMs: number, bid?: Bid): BidderResponse {
  return { bidderId, outcome: 'LOST', priceMicros, latencyMs, reason: undefined, bid }
}

export function noBid(bidderId: string, latencyMs: number): BidderResponse {
  return { bidderId, outcome: 'NO_BID', priceMicros: null, latencyMs, reason: undefined, bid: undefined }
}

/** No answer by the deadline. */
export function timedOut(bidderId: string): BidderResponse {
  return { bidderId, outcome: 'TIMED_OUT', priceMicros: null, latencyMs: null, reason: undefined, bid: undefined }
}

/**
 * An answer that is neither a bid that could be taken nor a refusal to bid.
 * @param bid the one that was not taken, where it says whom to tell that it has lost
 */
export function failed(bidderId: string, reason: ReasonName, latencyMs: number, bid?: Bid): BidderResponse {
  return { bidderId, outcome: 'ERROR', priceMicros: null, latencyMs, reason, bid }
}

/** Not asked. */
export function skipped(bidderId: string, reason: ReasonName): BidderResponse {
  return { bidderId, outcome: 'SKIPPED', priceMicros: null, latencyMs: null, reason, bid: undefined }
}
