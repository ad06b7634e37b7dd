import { describe, expect, it } from 'vitest'
import { chooseWinner } from '../../src/auction/choose-winner.ts'
import { priceToPay } from '../../src/auction/pricing.ts'
import { bidOf, noBid } from '../../src/bidders/response.ts'
import { chanceOf } from '../../src/random.ts'
import fc from '../support/fast-check.ts'

/** Sells to the highest of these bids, null for none, in millionths: the winner's number, what it pays, and the reasons. */
function sell(
  bids: readonly (number | null)[],
  { auctionType = 'SECOND_PRICE' as 'FIRST_PRICE' | 'SECOND_PRICE', floorMicros = 0, seed = 1 } = {},
) {
  const responses = bids.map((bid, index) => (bid === null ? noBid(`b${index}`, 0) : bidOf(`b${index}`, bid, 0)))
  const winner = chooseWinner(responses, { chance: chanceOf(seed, 1) }, floorMicros)
  const paid = priceToPay(responses, winner, { auctionType, floorMicros })
  return { winner, paid, reasons: responses.map(({ reason }) => reason) }
}

describe('a sale', () => {
  it.each([
    ['a cent more than the second bid', [900_000, 500_000, 400_000], 0, 510_000],
    ['to the millionth', [900_000, 500_001], 0, 510_001],
    ['no more than its own bid', [505_000, 500_000], 0, 505_000],
    ['its own bid where another has bid as much', [500_000, 500_000], 0, 500_000],
    ['a cent more than the floor where nobody else bid as much', [900_000, 300_000], 400_000, 410_000],
    ['its own bid where that is the floor', [400_000], 400_000, 400_000],
    ['a cent where it is alone and there is no floor', [900_000, null], 0, 10_000],
    ['its own bid where that is less than a cent', [5_000, null], 0, 5_000],
    ['a cent more than a second bid over the floor', [900_000, 500_000], 400_000, 510_000],
  ])('should cost the winner at second price %s', (_, bids, floorMicros, paid) => {
    expect(sell(bids, { floorMicros })).toMatchObject({ paid })
  })

  it('should cost the winner its own bid at first price, whatever the floor', () => {
    expect(sell([900_000, 500_000], { auctionType: 'FIRST_PRICE', floorMicros: 100_000 }).paid).toBe(900_000)
  })

  it('should not be made under the floor, and say so of each bid', () => {
    expect(sell([399_999, null, 100_000], { floorMicros: 400_000 })).toEqual({
      winner: -1,
      paid: 0,
      reasons: ['BELOW_FLOOR', undefined, 'BELOW_FLOOR'],
    })
  })

  it('should be made to a highest bid, between the floor and that bid, and no less than any other bid', () => {
    const bids = fc.array(fc.option(fc.integer({ min: 1, max: 50_000 })), { maxLength: 12 })
    const auctionType = fc.constantFrom('FIRST_PRICE' as const, 'SECOND_PRICE' as const)
    fc.assert(
      fc.property(
        bids,
        auctionType,
        fc.integer({ min: 0, max: 30_000 }),
        fc.nat(),
        (given, type, floorMicros, seed) => {
          const { winner, paid } = sell(given, { auctionType: type, floorMicros, seed })
          const valid = given.map((bid) => bid ?? 0).filter((bid) => bid > 0 && bid >= floorMicros)
          if (valid.length === 0) return winner === -1 && paid === 0
          const others = given.filter((bid, index) => index !== winner && bid !== null && bid >= floorMicros)
          const own = given[winner] ?? 0
          return (
            own === Math.max(...valid) &&
            paid <= own &&
            paid >= floorMicros &&
            others.every((bid) => paid >= (bid ?? 0))
          )
        },
      ),
      { numRuns: 2000 },
    )
  })
})
