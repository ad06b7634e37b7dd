import type { Impression, OpenRtbApp, OpenRtbSite } from '../openrtb/types.ts'
import type { SupplyIds } from './supply-table.ts'

/** A buyer of impressions, of one country. */
export interface Bidder {
  readonly id: string
  /** ISO 3166-1 alpha-2, upper case. */
  readonly country: string
  /** How it is asked over HTTP; undefined for one that is simulated. */
  readonly http?: BidderHttp | undefined
}

/** How a bidder is asked over HTTP, in OpenRTB 2.6. */
export interface BidderHttp {
  /** http or https. */
  readonly endpoint: string
  /** The longest it may take, in milliseconds, where that is less than the auction gives it; null: no less. */
  readonly timeoutMs: number | null
  /** Of one instance of the service: bid requests a second, and at once. null: no limit, and the client's. */
  readonly maxQps: number | null
  readonly maxInFlight: number | null
  /** Sent with each bid request. `${NAME}` in a value is the environment variable of that name. */
  readonly headers: Readonly<Record<string, string>>
  /** Whether bodies are compressed for it. */
  readonly gzip: boolean
}

export type AuctionType = 'FIRST_PRICE' | 'SECOND_PRICE'

/** How a supply sells. */
export interface SupplySettings {
  /** No bid under it is taken, in whole millionths; 0: none. */
  readonly floorMicros: number
  readonly auctionType: AuctionType
  /** What is shown; null: a banner of the size that is most common. */
  readonly impression: Impression | null
  readonly site: OpenRtbSite | null
  readonly app: OpenRtbApp | null
  /** Categories of the IAB, such as IAB25, and those under them. */
  readonly blockedCategories: readonly string[]
  /** Domains of advertisers, and those under them. */
  readonly blockedAdvertisers: readonly string[]
}

/** Of a supply of which nothing is said. */
export const DEFAULT_SUPPLY_SETTINGS: SupplySettings = {
  floorMicros: 0,
  auctionType: 'FIRST_PRICE',
  impression: null,
  site: null,
  app: null,
  blockedCategories: [],
  blockedAdvertisers: [],
}

/**
 * What is sold and who may buy, as of one revision. Ask for it anew each time: while a newer revision is put in, supplies
 * change one by one, each as a whole.
 */
export interface CatalogSnapshot {
  readonly revision: bigint
  readonly supplies: SupplyIds
  readonly bidders: ReadonlyMap<string, Bidder>
  /** The bidders of a country that a supply may sell to, sorted by their ids' bytes; undefined where there is no such supply. */
  eligibleBidders(supplyId: string, country: string): readonly Bidder[] | undefined
  /** How a supply sells; the defaults where nothing is said of it. */
  supplySettings(supplyId: string): SupplySettings
  /** All bidders that a supply may sell to, in the same order. */
  biddersOf(supplyId: string): readonly Bidder[] | undefined
}

/** The catalogue of a running service: what is sold and who may buy, at its newest revision. */
export interface Catalog {
  /** The newest snapshot known to this process. Never waits. */
  current(): CatalogSnapshot
  /** Looks for a newer revision now and loads it; resolves once `current()` is at least that new. */
  refresh(): Promise<void>
  dispose(): Promise<void>
}
