import type { Logger } from 'pino'
import { formatMicros } from '../money.ts'
import type { Auction, BidderResponse } from './types.ts'

/**
 * Logs each auction at level info: one block a person can read, and the auction itself as fields. Written after the
 * caller was answered. Returns undefined where that level is off, so that it costs nothing.
 */
export function createAuctionLog(log: Logger): ((auction: Auction) => void) | undefined {
  if (!log.isLevelEnabled('info')) return undefined
  return (auction) => setImmediate(() => log.info({ auction }, formatAuction(auction)))
}

/** An auction as a block of lines. */
export function formatAuction(auction: Auction): string {
  const { supplyId, country, tmaxMs, responses, winner, priceMicros } = auction
  return [
    `Auction for ${supplyId} (country=${country}, tmax=${tmaxMs}ms)`,
    ...responses.map((response) => formatResponse(response, tmaxMs)),
    winner ? `Winner: ${winner.id} (${formatMicros(priceMicros)})` : 'No winner',
  ].join('\n  ')
}

function formatResponse({ bidderId, outcome, priceMicros, latencyMs }: BidderResponse, tmaxMs: number): string {
  if (outcome === 'TIMED_OUT') return `${bidderId} - timeout (latency ${Math.ceil(latencyMs)}ms > tmax ${tmaxMs}ms)`
  if (outcome === 'NO_BID') return `${bidderId} - no bid`
  return `${bidderId} - price ${formatMicros(priceMicros ?? 0)}`
}
