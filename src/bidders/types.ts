import type { Bidder } from '../catalog/types.ts'
import type { Chance } from '../random.ts'

/** How bidders are asked, whatever is behind it: a simulation, a server over HTTP. */
export interface BidderClient {
  /**
   * Asks one bidder. An answer that is known at once comes without a promise, and is taken to arrive after its latency;
   * else a promise, which resolves when the bidder has answered. Nobody waits for it after the deadline: a client ends by
   * then what it does. What goes wrong with a bidder is an answer, no bid or a timeout: to throw or to reject fails the
   * whole auction, so only a bug does.
   * @param deadlineMs when the auction ends, by the clock's `monotonic()`
   */
  bid(bidder: Bidder, request: BidRequest, deadlineMs: number): BidderResponse | Promise<BidderResponse>
}

/** One impression as bidders are offered it. Its chance is the auction's own, for what is simulated. */
export interface BidRequest extends Chance {
  /** UUIDv7. */
  readonly auctionId: string
  readonly supplyId: string
  /** The end user's address, IPv4 or IPv6. */
  readonly ip: string
  /** ISO 3166-1 alpha-2, upper case. */
  readonly country: string
  /** The longest a bidder may take, in milliseconds. */
  readonly tmaxMs: number
}

/** How a bidder that was asked came out of an auction. */
export type BidderOutcome = 'WON' | 'LOST' | 'NO_BID' | 'TIMED_OUT'

/** What one bidder answered in one auction: made by a client, its outcome settled by the auction. */
export interface BidderResponse {
  readonly bidderId: string
  /** A bid is LOST until it has won. */
  outcome: BidderOutcome
  /** The price bid, in whole millionths; null unless WON or LOST. */
  priceMicros: number | null
  /**
   * How long the bidder took, in milliseconds; for TIMED_OUT how long it would have taken, null where that is not known;
   * for NO_BID null where the bidder was not asked itself.
   */
  readonly latencyMs: number | null
}
