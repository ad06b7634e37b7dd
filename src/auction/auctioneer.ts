import type { Catalog, Supply } from '../catalog/types.ts'
import { rateLimitKey } from '../rate-limit/key.ts'
import type { RateLimitDecision, RateLimiter } from '../rate-limit/types.ts'
import type { StatsStore } from '../stats/types.ts'
import { type AuctionHouse, holdAuction } from './hold-auction.ts'
import type { Auction, AuctionRequest, AuctionResult } from './types.ts'

export interface Auctioneer {
  /**
   * Sells one impression: supply, rate limit, eligible bidders, auction, counting, in this order. What is answered has
   * been counted. Answers without a promise where nothing makes it wait. Never rejects.
   */
  run(request: AuctionRequest): AuctionResult | Promise<AuctionResult>
  /** Requests under way: not yet answered. */
  inFlight(): number
}

export interface AuctioneerDependencies {
  readonly catalog: Pick<Catalog, 'current'>
  readonly rateLimiter: RateLimiter
  readonly stats: StatsStore
  readonly house: AuctionHouse
  /** Called with each auction held, while its count is being committed; undefined where nobody listens, so that it costs nothing. */
  readonly onAuction: ((auction: Auction) => void) | undefined
}

export function createAuctioneer(dependencies: AuctioneerDependencies): Auctioneer {
  const { catalog, rateLimiter, stats, house, onAuction } = dependencies
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
    const { supplyId, country } = request
    const bidders = supply.biddersByCountry.get(country)
    if (!bidders || bidders.length === 0) {
      const counted = stats.record({ supplyId, country, responses: [] })
      return endAfter(counted, { type: 'NO_ELIGIBLE_BIDDERS', supplyId, country, limitedLocally })
    }
    const auction = holdAuction(request, bidders, house)
    return auction instanceof Promise
      ? auction.then((held) => count(held, limitedLocally))
      : count(auction, limitedLocally)
  }

  function count(auction: Auction, limitedLocally: boolean): AuctionResult | Promise<AuctionResult> {
    const counted = stats.record(auction)
    if (onAuction) onAuction(auction)
    return endAfter(counted, { type: 'HELD', auction, limitedLocally })
  }

  function endAfter(counted: void | Promise<void>, result: AuctionResult): AuctionResult | Promise<AuctionResult> {
    return counted instanceof Promise ? counted.then(() => end(result)) : end(result)
  }

  function end(result: AuctionResult): AuctionResult {
    inFlight--
    return result
  }
}
