import type { Bidder, CatalogSnapshot } from '../../src/catalog/types.ts'

/** All that a snapshot says, for comparison: supplies with their bidders in order, and all bidders. */
export function contentOf({ revision, supplies, bidders, biddersOf }: CatalogSnapshot) {
  const lists = new Map<string, readonly Bidder[] | undefined>()
  for (const id of supplies.keys()) lists.set(id, biddersOf(id))
  return { revision, size: supplies.size, supplies: lists, bidders }
}
