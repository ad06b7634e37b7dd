import { describe, expect, it } from 'vitest'
import type { AuctionRequest } from '../../src/auction/types.ts'
import { decodeAnswer, encodeAnswer, type KeptResponse, type KeptResult } from '../../src/sold-once/answer.ts'
import fc from '../support/fast-check.ts'

const REQUEST: AuctionRequest = { supplyId: 'supply1', ip: '203.0.113.7', country: 'US', tmaxMs: 200 }
const micros = fc.integer({ min: 1, max: 2 ** 31 })
const latencyMs = fc.option(fc.double({ min: 0, max: 5000, noNaN: true }).map((ms) => ms + 0))

const creative = fc.record({
  markup: fc.string(),
  creativeId: fc.option(fc.string()),
  advertiserDomains: fc.array(fc.string(), { maxLength: 2 }),
  width: fc.option(fc.nat()),
  height: fc.option(fc.nat()),
  mediaType: fc.constantFrom('BANNER' as const, 'VIDEO' as const, 'NATIVE' as const),
})
/** Undefined for what was simulated. */
const offer = fc.option(fc.record({ seat: fc.option(fc.string()), creative }), { nil: undefined })

/** Responses of distinct bidders, of which at most the first has won. */
const responses: fc.Arbitrary<KeptResponse[]> = fc
  .uniqueArray(fc.record({ bidderId: fc.string(), priceMicros: fc.option(micros), latencyMs, offer }), {
    selector: ({ bidderId }) => bidderId,
    minLength: 1,
    maxLength: 12,
  })
  .chain((bids) =>
    fc.boolean().map((isSold) =>
      bids.map(({ offer, ...bid }, index): KeptResponse => {
        if (bid.priceMicros === null) return { ...bid, outcome: 'ERROR', reason: 'INVALID_JSON' }
        const hasWon = isSold && index === 0
        const told = offer && (hasWon ? offer : { seat: offer.seat, creative: undefined })
        return { ...bid, outcome: hasWon ? 'WON' : 'LOST', bid: told }
      }),
    ),
  )

describe('a kept answer', () => {
  it('should have everything of the auction that it was made of', () => {
    fc.assert(
      fc.property(responses, micros, fc.uuid(), fc.date(), latencyMs, (given, price, id, date, duration) => {
        const winning = given.find(({ outcome }) => outcome === 'WON')
        const result: KeptResult = {
          type: 'HELD',
          isLimitedLocally: false,
          auction: {
            id,
            supplyId: 'supply1',
            country: 'US',
            tmaxMs: 200,
            responses: given,
            auctionType: 'SECOND_PRICE',
            floorMicros: 10_000,
            winner: winning ? { id: winning.bidderId, country: 'US' } : null,
            // The winner need not pay what it bid.
            priceMicros: winning ? price : 0,
            startedAtMs: date.getTime() || 0,
            durationMs: duration ?? 0,
          },
        }
        const text = encodeAnswer(result)
        expect(text[0]).toBe('[')
        expect(decodeAnswer(text, REQUEST)).toEqual(result)
      }),
    )
  })

  it('should say as well that nobody was eligible', () => {
    const result: KeptResult = {
      type: 'NO_ELIGIBLE_BIDDERS',
      supplyId: 'supply1',
      country: 'US',
      isLimitedLocally: false,
    }
    expect(encodeAnswer(result)[0]).toBe('[')
    expect(decodeAnswer(encodeAnswer(result), REQUEST)).toEqual(result)
  })
})
