import { lossCodeOf, lostValues, wonValues } from '../auction/macro-values.ts'
import { replaceInUrl } from '../auction/macros.ts'
import type { Auction } from '../auction/types.ts'
import type { Bid, BidderResponse } from '../bidders/types.ts'
import type { Notice, NoticeKind } from './types.ts'

/**
 * Whom to tell of an auction: the winner that it has won, and what to call once the ad was shown; whoever bid in vain that
 * it has lost, with the reason. Undefined where no bid has a URL for it, at the cost of looking at each response.
 */
export function noticesOf(auction: Auction): readonly Notice[] | undefined {
  const { responses } = auction
  let notices: Notice[] | undefined
  for (let index = 0; index < responses.length; index += 1) {
    const response = responses[index] as BidderResponse
    if (response.bid === undefined) continue
    notices ??= []
    addNotices(notices, auction, response, response.bid)
  }
  return notices === undefined || notices.length === 0 ? undefined : notices
}

function addNotices(notices: Notice[], auction: Auction, response: BidderResponse, bid: Bid): void {
  if (response.outcome === 'WON') {
    add('WIN', bid.nurl, wonValues)
    add('BILLING', bid.burl, wonValues)
  } else if (lossCodeOf(response) !== undefined) {
    add('LOSS', bid.lurl, lostValues)
  }

  function add(kind: NoticeKind, template: string | null, valuesOf: typeof wonValues): void {
    if (!template) return
    notices.push({ bidderId: response.bidderId, kind, url: replaceInUrl(template, valuesOf(auction, response, bid)) })
  }
}
