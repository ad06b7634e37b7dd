import type { AuctionRecorder } from '../auction/recorder.ts'
import type { Auction } from '../auction/types.ts'
import type { BidderCounts } from './bidder-counts.ts'
import { type Buckets, createBuckets } from './buckets.ts'

/** How auctions ended, and how long they took. */
export interface AuctionCounts {
  readonly outcomes: Readonly<Record<AuctionOutcome, number>>
  /** From the first bidder asked to the winner known, in milliseconds, of auctions that anybody was eligible for. */
  readonly durationMs: Buckets
  /** A recorder that counts each auction, then gives it to another one. */
  attend(recorder: AuctionRecorder, bidders: Pick<BidderCounts, 'add'>): AuctionRecorder
}

/** How an auction that was recorded ended. */
export type AuctionOutcome = 'sold' | 'no_bids' | 'no_eligible_bidders'

export function createAuctionCounts(): AuctionCounts {
  const outcomes = { sold: 0, no_bids: 0, no_eligible_bidders: 0 }
  const durationMs = createBuckets(DURATION_BOUNDS_MS)
  return {
    outcomes,
    durationMs,
    attend: (recorder, bidders) => ({
      record(auction, asker) {
        count(auction, bidders)
        return recorder.record(auction, asker)
      },
    }),
  }

  function count({ responses, winner, durationMs: tookMs }: Auction, bidders: Pick<BidderCounts, 'add'>): void {
    if (responses.length === 0) {
      outcomes.no_eligible_bidders++
      return
    }
    if (winner === null) outcomes.no_bids++
    else outcomes.sold++
    durationMs.add(tookMs)
    for (const response of responses) bidders.add(response)
  }
}

const DURATION_BOUNDS_MS = [1, 5, 10, 20, 50, 75, 100, 150, 200, 300, 500, 1000, 2000, 5000]
