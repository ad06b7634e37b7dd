import { fieldsOf } from '../asker.ts'
import type { AuctionRecorder } from '../auction/recorder.ts'
import type { Auction } from '../auction/types.ts'
import type { AuctionLog } from '../history/types.ts'
import type { Logger } from '../log.ts'

/**
 * What records auctions: the statistics, which callers wait for, the auction log where there is one, and where its level
 * has it the process's log.
 */
export function createRecorder({
  stats,
  auctionLog,
  log,
}: {
  readonly stats: AuctionRecorder
  readonly auctionLog: Pick<AuctionLog, 'record'> | undefined
  readonly log: Logger
}): AuctionRecorder {
  const recorder = auctionLog === undefined ? stats : both(stats, auctionLog)
  return log.isLevelEnabled('info') ? withLines(recorder, log) : recorder
}

function both(stats: AuctionRecorder, auctionLog: Pick<AuctionLog, 'record'>): AuctionRecorder {
  return {
    record(auction, asker) {
      const counted = stats.record(auction, asker)
      auctionLog.record(auction)
      return counted
    },
  }
}

function withLines(recorder: AuctionRecorder, log: Logger): AuctionRecorder {
  return {
    record(auction, asker) {
      const counted = recorder.record(auction, asker)
      // In a turn of its own, so that no caller waits for the log. A request that nobody could buy for is counted alone.
      if (auction.responses.length > 0) {
        setImmediate(() => log.info({ ...fieldsOf(asker), auction: toldOf(auction) }, 'auction'))
      }
      return counted
    },
  }
}

/**
 * An auction as the log tells it. What was offered to be shown, the addresses that are told, and how the winner is asked,
 * which may have a secret in it, are no matter of the log.
 */
function toldOf(auction: Auction): Auction {
  const { winner, responses } = auction
  return {
    ...auction,
    responses: responses.map((response) => ({ ...response, bid: undefined })),
    winner: winner && { id: winner.id, country: winner.country },
  }
}
