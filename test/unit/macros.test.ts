import { describe, expect, it } from 'vitest'
import { wonValues } from '../../src/auction/macro-values.ts'
import { MARKUP_VALUES_MAX, replaceInMarkup } from '../../src/auction/macros.ts'
import { bidWith } from '../support/bids.ts'

const LONG_NAME = '\uffff'.repeat(1024)
/** A character of it is nine in a URL. */
const LONG_VALUE = 9 * LONG_NAME.length

function markupOf(markup: string): string {
  const bid = bidWith({ adId: LONG_NAME })
  const winning = { bidderId: 'a', outcome: 'WON' as const, priceMicros: 1_000_000, latencyMs: 1, bid }
  const auction = {
    id: '019ac9f0-89ab-7cde-8f01-23456789abcd',
    supplyId: 'news',
    country: 'US',
    tmaxMs: 200,
    responses: [winning],
    auctionType: 'FIRST_PRICE' as const,
    floorMicros: 0,
    winner: { id: 'a', country: 'US' },
    priceMicros: 1_000_000,
    startedAtMs: 0,
    durationMs: 1,
  }
  return replaceInMarkup(markup, wonValues(auction, winning, bid))
}

describe('replaceInMarkup', () => {
  it('should not let a small markup become a large one', () => {
    const markup = markupOf('${AUCTION_AD_ID}'.repeat(15_000))
    expect(markup.length).toBeGreaterThan(MARKUP_VALUES_MAX)
    expect(markup.length).toBeLessThanOrEqual(MARKUP_VALUES_MAX + LONG_VALUE)
  })

  it('should leave what is no macro of OpenRTB, also behind too many', () => {
    expect(markupOf(`${'${AUCTION_AD_ID}'.repeat(20)}\${NAME}\${AUCTION_ID}<b>`)).toMatch(/%BF\$\{NAME\}<b>$/)
  })
})
