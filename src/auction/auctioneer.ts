import type { Bidder, Catalog } from '../catalog/types.ts'
import { rateLimitKey } from '../rate-limit/key.ts'
import type { RateLimitDecision, RateLimiter } from '../rate-limit/types.ts'
import { type AuctionDependencies, holdAuction } from './hold-auction.ts'
import type { AuctionRecorder } from './recorder.ts'
import type { Auction, AuctionRequest, AuctionResult } from './types.ts'

export interface Auctioneer {
  /**
   * Sells one impression: supply, rate limit, eligible bidders, auction, recording, in this order. What is answered has
   * been recorded. Answers without a promise where nothing makes it wait. Throws or rejects only where something it
   * depends on does.
   */
  run(request: AuctionRequest): AuctionResult | Promise<AuctionResult>
  /** Requests under way: not yet answered. */
  inFlight(): number
}

export interface AuctioneerDependencies extends AuctionDependencies {
  readonly catalog: Pick<Catalog, 'current'>
  readonly rateLimiter: Pick<RateLimiter, 'take'>
  readonly recorder: AuctionRecorder
  /** Told of each request for a supply that does not exist, of which nothing is recorded. */
  readonly onUnknownSupply?: () => void
}

export function createAuctioneer(dependencies: AuctioneerDependencies): Auctioneer {
  const { catalog, rateLimiter, recorder, onUnknownSupply } = dependencies
  let inFlight = 0
  let auctions = 0

  return {
    run(request) {
      const bidders = catalog.current().eligibleBidders(request.supplyId, request.country)
      if (!bidders) {
        onUnknownSupply?.()
        return { type: 'SUPPLY_NOT_FOUND', supplyId: request.supplyId }
      }
      let isWaiting = false
      inFlight++
      // Each step is tried without waiting; the first that must be waited for goes on in `finish`.
      try {
        const decision = rateLimiter.take(rateLimitKey(request.ip))
        if (decision instanceof Promise) {
          isWaiting = true
          return finish(bidders, request, decision)
        }
        if (!decision.isAllowed) return refusal(decision)
        const auction = hold(bidders, request)
        if (auction instanceof Promise) {
          isWaiting = true
          return finish(bidders, request, decision, auction)
        }
        const recorded = recorder.record(auction, request.asker)
        if (recorded instanceof Promise) {
          isWaiting = true
          return finish(bidders, request, decision, auction, recorded)
        }
        return resultOf(auction, decision)
      } finally {
        if (!isWaiting) inFlight--
      }
    },
    inFlight: () => inFlight,
  }

  /** The steps that are left, waiting where they make it wait. */
  async function finish(
    bidders: readonly Bidder[],
    request: AuctionRequest,
    taking: RateLimitDecision | Promise<RateLimitDecision>,
    holding?: Auction | Promise<Auction>,
    recording?: Promise<void>,
  ): Promise<AuctionResult> {
    try {
      const decision = taking instanceof Promise ? await taking : taking
      if (!decision.isAllowed) return refusal(decision)
      const held = holding ?? hold(bidders, request)
      const auction = held instanceof Promise ? await held : held
      const recorded = recording ?? recorder.record(auction, request.asker)
      if (recorded instanceof Promise) await recorded
      return resultOf(auction, decision)
    } finally {
      inFlight--
    }
  }

  function hold(bidders: readonly Bidder[], request: AuctionRequest): Auction | Promise<Auction> {
    auctions++
    const settings = catalog.current().supplySettings(request.supplyId)
    const supply = request.supply === undefined ? settings : { ...settings, ...request.supply }
    return holdAuction(request, bidders, supply, auctions, dependencies)
  }
}

function refusal({ retryAfterMs, isLocal }: RateLimitDecision & { readonly isAllowed: false }): AuctionResult {
  return { type: 'RATE_LIMITED', retryAfterMs, isLimitedLocally: isLocal }
}

function resultOf(auction: Auction, { isLocal }: RateLimitDecision): AuctionResult {
  if (auction.responses.length > 0) return { type: 'HELD', auction, isLimitedLocally: isLocal }
  const { supplyId, country } = auction
  return { type: 'NO_ELIGIBLE_BIDDERS', supplyId, country, isLimitedLocally: isLocal }
}
