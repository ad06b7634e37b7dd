import type { Attributes, Span } from '@opentelemetry/api'
import type { Auctioneer } from '../auction/auctioneer.ts'
import type { Auction, AuctionResult } from '../auction/types.ts'
import { toUnits } from '../money.ts'
import { markFailed, type Traces } from './traces.ts'

/**
 * An auctioneer that makes a span of each request, from the rate limit to the count committed, with an event for each
 * bidder's answer. Bidders over HTTP and the commit are told the span, as that of who asked. A user's address is not told.
 */
export function traceAuctioneer(auctioneer: Auctioneer, traces: Traces): Auctioneer {
  return {
    ...auctioneer,
    run(request) {
      const { asker, supplyId, country, tmaxMs } = request
      const span = traces.start('auction', 'INTERNAL', asker, {
        'auction.supply_id': supplyId,
        'auction.country': country,
        'auction.tmax_ms': tmaxMs,
      })
      if (!span.isRecording() && span === asker?.span) return auctioneer.run(request)
      // Without who asked there is nothing to be told a span.
      const traced = asker === undefined ? request : { ...request, asker: { ...asker, span } }
      try {
        const result = auctioneer.run(traced)
        if (result instanceof Promise)
          result.then(
            (settled) => end(span, settled),
            (error) => fail(span, error),
          )
        else end(span, result)
        return result
      } catch (error) {
        fail(span, error)
        throw error
      }
    },
  }
}

function end(span: Span, result: AuctionResult): void {
  if (span.isRecording()) {
    span.setAttributes(result.type === 'HELD' ? attributesOf(result.auction) : { 'auction.outcome': result.type })
    if (result.type === 'HELD') addEvents(span, result.auction)
    if ('isLimitedLocally' in result && result.isLimitedLocally) span.setAttribute('auction.rate_limit', 'local')
  }
  span.end()
}

function fail(span: Span, error: unknown): void {
  span.setAttribute('error.type', error instanceof Error ? error.name : 'unknown')
  markFailed(span)
  span.end()
}

function attributesOf({ id, winner, priceMicros }: Auction): Attributes {
  if (winner === null) return { 'auction.id': id, 'auction.outcome': 'NO_BIDS' }
  return {
    'auction.id': id,
    'auction.outcome': 'SOLD',
    'auction.winner_id': winner.id,
    'auction.price': toUnits(priceMicros),
  }
}

/** At the time at which each counted: what is late does at tmax. */
function addEvents(span: Span, { responses, startedAtMs, durationMs, tmaxMs }: Auction): void {
  for (const { bidderId, outcome, priceMicros, latencyMs, reason } of responses) {
    const attributes: Attributes = { 'bidder.id': bidderId, 'bidder.outcome': outcome }
    if (priceMicros !== null) attributes['bidder.price'] = toUnits(priceMicros)
    if (latencyMs !== null) attributes['bidder.latency_ms'] = latencyMs
    if (reason !== undefined) attributes['bidder.reason'] = reason
    span.addEvent('bidder answered', attributes, startedAtMs + Math.min(latencyMs ?? 0, tmaxMs))
  }
  span.addEvent('winner known', {}, startedAtMs + durationMs)
}
