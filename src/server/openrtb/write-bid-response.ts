import type { Auction } from '../../auction/types.ts'
import { CREATIVE_MARKUP_TYPES } from '../../bidders/openrtb/creative.ts'
import { CURRENCY, toUnits } from '../../money.ts'
import type { OpenRtbBid, OpenRtbBidResponse } from '../../openrtb/types.ts'

/**
 * The auctions that were sold, as a bid response: a seat for each winner, a bid for each impression, whose `id` is the
 * auction's and whose `price` is what is paid. Undefined where none was.
 */
export function bidResponse(
  id: string,
  held: readonly { readonly impId: string; readonly auction: Auction }[],
): OpenRtbBidResponse | undefined {
  const seats = new Map<string, OpenRtbBid[]>()
  for (const { impId, auction } of held) {
    if (!auction.winner) continue
    const bids = seats.get(auction.winner.id) ?? []
    bids.push(bidOf(impId, auction))
    seats.set(auction.winner.id, bids)
  }
  if (seats.size === 0) return undefined
  return { id, seatbid: [...seats].map(([seat, bid]) => ({ seat, bid })), cur: CURRENCY }
}

/** A simulated winner has nothing to show. */
function bidOf(impid: string, { id, priceMicros, responses }: Auction): OpenRtbBid {
  const bid = { id, impid, price: toUnits(priceMicros) }
  const creative = responses.find(({ outcome }) => outcome === 'WON')?.bid?.creative
  if (!creative) return bid
  const { markup, creativeId, advertiserDomains, width, height, mediaType } = creative
  return {
    ...bid,
    adm: markup,
    ...(advertiserDomains.length > 0 && { adomain: advertiserDomains }),
    ...(creativeId !== null && { crid: creativeId }),
    ...(width !== null && { w: width }),
    ...(height !== null && { h: height }),
    mtype: CREATIVE_MARKUP_TYPES[mediaType],
  }
}
