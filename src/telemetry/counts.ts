import { type AuctionCounts, createAuctionCounts } from './auction-counts.ts'
import { type Buckets, createBuckets } from './buckets.ts'
import { createErrorCounts, type ErrorCounts } from './error-counts.ts'

/**
 * What is counted where it happens: each a plain number that whoever counts adds to, such as `counts.unknownSupplies++`, and
 * that is read when Prometheus asks. So a count costs nanoseconds, whether anybody asks or not.
 */
export interface Counts {
  readonly auctions: AuctionCounts
  /** Requests for an auction of a supply that does not exist. */
  unknownSupplies: number
  /** From an operation's last byte to its answer, less what its auctions waited for bidders, in milliseconds. */
  readonly ownOverheadMs: Buckets
  /** Of the statistics in Redis: auctions of each commit, and how long it took, in milliseconds. */
  readonly commitAuctions: Buckets
  readonly commitMs: Buckets
  readonly errors: ErrorCounts
}

export function createCounts(): Counts {
  return {
    auctions: createAuctionCounts(),
    unknownSupplies: 0,
    ownOverheadMs: createBuckets([0.1, 0.25, 0.5, 1, 2, 3, 5, 10, 15, 25, 50, 100, 250, 500, 1000]),
    commitAuctions: createBuckets([1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000]),
    commitMs: createBuckets([0.25, 0.5, 1, 2, 5, 10, 25, 50, 100, 250, 500, 1000]),
    errors: createErrorCounts(),
  }
}
