import type { BidderResponse } from './types.ts'

/** A bid, in whole millionths. */
export function bidOf(bidderId: string, priceMicros: number, latencyMs: number): BidderResponse {
  return { bidderId, outcome: 'LOST', priceMicros, latencyMs }
}

export function noBid(bidderId: string, latencyMs: number): BidderResponse {
  return { bidderId, outcome: 'NO_BID', priceMicros: null, latencyMs }
}

/** No answer by the deadline. */
export function timedOut(bidderId: string): BidderResponse {
  return { bidderId, outcome: 'TIMED_OUT', priceMicros: null, latencyMs: null }
}
