import type { CatalogData } from '../../src/catalog/data-file.ts'
import type { Bidder, CatalogSnapshot, SupplySettings } from '../../src/catalog/types.ts'

/** All that a snapshot says, for comparison: supplies with their bidders in order and how they sell, and all bidders. */
export function contentOf({ revision, supplies, bidders, biddersOf, supplySettings }: CatalogSnapshot) {
  const lists = new Map<string, readonly Bidder[] | undefined>()
  const settings = new Map<string, SupplySettings>()
  for (const id of supplies.keys()) {
    lists.set(id, biddersOf(id))
    settings.set(id, supplySettings(id))
  }
  return { revision, size: supplies.size, supplies: lists, settings, bidders }
}

/** The bidders of a data file, as a snapshot has them. */
export function biddersOfFile({ bidders, http }: Pick<CatalogData, 'bidders' | 'http'>): Bidder[] {
  return [...bidders].map(([id, country]) => ({ id, country, http: http.get(id) }))
}
