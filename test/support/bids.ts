import type { Auction } from '../../src/auction/types.ts'
import type { Bid } from '../../src/bidders/types.ts'

/** A bid over HTTP, with whatever is given. */
export function bidWith(given: Partial<Bid> = {}): Bid {
  return {
    id: 'bid1',
    responseId: null,
    seat: null,
    creative: {
      markup: '<p>',
      creativeId: null,
      advertiserDomains: [],
      width: null,
      height: null,
      mediaType: 'BANNER',
    },
    adId: null,
    nurl: null,
    burl: null,
    lurl: null,
    ...given,
  }
}

/** The same auction, in which everyone who bid did so with this. */
export function withBids(auction: Auction, bidOf: (bidderId: string) => Bid): Auction {
  const responses = auction.responses.map((response) =>
    response.priceMicros === null ? response : { ...response, bid: bidOf(response.bidderId) },
  )
  return { ...auction, responses }
}
