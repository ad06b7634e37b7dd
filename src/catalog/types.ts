/** A buyer of impressions, of one country. */
export interface Bidder {
  readonly id: string
  /** ISO 3166-1 alpha-2, upper case. */
  readonly country: string
}

/** A publisher's page: the seller of impressions. */
export interface Supply {
  readonly id: string
  /** The bidders this supply may sell to, by country; each list is sorted by bidder id and shared between supplies. */
  readonly biddersByCountry: ReadonlyMap<string, readonly Bidder[]>
}

/** The catalogue as it stood at one revision: immutable, replaced whole when the catalogue changes. */
export interface CatalogSnapshot {
  readonly revision: bigint
  readonly supplies: ReadonlyMap<string, Supply>
  readonly bidders: ReadonlyMap<string, Bidder>
}

/** The catalogue of a running service: what is sold and who may buy, at its newest revision. */
export interface Catalog {
  /** The newest snapshot known to this process. Never waits. */
  current(): CatalogSnapshot
  /** Looks for a newer revision now and loads it; resolves once `current()` is at least that new. */
  refresh(): Promise<void>
  dispose(): Promise<void>
}
