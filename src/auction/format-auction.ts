import type { ReasonName } from '../bidders/reasons.ts'
import type { BidderResponse } from '../bidders/types.ts'
import { formatMicros } from '../money.ts'
import type { Auction } from './types.ts'

/** What is shown of an auction. */
export type FormattedAuction = Pick<Auction, 'supplyId' | 'country' | 'tmaxMs' | 'responses' | 'priceMicros'> & {
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

function formatResponse(response: BidderResponse, tmaxMs: number): string {
  const { bidderId, outcome, priceMicros, latencyMs, reason } = response
  if (outcome === 'TIMED_OUT') {
    const late =
      latencyMs === null ? `no answer in ${tmaxMs}ms` : `latency ${Math.ceil(latencyMs)}ms > tmax ${tmaxMs}ms`
    return `${bidderId} - timeout (${late})`
  }
  if (outcome === 'NO_BID') return `${bidderId} - no bid`
  if (outcome === 'ERROR') return `${bidderId} - error${because(reason)}`
  if (outcome === 'SKIPPED') return `${bidderId} - not asked${because(reason)}`
  return `${bidderId} - price ${formatMicros(priceMicros ?? 0)}${because(reason)}`
}

function because(reason: ReasonName | undefined): string {
  return reason === undefined ? '' : ` (${reason.toLowerCase().replaceAll('_', ' ')})`
}
