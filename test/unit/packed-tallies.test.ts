import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createPackedTallies } from '../../src/stats/packed-tallies.ts'
import { addToTally, createTally, statsOf, type Tally } from '../../src/stats/tally.ts'
import type { AuctionCount } from '../../src/stats/types.ts'

const OUTCOMES = ['WON', 'LOST', 'NO_BID', 'TIMED_OUT'] as const
const response = fc.record({
  bidderId: fc.constantFrom('a', 'b', 'c', 'd', 'é', '😀'),
  outcome: fc.constantFrom(...OUTCOMES),
})
const count: fc.Arbitrary<AuctionCount> = fc.record({
  supplyId: fc.constantFrom('s1', 's2', 's3'),
  country: fc.constantFrom('US', 'GB', 'DE'),
  // Up to what needs more than a counter's word.
  priceMicros: fc.oneof(
    fc.nat(1_000_000),
    fc.maxSafeNat().map((value) => value % 2 ** 42),
  ),
  responses: fc.uniqueArray(response, { selector: ({ bidderId }) => bidderId, maxLength: 6 }),
})

/** What the maps make of the same counts. */
function expected(counts: readonly AuctionCount[]): Map<string, Tally> {
  const tallies = new Map<string, Tally>()
  for (const one of counts) {
    const tally = tallies.get(one.supplyId) ?? createTally()
    tallies.set(one.supplyId, tally)
    addToTally(tally, one)
  }
  return tallies
}

function expectSame(counts: readonly AuctionCount[]): void {
  const packed = createPackedTallies()
  const seen = new Set<string>()
  for (const one of counts) {
    expect(packed.add(one)).toBe(!seen.has(one.supplyId))
    seen.add(one.supplyId)
  }
  for (const [supplyId, tally] of expected(counts)) {
    expect(packed.stats(supplyId)).toEqual(statsOf(supplyId, tally))
    expect(packed.requests(supplyId)).toBe(tally.requests)
  }
}

const won = (supplyId: string, bidderIds: readonly string[], country = 'US'): AuctionCount => ({
  supplyId,
  country,
  priceMicros: 2 ** 31,
  responses: bidderIds.map((bidderId, index) => ({ bidderId, outcome: index === 0 ? 'WON' : 'LOST' })),
})
const names = (length: number) => Array.from({ length }, (_, index) => `bidder${index}`)

describe('createPackedTallies', () => {
  it('should count as maps do, whoever is asked in whatever order', () => {
    fc.assert(fc.property(fc.array(count, { maxLength: 60 }), expectSame))
  })

  it('should know nothing of a supply that had no request', () => {
    const packed = createPackedTallies()
    packed.add(won('s', ['a']))
    expect(packed.stats('other')).toBeUndefined()
    expect(packed.requests('other')).toBe(0)
  })

  it('should count beyond what a word holds', () => {
    const packed = createPackedTallies()
    for (let index = 0; index < 5; index += 1) packed.add(won('s', ['a', 'b']))
    expect(packed.stats('s')?.bidders).toEqual([
      { bidderId: 'a', wins: 5, losses: 0, noBids: 0, timeouts: 0, revenueMicros: 5 * 2 ** 31 },
      { bidderId: 'b', wins: 0, losses: 5, noBids: 0, timeouts: 0, revenueMicros: 0 },
    ])
  })

  it('should keep supplies apart whose counters fill many chunks, some larger than a chunk', () => {
    const sizes = [8, 30_000, 3, 11_000, 10_922, 10_923, 0, 12_000, 8]
    expectSame([
      ...sizes.map((size, index) => won(`s${index}`, names(size))),
      ...Array.from({ length: 3000 }, (_, index) => won(`t${index}`, names(8))),
      ...sizes.map((size, index) => won(`s${index}`, names(size).reverse().slice(0, 20), index % 2 ? 'US' : 'GB')),
      ...sizes.map((size, index) => won(`s${index}`, names(size))),
    ])
  })
})
