import { describe, expect, it } from 'vitest'
import { httpOf } from '../../src/catalog/bidder-http.ts'
import { createSettingsTable } from '../../src/catalog/settings-table.ts'
import { settingsOf } from '../../src/catalog/supply-settings.ts'
import { createCatalogTable } from '../../src/catalog/table.ts'
import { DEFAULT_SUPPLY_SETTINGS } from '../../src/catalog/types.ts'
import { arbitraryId } from '../support/arbitrary-catalog.ts'
import { contentOf } from '../support/catalog-content.ts'
import fc from '../support/fast-check.ts'

type Change =
  | { readonly type: 'bidder'; readonly id: string; readonly country: string }
  | { readonly type: 'supply'; readonly id: string; readonly share: number; readonly settings: string | undefined }
  | { readonly type: 'delete'; readonly id: string }

/** How a supply sells, as it is stored. */
const arbitraryText = fc.option(
  fc.nat({ max: 3 }).map((floor) => JSON.stringify({ floor })),
  { nil: undefined },
)
const arbitraryChange: fc.Arbitrary<Change> = fc.oneof(
  fc.record({ type: fc.constant('bidder' as const), id: arbitraryId, country: fc.constantFrom('US', 'GB') }),
  fc.record({
    type: fc.constant('supply' as const),
    id: arbitraryId,
    share: fc.nat({ max: 4 }),
    settings: arbitraryText,
  }),
  fc.record({ type: fc.constant('delete' as const), id: arbitraryId }),
)

/** A text that looks like chance, another one for each number. */
const scrambled = (index: number) =>
  [0x9e3779b1, 0x85ebca6b].map((by) => (Math.imul(index, by) >>> 0).toString(36)).join()
const byBytes = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b))

describe('createCatalogTable', () => {
  it('should hold what maps hold, after any changes in any order', () => {
    fc.assert(
      fc.property(fc.array(arbitraryChange, { maxLength: 80 }), (changes) => {
        const table = createCatalogTable()
        const supplies = new Map<string, string[]>()
        const settings = new Map<string, string | undefined>()
        const bidders = new Map<string, string>()
        for (const change of changes) {
          if (change.type === 'bidder') {
            table.setBidder({ id: change.id, country: change.country })
            bidders.set(change.id, change.country)
          } else if (change.type === 'supply') {
            // Every so manyeth bidder, so that lists grow and shrink.
            const ids = [...bidders.keys()].filter((_, index) => index % 5 <= change.share).reverse()
            const numbers = ids.map((id) => table.bidderNumber(id) ?? -1)
            table.setSupply(change.id, numbers, numbers.length, change.settings)
            supplies.set(change.id, ids)
            settings.set(change.id, change.settings)
          } else {
            table.deleteSupply(change.id)
            supplies.delete(change.id)
          }
        }

        const snapshot = table.snapshot(7n)
        const all = [...bidders].map(([id, country]) => [id, { id, country }] as const)
        const listOf = (ids: string[]) => [...ids].sort(byBytes).map((id) => ({ id, country: bidders.get(id) }))
        expect(contentOf(snapshot)).toEqual({
          revision: 7n,
          size: supplies.size,
          supplies: new Map([...supplies].map(([id, ids]) => [id, listOf(ids)])),
          settings: new Map([...supplies.keys()].map((id) => [id, settingsOf(JSON.parse(settings.get(id) ?? '{}'))])),
          bidders: new Map(all),
        })
        for (const [id, ids] of supplies) {
          expect(snapshot.eligibleBidders(id, 'GB')).toEqual(listOf(ids).filter(({ country }) => country === 'GB'))
        }
      }),
      { numRuns: 500 },
    )
  })

  it('should find each of many supplies, and none that was taken away', () => {
    const table = createCatalogTable()
    const number = table.setBidder({ id: 'acme', country: 'US' })
    // So many that some have the same hash.
    const ids = Array.from({ length: 300_000 }, (_, index) => scrambled(index))
    for (const id of ids) table.setSupply(id, [number], 1)
    expect(table.snapshot(1n).supplies.size).toBe(300_000)
    for (const id of ids.slice(10_000)) table.deleteSupply(id)

    const { supplies, biddersOf } = table.snapshot(1n)
    expect([...supplies.keys()]).toEqual(ids.slice(0, 10_000))
    expect(ids.filter((id) => supplies.has(id))).toHaveLength(10_000)
    expect(biddersOf(scrambled(9999))).toEqual([{ id: 'acme', country: 'US' }])
    expect(table.isWasteful()).toBe(true)
  })

  it('should hold a list that is longer than a block of memory, and go on behind it', () => {
    const table = createCatalogTable()
    const numbers = Array.from({ length: 70_000 }, (_, index) =>
      table.setBidder({ id: `bidder-${index}`, country: 'US' }),
    )
    table.setSupply('small', [0], 1)
    table.setSupply('large', numbers.toReversed(), numbers.length)
    table.setSupply('last', [1], 1)

    const { supplies, biddersOf } = table.snapshot(1n)
    expect([...supplies.keys()]).toEqual(['small', 'large', 'last'])
    expect(biddersOf('large')).toHaveLength(70_000)
    expect(biddersOf('last')).toEqual([{ id: 'bidder-1', country: 'US' }])
  })

  it('should sell to no bidder that was taken away, and to one that came back', () => {
    const table = createCatalogTable()
    table.setSupply(
      'news',
      [table.setBidder({ id: 'acme', country: 'US' }), table.setBidder({ id: 'bolt', country: 'US' })],
      2,
    )
    table.deleteBidder('acme')
    const { bidders, eligibleBidders, biddersOf } = table.snapshot(1n)

    expect([bidders.size, eligibleBidders('news', 'US')?.length, biddersOf('news')?.length]).toEqual([1, 1, 1])
    table.setSupply('news', [table.setBidder({ id: 'acme', country: 'GB' })], 1)
    expect(biddersOf('news')).toEqual([{ id: 'acme', country: 'GB' }])
  })

  it('should have one object for supplies that sell alike, for as long as there is one', () => {
    const table = createCatalogTable()
    const { supplySettings } = table.snapshot(1n)
    const [cheap, dear] = ['{"floor": 0.1}', '{"floor": 2}']
    table.setSupply('news', [], 0, cheap)
    table.setSupply('shop', [], 0, cheap)
    table.setSupply('blog', [], 0)
    const before = supplySettings('news')

    expect(before).toEqual({ ...DEFAULT_SUPPLY_SETTINGS, floorMicros: 100_000 })
    expect(supplySettings('shop')).toBe(before)
    expect(supplySettings('blog')).toBe(DEFAULT_SUPPLY_SETTINGS)
    expect(supplySettings('nobody')).toBe(DEFAULT_SUPPLY_SETTINGS)
    table.setSupply('news', [], 0, dear)
    expect([supplySettings('news').floorMicros, supplySettings('shop')]).toEqual([2_000_000, before])
    table.setSupply('shop', [], 0, cheap)
    expect(supplySettings('shop')).toBe(before)

    table.deleteSupply('shop')
    table.setSupply('blog', [], 0, cheap)
    expect(supplySettings('blog')).not.toBe(before)
    expect(supplySettings('blog')).toEqual(before)
  })

  it('should hold no settings that no supply has any more', () => {
    const settings = createSettingsTable()
    for (let floor = 1; floor < 1000; floor++) {
      const number = settings.hold(`{"floor": ${floor}}`)
      settings.release(number)
      expect(number).toBe(1)
      expect(settings.at(number)).toBe(DEFAULT_SUPPLY_SETTINGS)
    }
  })

  it('should keep the object of how a bidder is asked while it is as it was', () => {
    const table = createCatalogTable()
    const http = () => httpOf({ endpoint: 'https://bid.example/', headers: { 'x-key': '${KEY}' } })
    const { bidders } = table.snapshot(1n)
    table.setBidder({ id: 'acme', country: 'US', http: http() })
    const before = bidders.get('acme')?.http
    table.setBidder({ id: 'acme', country: 'GB', http: http() })
    expect(bidders.get('acme')?.http).toBe(before)

    const next = createCatalogTable()
    next.setBidder({ id: 'acme', country: 'GB', http: http() })
    next.keepHttp(bidders)
    expect(next.snapshot(2n).bidders.get('acme')?.http).toBe(before)
    next.setBidder({ id: 'acme', country: 'GB', http: { ...http(), gzip: true } })
    expect(next.snapshot(2n).bidders.get('acme')?.http).toEqual({ ...http(), gzip: true })
    next.setBidder({ id: 'acme', country: 'GB' })
    expect(next.snapshot(2n).bidders.get('acme')?.http).toBeUndefined()
  })
})
