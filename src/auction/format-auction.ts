import type { BidderResponse } from '../bidders/types.ts'
import { formatMicros } from '../money.ts'
import type { Auction } from './types.ts'

type FormattedAuction = Pick<Auction, 'supplyId' | 'country' | 'tmaxMs' | 'responses' | 'priceMicros'> & {
  readonly winner: { readonly id: string } | null
}

/** An auction as a block of lines that a person can read. */
export function formatAuction(auction: FormattedAuction): string {
  const { supplyId, country, tmaxMs, responses, winner, priceMicros } = auction
  return [
    `Auction for ${supplyId} (country=${country}, tmax=${tmaxMs}ms)`,
    ...responses.map((response) => formatResponse(response, tmaxMs)),
    winner ? `Winner: ${winner.id} (${formatMicros(priceMicros)})` : 'No winner',
  ].join('\n  ')
}

function formatResponse({ bidderId, outcome, priceMicros, latencyMs }: BidderResponse, tmaxMs: number): string {
  if (outcome === 'TIMED_OUT') {
    const late =
      latencyMs === null ? `no answer in ${tmaxMs}ms` : `latency ${Math.ceil(latencyMs)}ms > tmax ${tmaxMs}ms`
    return `${bidderId} - timeout (${late})`
  }
  if (outcome === 'NO_BID') return `${bidderId} - no bid`
  return `${bidderId} - price ${formatMicros(priceMicros ?? 0)}`
}
