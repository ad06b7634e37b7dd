import type { Bidder } from '../catalog/types.ts'
import { MICROS_PER_CENT } from '../money.ts'
import type { Random } from './random.ts'
import type { BidderResponse } from './types.ts'

/** How bidders behave, since there is none behind a network yet. */
export interface BidderSimulation {
  /** Latency is uniform in 0..latencyFactor x tmax; 0: every bidder answers at once. */
  readonly latencyFactor: number
  /** The share of answers in time that bid nothing, 0 to 1. */
  readonly noBidProbability: number
  readonly random: Random
}

/**
 * Asks one bidder. Later than tmax is a timeout; else no bid; else a price uniform in 1..100 whole cents, LOST until a winner
 * is chosen.
 * @param tmaxMs the longest the bidder may take, in milliseconds
 */
export function askSimulatedBidder(bidder: Bidder, tmaxMs: number, simulation: BidderSimulation): BidderResponse {
  const { random } = simulation
  const latencyMs =
    Math.floor(random() * simulation.latencyFactor * tmaxMs * LATENCY_STEPS_PER_MS) / LATENCY_STEPS_PER_MS
  if (latencyMs > tmaxMs) return { bidderId: bidder.id, outcome: 'TIMED_OUT', priceMicros: null, latencyMs }
  if (random() < simulation.noBidProbability) {
    return { bidderId: bidder.id, outcome: 'NO_BID', priceMicros: null, latencyMs }
  }
  const cents = MIN_PRICE_CENTS + Math.floor(random() * (MAX_PRICE_CENTS - MIN_PRICE_CENTS + 1))
  return { bidderId: bidder.id, outcome: 'LOST', priceMicros: cents * MICROS_PER_CENT, latencyMs }
}

const MIN_PRICE_CENTS = 1
const MAX_PRICE_CENTS = 100
/** Latencies are told to a hundredth of a millisecond. */
const LATENCY_STEPS_PER_MS = 100
