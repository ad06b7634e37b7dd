import type { Asker } from '../asker.ts'
import type { Auction } from './types.ts'

/** Where auctions are recorded: statistics, a log. */
export interface AuctionRecorder {
  /**
   * Records one auction, also where nobody was eligible. Its caller is answered when this returns or, where it returns a
   * promise, when that resolves.
   * @param asker who asked for it, where that is known
   */
  record(auction: Auction, asker?: Asker): void | Promise<void>
}
