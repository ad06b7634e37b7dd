import { MICROS_PER_CENT } from '../money.ts'
import { draw } from '../random.ts'
import { bidOf, noBid } from './response.ts'
import type { BidderClient } from './types.ts'

/** How simulated bidders behave. */
export interface BidderSimulation {
  /** Latency is uniform in 0..latencyFactor x tmax; 0: every bidder answers at once. */
  readonly latencyFactor: number
  /** The share of answers that bid nothing, 0 to 1. */
  readonly noBidProbability: number
}

/**
 * Bidders that bid by chance: no bid, or a price uniform in 1..100 whole cents. They know at once what they will answer
 * and when, so an auction among them needs one timer, and none where the latency is 0. All of it is drawn from the
 * request, so an auction replays from its seed and number, whatever runs beside it.
 */
export function createSimulatedBidders({ latencyFactor, noBidProbability }: BidderSimulation): BidderClient {
  return {
    bid(bidder, request) {
      const latencyMs = Math.floor(draw(request) * latencyFactor * request.tmaxMs * STEPS_PER_MS) / STEPS_PER_MS
      if (draw(request) < noBidProbability) return noBid(bidder.id, latencyMs)
      const cents = MIN_PRICE_CENTS + Math.floor(draw(request) * (MAX_PRICE_CENTS - MIN_PRICE_CENTS + 1))
      return bidOf(bidder.id, cents * MICROS_PER_CENT, latencyMs)
    },
  }
}

const MIN_PRICE_CENTS = 1
const MAX_PRICE_CENTS = 100
/** Latencies are told to a hundredth of a millisecond. */
const STEPS_PER_MS = 100
