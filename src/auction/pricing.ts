import type { BidderResponse } from '../bidders/types.ts'

/** What the winner pays, in whole millionths: its own bid (first price). 0 without a winner. */
export function firstPrice(responses: readonly BidderResponse[], winnerIndex: number): number {
  return responses[winnerIndex]?.priceMicros ?? 0
}
