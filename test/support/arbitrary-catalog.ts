import fc from 'fast-check'
import type { CatalogData } from '../../src/catalog/data-file.ts'
import { idProblem } from '../../src/catalog/id.ts'
import type { BidderHttp, SupplySettings } from '../../src/catalog/types.ts'

/** Ids of all kinds: few short ones, so that catalogues share some, and any text that may be one. */
export const arbitraryId: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom('a', 'b', 'c', 'A', 'constructor', 'é', '😀', '\uFF5E'),
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }).filter((text) => idProblem(text) === undefined),
)

/** Texts that JSON and COPY write in other ways, or PostgreSQL might. */
const text = fc.oneof(
  fc.constantFrom('a', '\\', '"', '\\N', '\n\t', '\\u0000', '${A}', 'é😀', '\u2028\u007F'),
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 }).filter((value) => !value.includes('\0')),
)
const headerText = fc.oneof(fc.constantFrom('a b', 'Bearer ${A}', '\\"'), fc.stringMatching(/^[!-#%-~]{1,9}$/))

export const arbitraryHttp: fc.Arbitrary<BidderHttp> = fc.record({
  endpoint: fc.oneof(
    fc.constantFrom('http://bid.example/rtb', 'https://[::1]:8443/?a=b%20c'),
    fc.webUrl({ withQueryParameters: true }),
  ),
  timeoutMs: fc.option(fc.integer({ min: 1, max: 5000 })),
  maxQps: fc.option(fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER })),
  maxInFlight: fc.option(fc.integer({ min: 1, max: 1000 })),
  headers: fc.dictionary(fc.stringMatching(/^x-[a-z!#$%&'*+.^_`|~0-9]{1,5}$/), headerText, { maxKeys: 2 }),
  gzip: fc.boolean(),
})

/** JSON's values, with numbers that PostgreSQL writes in another way. */
const ext = fc.dictionary(
  fc.stringMatching(/^[a-z\\"é]{1,4}$/),
  fc.oneof(text, fc.constantFrom(null, true, 0.1, 1e21, -1.5e-7, 123_456_789_012, {}, [], [1, 'a', { b: [null] }])),
)
const size = fc.record({ w: fc.integer({ min: 1, max: 9999 }), h: fc.integer({ min: 1, max: 9999 }) })
const impression = fc.oneof(
  size.map((banner) => ({ banner })),
  fc.array(size, { minLength: 1, maxLength: 3 }).map((format) => ({ banner: { format } })),
  ext.map((of) => ({ video: { mimes: ['video/mp4'], ext: of } })),
  fc.constant({ native: { request: '{"ver":"1.2","assets":[]}' }, banner: { w: 1, h: 1 } }),
)
const party = fc.record({ name: text, publisher: fc.record({ id: text }), ext }, { requiredKeys: [] })

/** Of which some are the defaults. */
export const arbitrarySettings: fc.Arbitrary<SupplySettings> = fc
  .record({
    floorMicros: fc.oneof(fc.constantFrom(0, 1, 100_000, 1_234_567), fc.nat({ max: 1_000_000_000 })),
    auctionType: fc.constantFrom('FIRST_PRICE' as const, 'SECOND_PRICE' as const),
    impression: fc.option(impression),
    site: fc.option(party),
    app: fc.option(party),
    blockedCategories: fc.array(fc.constantFrom('IAB1', 'IAB25-3'), { maxLength: 2 }),
    blockedAdvertisers: fc.array(fc.constantFrom('ads.example', 'é.example'), { maxLength: 2 }),
  })
  .map((settings) => (settings.site === null ? settings : { ...settings, app: null }))

/** Catalogues of up to 8 supplies and bidders. */
export const arbitraryCatalog: fc.Arbitrary<CatalogData> = fc
  .uniqueArray(fc.tuple(arbitraryId, fc.constantFrom('US', 'GB', 'DE')), { selector: ([id]) => id, maxLength: 8 })
  .chain((bidders) => {
    const supply = fc.tuple(arbitraryId, fc.shuffledSubarray(bidders.map(([id]) => id)))
    const supplies = fc.uniqueArray(supply, { selector: ([id]) => id, minLength: 1, maxLength: 8 })
    return fc.record({
      bidders: fc.constant(new Map(bidders)),
      supplies: supplies.map((entries) => new Map(entries)),
      https: someOf(arbitraryHttp),
      manySettings: someOf(arbitrarySettings),
    })
  })
  .map(({ bidders, supplies, https, manySettings }) => ({
    bidders,
    supplies,
    http: dealtTo(bidders.keys(), https),
    settings: dealtTo(supplies.keys(), manySettings),
  }))

/** Values, of which some are missing. */
function someOf<T>(value: fc.Arbitrary<T>): fc.Arbitrary<(T | null)[]> {
  return fc.array(fc.oneof(fc.constant(null), value), { minLength: 8, maxLength: 8 })
}

function dealtTo<T>(ids: Iterable<string>, values: readonly (T | null)[]): Map<string, T> {
  const dealt = new Map<string, T>()
  for (const [index, id] of [...ids].entries()) {
    const value = values[index] ?? null
    if (value !== null) dealt.set(id, value)
  }
  return dealt
}
