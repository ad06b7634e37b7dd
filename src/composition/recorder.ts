import { formatAuction } from '../auction/format-auction.ts'
import type { AuctionRecorder } from '../auction/recorder.ts'
import type { Logger } from '../log.ts'

/** What records auctions: the statistics, which callers wait for, and where the log's level has it the log. */
export function createRecorder({
  stats,
  log,
}: {
  readonly stats: AuctionRecorder
  readonly log: Logger
}): AuctionRecorder {
  if (!log.isLevelEnabled('info')) return stats
  return {
    record(auction) {
      const counted = stats.record(auction)
      // In a turn of its own, so that no caller waits for the log. A request that nobody could buy for is counted alone.
      if (auction.responses.length > 0) setImmediate(() => log.info({ auction }, formatAuction(auction)))
      return counted
    },
  }
}
