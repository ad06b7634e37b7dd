import type { Auction } from './types.ts'

/** Where auctions are recorded: statistics, a log. */
export interface AuctionRecorder {
  /**
   * Records one auction, also where nobody was eligible. Its caller is answered when this returns or, where it returns a
   * promise, when that resolves.
   */
  record(auction: Auction): void | Promise<void>
}
