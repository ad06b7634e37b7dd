import type { BidderResponse } from '../bidders/types.ts'
import type { SupplySettings } from '../catalog/types.ts'
import { MICROS_PER_CENT } from '../money.ts'

/**
 * What the winner pays, in whole millionths; 0 without a winner. First price: its own bid. Second price: a cent more than
 * the second highest bid, or than the floor where nobody else bid as much, and never more than its own.
 */
export function priceToPay(
  responses: readonly BidderResponse[],
  winnerIndex: number,
  { auctionType, floorMicros }: Pick<SupplySettings, 'auctionType' | 'floorMicros'>,
): number {
  const bidMicros = responses[winnerIndex]?.priceMicros ?? 0
  if (auctionType === 'FIRST_PRICE' || bidMicros === 0) return bidMicros
  let secondMicros = floorMicros
  for (let index = 0; index < responses.length; index++) {
    const priceMicros = responses[index]?.priceMicros ?? 0
    if (index !== winnerIndex && priceMicros > secondMicros) secondMicros = priceMicros
  }
  return Math.min(bidMicros, secondMicros + MICROS_PER_CENT)
}
