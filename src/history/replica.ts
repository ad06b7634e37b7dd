import { isDatabaseUnavailable } from '../db/unavailable.ts'
import type { AuctionHistory } from './types.ts'

/**
 * What the log is read by.
 * @param onPrimary called where a replica was to be asked and the primary was
 */
export type HistoryReader = (onPrimary: () => void) => AuctionHistory

export interface ReplicaDependencies {
  readonly replica: AuctionHistory
  readonly primary: AuctionHistory
  /** Milliseconds, whenever they began. */
  readonly monotonic: () => number
}

/** Reads from a replica, and where that does not answer from the primary, which is then asked at once for some seconds. */
export function createReplicaReader({ replica, primary, monotonic }: ReplicaDependencies): HistoryReader {
  let awayUntil = Number.NEGATIVE_INFINITY

  return (onPrimary) => {
    async function read<T>(ask: (history: AuctionHistory) => Promise<T>): Promise<T> {
      if (monotonic() >= awayUntil) {
        try {
          return await ask(replica)
        } catch (error) {
          if (!isDatabaseUnavailable(error)) throw error
          awayUntil = monotonic() + AWAY_MS
        }
      }
      onPrimary()
      return ask(primary)
    }
    return {
      auction: (id) => read((history) => history.auction(id)),
      auctions: (filter, page) => read((history) => history.auctions(filter, page)),
      stats: (query) => read((history) => history.stats(query)),
    }
  }
}

/** How long a replica that did not answer is left alone, in milliseconds: each try may take as long as a connection does. */
const AWAY_MS = 5_000
