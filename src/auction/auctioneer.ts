import type { Catalog, Supply } from '../catalog/types.ts'
import { rateLimitKey } from '../rate-limit/key.ts'
import type { RateLimitDecision, RateLimiter } from '../rate-limit/types.ts'
import { type AuctionHouse, holdAuction } from './hold-auction.ts'
import type { AuctionRecorder } from './recorder.ts'
import type { Auction, AuctionRequest, AuctionResult } from './types.ts'

export interface Auctioneer {
  /**
   * Sells one impression: supply, rate limit, eligible bidders, auction, recording, in this order. What is answered has
   * been recorded. Answers without a promise where nothing makes it wait. Never rejects.
   */
  run(request: AuctionRequest): AuctionResult | Promise<AuctionResult>
  /** Requests under way: not yet answered. */
  inFlight(): number
}

export interface AuctioneerDependencies {
  readonly catalog: Pick<Catalog, 'current'>
  readonly rateLimiter: RateLimiter
  readonly recorder: AuctionRecorder
  readonly house: AuctionHouse
}

export function createAuctioneer(dependencies: AuctioneerDependencies): Auctioneer {
  const { catalog, rateLimiter, recorder, house } = dependencies
  let inFlight = 0

  return {
    run(request) {
      const supply = catalog.current().supplies.get(request.supplyId)
      if (!supply) return { type: 'SUPPLY_NOT_FOUND', supplyId: request.supplyId }
      inFlight++
      const decision = rateLimiter.take(rateLimitKey(request.ip))
      return decision instanceof Promise
        ? decision.then((settled) => sell(supply, request, settled))
        : sell(supply, request, decision)
    },
    inFlight: () => inFlight,
  }

  function sell(
    supply: Supply,
    request: AuctionRequest,
    decision: RateLimitDecision,
  ): AuctionResult | Promise<AuctionResult> {
    const limitedLocally = decision.local
    if (!decision.allowed) return end({ type: 'RATE_LIMITED', retryAfterMs: decision.retryAfterMs, limitedLocally })
    const auction = holdAuction(request, supply.biddersByCountry.get(request.country) ?? [], house)
    return auction instanceof Promise
      ? auction.then((held) => record(held, limitedLocally))
      : record(auction, limitedLocally)
  }

  function record(auction: Auction, limitedLocally: boolean): AuctionResult | Promise<AuctionResult> {
    const recorded = recorder.record(auction)
    const { supplyId, country, responses } = auction
    const result: AuctionResult =
      responses.length === 0
        ? { type: 'NO_ELIGIBLE_BIDDERS', supplyId, country, limitedLocally }
        : { type: 'HELD', auction, limitedLocally }
    return recorded instanceof Promise ? recorded.then(() => end(result)) : end(result)
  }

  function end(result: AuctionResult): AuctionResult {
    inFlight--
    return result
  }
}
