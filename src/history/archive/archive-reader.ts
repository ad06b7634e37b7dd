import { timeOfAuctionId } from '../../auction/auction-id.ts'
import { SEARCHED_DAYS } from '../read-auctions.ts'
import { type AuctionFilter, type AuctionHistory, HistoryError, type LoggedAuction } from '../types.ts'
import { ArchiveError } from './archive-error.ts'
import { DAY_MS, type Day, dayOf, startOf } from './day.ts'
import { findAuction } from './find-auction.ts'
import { findAuctions, groupsOf } from './find-auctions.ts'
import { createVerifiedFiles } from './open-verified.ts'

/** The days of the log that are in files. */
export interface ArchiveReader extends Pick<AuctionHistory, 'auction' | 'auctions'> {
  /** When the newest of them ends, in milliseconds since 1970; undefined where there is none. */
  endMs(): Promise<number | undefined>
}

export interface ArchiveReaderOptions {
  readonly directory: string
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** Told of files that cannot be read. */
  readonly onError: (error: ArchiveError) => void
  /** How many auctions are looked through for one page. */
  readonly lookMax?: number
}

/**
 * Reads auctions of archived days, of each file only the row groups whose statistics fit. A day's auctions are ordered by supply in its file: a
 * page of one supply reads a part of it, and one of all looks through the day.
 */
export function createArchiveReader({
  directory,
  now,
  onError,
  lookMax = LOOK_MAX,
}: ArchiveReaderOptions): ArchiveReader {
  const files = createVerifiedFiles({ directory })

  /** What operators are to know and callers are not told, since it names files. */
  async function reported<T>(reading: Promise<T>): Promise<T> {
    return reading.catch((error) => {
      if (error instanceof ArchiveError) onError(error)
      throw error
    })
  }

  async function auctions(filter: AuctionFilter, { first, after }: { first: number; after?: string | undefined }) {
    const within = narrowed(filter, after, now())
    const wanted = first + 1
    const found: LoggedAuction[] = []
    let looked = 0
    for (const { day } of await files.list()) {
      if (startOf(day) >= within.toMs || startOf(day) + DAY_MS <= within.fromMs) continue
      const isWithin = await files.read(day, async (file) => {
        const groups = groupsOf(file, within)
        looked += groups.reduce((sum, { start, end }) => sum + end - start, 0)
        if (looked > lookMax) return false
        found.push(...(await findAuctions(file, groups, within, { limit: wanted - found.length, before: after })))
        return true
      })
      if (isWithin === false) {
        if (found.length === 0) throw tooMany(day, lookMax)
        return { auctions: found.slice(0, first), hasMore: true }
      }
      if (found.length === wanted) break
    }
    return { auctions: found.slice(0, first), hasMore: found.length > first }
  }

  return {
    async auction(id) {
      const startedAtMs = timeOfAuctionId(id)
      if (startedAtMs === undefined) return undefined
      return reported(files.read(dayOf(startedAtMs), (file) => findAuction(file, id)))
    },
    auctions: (filter, page) => reported(auctions(filter, page)),
    async endMs() {
      const [newest] = await files.list()
      return newest && startOf(newest.day) + DAY_MS
    },
  }
}

/** A page begins at the time of the auction that it comes after. */
function narrowed(filter: AuctionFilter, after: string | undefined, nowMs: number) {
  const afterMs = (after === undefined ? undefined : timeOfAuctionId(after)) ?? Infinity
  const { fromMs = nowMs - SEARCHED_DAYS * DAY_MS, toMs = Infinity } = filter
  return { ...filter, fromMs, toMs: Math.min(toMs, afterMs + 1) }
}

function tooMany(day: Day, lookMax: number): HistoryError {
  return new HistoryError(
    'RANGE_TOO_LARGE',
    `None of the newest ${lookMax} archived auctions of this range fits, or ${day} alone has more: name a supplyId, or a range of other days.`,
  )
}

/** A million take some seconds. */
const LOOK_MAX = 1_000_000
