import fc from 'fast-check'
import type { CatalogData } from '../../src/catalog/data-file.ts'
import { idProblem } from '../../src/catalog/id.ts'

/** Ids of all kinds: few short ones, so that catalogues share some, and any text that may be one. */
export const arbitraryId: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom('a', 'b', 'c', 'A', 'constructor', 'é', '😀', '\uFF5E'),
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }).filter((text) => idProblem(text) === undefined),
)

/** Catalogues of up to 8 supplies and bidders. */
export const arbitraryCatalog: fc.Arbitrary<CatalogData> = fc
  .uniqueArray(fc.tuple(arbitraryId, fc.constantFrom('US', 'GB', 'DE')), { selector: ([id]) => id, maxLength: 8 })
  .chain((bidders) => {
    const supply = fc.tuple(arbitraryId, fc.shuffledSubarray(bidders.map(([id]) => id)))
    const supplies = fc.uniqueArray(supply, { selector: ([id]) => id, minLength: 1, maxLength: 8 })
    return supplies.map((entries) => ({ bidders: new Map(bidders), supplies: new Map(entries) }))
  })
