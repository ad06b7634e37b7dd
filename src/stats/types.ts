import type { Span } from '@opentelemetry/api'
import type { Asker } from '../asker.ts'
import type { Auction } from '../auction/types.ts'
import type { BidderResponse } from '../bidders/types.ts'

/** What is counted of one auction: the request, how each bidder came out, and the price paid, the winner's revenue. */
export interface AuctionCount extends Pick<Auction, 'supplyId' | 'country' | 'priceMicros'> {
  /** The auction's, whose time says in which hour it is counted. */
  readonly id?: string
  readonly responses: readonly Pick<BidderResponse, 'bidderId' | 'outcome'>[]
}

/** The statistics of one supply. An immutable value: a change makes a new one. */
export interface SupplyStats {
  readonly supplyId: string
  readonly totalRequests: number
  /** How many more it had before, where statistics are of the last hours and some have left. */
  readonly goneRequests?: number
  /** Sorted by country code. */
  readonly requestsPerCountry: readonly CountryRequests[]
  /** Sorted by bidder id; every bidder that was ever asked or skipped. */
  readonly bidders: readonly BidderStats[]
}

export interface CountryRequests {
  readonly country: string
  readonly requests: number
}

/** asked = wins + losses + noBids + timeouts + errors; those in which it was skipped are apart. */
export interface BidderStats {
  readonly bidderId: string
  readonly wins: number
  readonly losses: number
  readonly noBids: number
  readonly timeouts: number
  readonly errors: number
  readonly skipped: number
  /** The sum of what it paid for its wins, in whole millionths. */
  readonly revenueMicros: number
}

/** Where requests and outcomes are counted: an `AuctionRecorder` that can be read. */
export interface StatsStore {
  /**
   * Counts one request. Returns nothing where it is counted at once; else a promise that resolves when the count is
   * safe in the store (or, where the store is away, safe in the queue that is committed on its return). Never rejects.
   * @param asker whose span the commit is to be under, where traces are on
   */
  record(count: AuctionCount, asker?: Asker): void | Promise<void>
  /**
   * The current statistics of each supply named, in the order named; undefined where a supply never had a request.
   * @throws StatsUnavailableError where the store cannot be read within its time limit
   */
  read(supplyIds: readonly string[]): Promise<(SupplyStats | undefined)[]>
  /**
   * How many requests each supply named had, in the order named, or where statistics are of the last hours `versionOf`
   * them: a small part of what `read` costs, for whoever wants to know what has changed.
   * @throws StatsUnavailableError
   */
  totals(supplyIds: readonly string[]): Promise<readonly number[]>
  /**
   * A page of the ids of all supplies that ever had a request, in the order of `compareIds`.
   * @throws StatsUnavailableError
   */
  supplyIds(page: SupplyPage): Promise<readonly string[]>
  /** How many requests are recorded here and not known to be safe in the store. */
  pending(): number
  /** Commits everything pending; resolves with how many requests are left, none or what `timeoutMs` did not suffice for. */
  flush(timeoutMs: number): Promise<number>
  /** For health reports. */
  status(): StatsStoreStatus
  dispose(): Promise<void>
}

/** Follows what is traced into the commit that counts it. */
export interface CommitTracer {
  /** Told of each count before it is added to a commit. */
  counting(count: AuctionCount, asker: Asker | undefined): void
  /** Adds a count's span, where it has one, to those of the counts that are committed together. */
  gather(spans: Span[] | undefined, count: AuctionCount): Span[] | undefined
  /**
   * Commits in a span of its own.
   * @param spans of what is committed
   */
  commit(spans: readonly Span[], supplies: number, commit: () => Promise<void>): Promise<void>
}

export interface SupplyPage {
  /** The most ids of the page. */
  readonly first: number
  /** The page begins after this id, which need not exist. */
  readonly after?: string | undefined
}

export interface StatsStoreStatus {
  /** `down`: counts wait in memory, because the store is away or takes none. */
  readonly status: 'up' | 'down'
  readonly kind: 'memory' | 'single' | 'cluster'
  /** `pending()`, where counts can wait at all. */
  readonly pendingCounts?: number
  readonly error?: string
}

/** Tells which supplies' statistics changed, on whichever instance: ids only, never values. */
export interface StatsChanges {
  /** Says that these supplies changed. Never throws, never waits. */
  publish(supplyIds: Iterable<string>): void
  /** Whether a message can be lost without an `'all'`, as where its sender is killed before it has sent it. */
  readonly isLossy: boolean
  /**
   * Calls `listener` with the ids of supplies that changed, or with `'all'` where changes may have been missed
   * (a lost connection). Returns the function that ends it.
   */
  listen(listener: (changed: readonly string[] | 'all') => void): () => void
  dispose(): Promise<void>
}

/** The statistics cannot be read just now; try again later. */
export class StatsUnavailableError extends Error {
  override readonly name = 'StatsUnavailableError'
  readonly code = 'STATS_UNAVAILABLE'
}
