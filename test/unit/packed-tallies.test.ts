import { describe, expect, it } from 'vitest'
import type { SupplyTotals } from '../../src/history/types.ts'
import { createPackedTallies } from '../../src/stats/packed-tallies.ts'
import { addToTally, createTally, statsOf, type Tally } from '../../src/stats/tally.ts'
import type { AuctionCount } from '../../src/stats/types.ts'
import fc from '../support/fast-check.ts'
import { groupBy } from '../support/group-by.ts'

const OUTCOMES = ['WON', 'LOST', 'NO_BID', 'TIMED_OUT', 'ERROR', 'SKIPPED'] as const
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

/** The same counts, added up as they are in the log: a bidder's apart for each country. */
function totalsOf(counts: readonly AuctionCount[]): SupplyTotals[] {
  return [...groupBy(counts, ({ supplyId }) => supplyId)].map(([supplyId, ofSupply]) => {
    const countries = [...groupBy(ofSupply, ({ country }) => country)]
    return {
      supplyId,
      countries: countries.map(([country, { length: requests }]) => ({ country, requests })),
      bidders: countries.flatMap(([country, ofCountry]) => {
        const answers = ofCountry.flatMap((one) =>
          one.responses.map((each) => ({ ...each, priceMicros: one.priceMicros })),
        )
        return [...groupBy(answers, ({ bidderId }) => bidderId)].map(([bidderId, ofBidder]) => {
          const of = (outcome: string) => ofBidder.filter((each) => each.outcome === outcome)
          return {
            country,
            bidderId,
            wins: of('WON').length,
            losses: of('LOST').length,
            noBids: of('NO_BID').length,
            timeouts: of('TIMED_OUT').length,
            errors: of('ERROR').length,
            skipped: of('SKIPPED').length,
            revenueMicros: of('WON').reduce((sum, each) => sum + each.priceMicros, 0),
          }
        })
      }),
    }
  })
}

const won = (supplyId: string, bidderIds: readonly string[], country = 'US'): AuctionCount => ({
  supplyId,
  country,
  priceMicros: 2 ** 31,
  responses: bidderIds.map((bidderId, index) => ({ bidderId, outcome: index === 0 ? 'WON' : 'LOST' })),
})
const NONE = { wins: 0, losses: 0, noBids: 0, timeouts: 0, errors: 0, skipped: 0, revenueMicros: 0 }
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
      { ...NONE, bidderId: 'a', wins: 5, revenueMicros: 5 * 2 ** 31 },
      { ...NONE, bidderId: 'b', losses: 5 },
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

  it('should go on from what was counted before, as if it had never ended', () => {
    fc.assert(
      fc.property(fc.array(count, { maxLength: 30 }), fc.array(count, { maxLength: 30 }), (before, after) => {
        const packed = createPackedTallies()
        for (const totals of totalsOf(before)) packed.restore(totals)
        for (const [supplyId, tally] of expected(before))
          expect(packed.stats(supplyId)).toEqual(statsOf(supplyId, tally))
        const known = new Set(before.map(({ supplyId }) => supplyId))
        for (const one of after) {
          expect(packed.add(one)).toBe(!known.has(one.supplyId))
          known.add(one.supplyId)
        }
        for (const [supplyId, tally] of expected([...before, ...after])) {
          expect(packed.stats(supplyId)).toEqual(statsOf(supplyId, tally))
          expect(packed.requests(supplyId)).toBe(tally.requests)
        }
      }),
    )
  })

  it('should take away a part of what it has, as if it had never been counted', () => {
    fc.assert(
      fc.property(fc.array(count, { maxLength: 30 }), fc.array(count, { maxLength: 30 }), (leaving, staying) => {
        const all = createPackedTallies()
        const part = createPackedTallies()
        for (const one of [...leaving, ...staying]) all.add(one)
        for (const one of leaving) part.add(one)
        for (const supplyId of expected(leaving).keys()) {
          all.subtract(part.take(supplyId) as SupplyTotals)
          expect(part.take(supplyId)).toBeUndefined()
        }
        const left = expected(staying)
        for (const supplyId of ['s1', 's2', 's3']) {
          const tally = left.get(supplyId)
          expect(all.stats(supplyId)).toEqual(tally && statsOf(supplyId, tally))
        }
      }),
    )
  })

  it('should restore counters beyond what a word holds, and supplies larger than a chunk', () => {
    const packed = createPackedTallies()
    const bidders = names(30_000).map((bidderId, index) => ({
      country: index % 2 ? 'US' : 'GB',
      bidderId,
      wins: 2 ** 40 + index,
      losses: index,
      noBids: 2 ** 33,
      timeouts: 0,
      errors: 2 ** 34 + index,
      skipped: 2 ** 35 + index,
      revenueMicros: 2 ** 52 + index,
    }))
    const countries = [
      { country: 'US', requests: 2 ** 41 },
      { country: 'GB', requests: 7 },
    ]
    packed.restore({ supplyId: 's', countries, bidders })
    packed.restore({ supplyId: 't', countries, bidders: bidders.slice(0, 3) })
    packed.add(won('t', ['bidder1', 'bidder7']))
    expect(packed.requests('s')).toBe(2 ** 41 + 7)
    const sorted = bidders.map(({ country: _, ...bidder }) => bidder).sort((a, b) => (a.bidderId < b.bidderId ? -1 : 1))
    expect(packed.stats('s')).toEqual({
      supplyId: 's',
      totalRequests: 2 ** 41 + 7,
      requestsPerCountry: countries.toReversed(),
      bidders: sorted,
    })
    expect(packed.requests('t')).toBe(2 ** 41 + 8)
    expect(packed.stats('t')?.bidders[1]).toMatchObject({ wins: 2 ** 40 + 2, revenueMicros: 2 ** 52 + 1 + 2 ** 31 })
    expect(packed.stats('t')?.bidders[3]).toMatchObject({ bidderId: 'bidder7', losses: 1 })
  })
})
