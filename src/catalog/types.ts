import type { SupplyIds } from './supply-table.ts'

/** A buyer of impressions, of one country. */
export interface Bidder {
  readonly id: string
  /** ISO 3166-1 alpha-2, upper case. */
  readonly country: string
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
