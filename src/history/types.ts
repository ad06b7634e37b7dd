import type { AuctionRecorder } from '../auction/recorder.ts'
import type { Auction } from '../auction/types.ts'
import type { BidderResponse } from '../bidders/types.ts'
import type { PackedAuctions } from './packed-auction.ts'
import type { Rollups } from './rollups.ts'

/** An auction as it was logged. */
export interface LoggedAuction extends Omit<Auction, 'winner' | 'responses' | 'auctionType' | 'floorMicros'> {
  readonly winnerId: string | null
  readonly responses: readonly Readonly<BidderResponse>[]
}

/** Where auctions are logged: an `AuctionRecorder` that nobody waits for. */
export interface AuctionLog extends AuctionRecorder, AuctionLogState {
  /** Takes one auction on its way to the store. Never waits, never throws. */
  record(auction: Auction): void
  status(): AuctionLogStatus
  dispose(): Promise<void>
}

export interface AuctionLogState {
  /** How many auctions are on their way, not known to be where a killed process cannot lose them. */
  pending(): number
  /** Writes everything pending; resolves with how many auctions are left, none or what `timeoutMs` did not suffice for. */
  flush(timeoutMs: number): Promise<number>
  /** For health reports. */
  status(): AuctionLogStatus | Promise<AuctionLogStatus>
}

export interface AuctionLogStatus {
  /** `down`: auctions wait, because the store is away or takes none. */
  readonly status: 'up' | 'down'
  /** Auctions that wait in this process. */
  readonly pendingAuctions?: number
  readonly pendingBytes: number
  /** More than this does not wait: rows are given up, and counted all the same. */
  readonly pendingBytesMax: number
  /** Rows that this process gave up. */
  readonly givenUp: number
  /** How long the one that has waited longest in Redis has been there, in milliseconds. */
  readonly lagMs?: number
  /** Commits that wait in Redis. */
  readonly streamEntries?: number
  /** Who ships them: this process, or another one. */
  readonly worker?: 'here' | 'standby' | 'elsewhere'
  readonly error?: string
}

/** Where the log's batches end: a database, a topic, a file. */
export interface AuctionLogStore {
  /**
   * Writes a batch as a whole, once however often it is sent: batches of one store are sent one after the other, each
   * until it is written.
   * @throws where it is not written or may not be; then it is sent again, as it is
   */
  write(batch: LogBatch): Promise<void>
  dispose(): Promise<void>
}

/** One that knows how far it was written, and that one process at a time writes to. */
export interface ResumableLogStore extends AuctionLogStore {
  /** Begins to write, where no other process does, from the positions of the last batches on. */
  resume(): Promise<{ readonly isStandby: false; readonly positions: Positions } | { readonly isStandby: true }>
  /** Whether the row of an auction is there, by its id as text and its time. To be asked after `resume`. */
  has(id: string, startedAtMs: number): Promise<boolean>
}

/** Where in each part of what is written a batch ends; where it has no parts, in the WHOLE. */
export type Positions = ReadonlyMap<string, string>
export const WHOLE = ''

export interface LogBatch {
  /** Name the batch: no other one of this store has the same. They are written with it, or none of it is. */
  readonly positions: Positions
  readonly rows: readonly PackedAuctions[]
  /** What the rows add to the statistics of their hours, and what those add that were given up before they were written. */
  readonly rollups: Rollups
  /** Rows that were given up, by hours since 1970. */
  readonly givenUp: ReadonlyMap<number, number>
}

/** What a supply's auctions of all hours come to, each bidder's by the country of its requests. */
export interface SupplyTotals {
  readonly supplyId: string
  readonly countries: readonly { readonly country: string; readonly requests: number }[]
  readonly bidders: readonly BidderTotals[]
}

export interface BidderTotals {
  readonly country: string
  readonly bidderId: string
  readonly wins: number
  readonly losses: number
  readonly noBids: number
  readonly timeouts: number
  readonly errors: number
  readonly skipped: number
  readonly revenueMicros: number
}

/** Where logged auctions are read. */
export interface AuctionHistory {
  /** Undefined where there is none of this id. */
  auction(id: string): Promise<LoggedAuction | undefined>
  /**
   * The newest first, by their ids.
   * @throws HistoryError RANGE_TOO_LARGE where none was found among as many as are looked at for one page
   */
  auctions(filter: AuctionFilter, page: AuctionPage): Promise<FoundAuctions>
  /**
   * In no order; buckets that had no request are left out.
   * @throws HistoryError RANGE_TOO_LARGE where there is more to read than is read at once
   */
  stats(query: StatsQuery): Promise<readonly StatsBucket[]>
}

/** Which auctions: those that fit everything that is given. */
export interface AuctionFilter {
  readonly supplyId?: string | undefined
  /** Among those that were asked. */
  readonly bidderId?: string | undefined
  readonly country?: string | undefined
  readonly isSold?: boolean | undefined
  /** Milliseconds since 1970; `fromMs` is in, `toMs` is out. */
  readonly fromMs?: number | undefined
  readonly toMs?: number | undefined
}

export interface AuctionPage {
  /** The most auctions of the page. */
  readonly first: number
  /** The page begins after the auction of this id, which need not exist. */
  readonly after?: string | undefined
}

export interface FoundAuctions {
  /** Fewer than a page where the rest of the range has no more, or so many were looked at that the next page goes on. */
  readonly auctions: readonly LoggedAuction[]
  /** Whether there may be more after them. */
  readonly hasMore: boolean
}

export type Granularity = 'MINUTE' | 'HOUR' | 'DAY'
export type StatsDimension = 'SUPPLY' | 'BIDDER' | 'COUNTRY'

export interface StatsQuery {
  /** Milliseconds since 1970, both the beginning of a bucket; `fromMs` is in, `toMs` is out. */
  readonly fromMs: number
  readonly toMs: number
  readonly granularity: Granularity
  /** None given: all. */
  readonly supplyIds?: readonly string[] | undefined
  readonly bidderIds?: readonly string[] | undefined
  readonly countries?: readonly string[] | undefined
  readonly groupBy: readonly StatsDimension[]
  /** What is more than so many buckets, those without a request counted, is refused. */
  readonly bucketsMax: number
}

/** One bucket of time, of one supply, bidder or country where they are grouped by it. */
export interface StatsBucket {
  readonly startMs: number
  readonly supplyId?: string
  readonly bidderId?: string
  readonly country?: string
  /** Of a bidder, those in which it was asked. */
  readonly requests: number
  /** Of a bidder, its wins. */
  readonly sold: number
  readonly bids: number
  readonly noBids: number
  readonly timeouts: number
  readonly errors: number
  /** Of a bidder, auctions that would have asked it. */
  readonly skipped: number
  readonly revenueMicros: number
}

/** A question about the past that cannot be answered as it was asked; the message names the remedy. */
export class HistoryError extends Error {
  override readonly name = 'HistoryError'
  readonly code: 'BAD_USER_INPUT' | 'RANGE_TOO_LARGE'

  constructor(code: HistoryError['code'], message: string) {
    super(message)
    this.code = code
  }
}
