import { describe, expect, it } from 'vitest'
import { URL_LENGTH_MAX } from '../../src/auction/macros.ts'
import type { Auction } from '../../src/auction/types.ts'
import type { Bid, BidderResponse } from '../../src/bidders/types.ts'
import { noticesOf } from '../../src/notices/notices-of.ts'
import { bidWith } from '../support/bids.ts'

const ID = '019ac9f0-89ab-7cde-8f01-23456789abcd'
const URLS = { nurl: 'http://w/', burl: 'http://b/', lurl: 'http://l/' }

function response(bidderId: string, outcome: BidderResponse['outcome'], priceMicros: number | null, bid?: Bid) {
  return { bidderId, outcome, priceMicros, latencyMs: 1, bid }
}

/** An auction of $0.85's floor, won by the first response that has won. */
function auctionOf(responses: readonly BidderResponse[], given: Partial<Auction> = {}): Auction {
  const winner = responses.find(({ outcome }) => outcome === 'WON')
  return {
    id: ID,
    supplyId: 'news',
    country: 'US',
    tmaxMs: 200,
    responses,
    auctionType: 'FIRST_PRICE',
    floorMicros: 850_000,
    winner: winner === undefined ? null : { id: winner.bidderId, country: 'US' },
    priceMicros: winner?.priceMicros ?? 0,
    startedAtMs: 0,
    durationMs: 1,
    ...given,
  }
}

/** A template as it comes out for the winner of an auction at 1.234567, whose bid was twice that. */
function won(template: string, bid: Partial<Bid> = {}): string | undefined {
  const bids = [
    response('a', 'WON', 2_469_134, bidWith({ ...bid, nurl: template })),
    response('b', 'LOST', 1_224_567, bidWith()),
  ]
  return noticesOf(auctionOf(bids, { priceMicros: 1_234_567 }))?.[0]?.url
}

describe('noticesOf', () => {
  it('should tell the winner that it won and what to call when the ad was shown, and each loser that it lost', () => {
    const bid = bidWith(URLS)
    const notices = noticesOf(
      auctionOf([
        response('a', 'LOST', 900_000, bid),
        response('b', 'WON', 1_000_000, bid),
        { ...response('c', 'LOST', 10_000, bid), reason: 'BELOW_FLOOR' },
        { ...response('d', 'ERROR', null, bid), reason: 'ADVERTISER_BLOCKED' },
        { ...response('e', 'ERROR', null, bid), reason: 'TOO_LARGE' },
        response('f', 'TIMED_OUT', null, bid),
        response('g', 'NO_BID', null),
      ]),
    )
    expect(notices).toEqual([
      { bidderId: 'a', kind: 'LOSS', url: URLS.lurl },
      { bidderId: 'b', kind: 'WIN', url: URLS.nurl },
      { bidderId: 'b', kind: 'BILLING', url: URLS.burl },
      { bidderId: 'c', kind: 'LOSS', url: URLS.lurl },
      { bidderId: 'd', kind: 'LOSS', url: URLS.lurl },
    ])
  })

  it('should have nothing to tell where no bid has a URL', () => {
    expect(noticesOf(auctionOf([response('a', 'WON', 900_000), response('b', 'NO_BID', null)]))).toBeUndefined()
    expect(noticesOf(auctionOf([response('a', 'WON', 900_000, bidWith({ nurl: '' }))]))).toBeUndefined()
    expect(noticesOf(auctionOf([]))).toBeUndefined()
  })

  it.each<[string, string, Partial<Bid>?]>([
    ['${AUCTION_ID}', ID],
    ['?p=${AUCTION_PRICE}&q=${AUCTION_PRICE}', '?p=1.234567&q=1.234567'],
    ['${AUCTION_PRICE:B64}', encodeURIComponent('MS4yMzQ1Njc=')],
    ['${AUCTION_CURRENCY}', 'USD'],
    ['${AUCTION_IMP_ID}', '1'],
    ['${AUCTION_MBR}', '0.5'],
    ['${AUCTION_LOSS}', '0'],
    ['${AUCTION_MULTIPLIER}', '1'],
    ['${AUCTION_MIN_TO_WIN}', '1.224567'],
    ['${AUCTION_BID_ID}', 'r1', { responseId: 'r1' }],
    ['${AUCTION_SEAT_ID}', 'a%26b%3Dc%20d', { seat: 'a&b=c d' }],
    ['${AUCTION_SEAT_ID}', '%C3%A9%F0%9F%98%80', { seat: 'é\u{1f600}' }],
    ['${AUCTION_SEAT_ID}', '%EF%BF%BD', { seat: '\ud800' }],
    ['${AUCTION_SEAT_ID:B64}', 'w6k%3D', { seat: 'é' }],
    ['${AUCTION_AD_ID}', '%24%7BAUCTION_PRICE%7D', { adId: '${AUCTION_PRICE}' }],
    ['x${AUCTION_BID_ID}${AUCTION_SEAT_ID}${AUCTION_AD_ID}y', 'xy'],
    ['x${AUCTION_IMP_TS}${AUCTION_NEW}${OTHER}y', 'xy'],
    ['x${AUCTION_PRICE:XYZ}y', 'xy'],
    ['${auction_price}$AUCTION_PRICE{AUCTION_PRICE}${', '${auction_price}$AUCTION_PRICE{AUCTION_PRICE}${'],
    ['%24%7BAUCTION_PRICE%7D', '%24%7BAUCTION_PRICE%7D'],
  ])('should make of %s for a winner %s', (template, expected, bid) => {
    expect(won(`http://dsp.example/${template}`, bid)).toBe(`http://dsp.example/${expected}`)
  })

  const LOSS = 'http://dsp.example/?${AUCTION_LOSS},${AUCTION_MIN_TO_WIN},${AUCTION_PRICE},${AUCTION_MBR}'
  it.each<[string, BidderResponse, BidderResponse, Partial<Auction>, string]>([
    ['outbid', response('a', 'LOST', 900_000), response('b', 'WON', 1_000_000), {}, '102,1.00,,'],
    [
      'outbid at second price',
      response('a', 'LOST', 900_000),
      response('b', 'WON', 1_000_000),
      { auctionType: 'SECOND_PRICE', priceMicros: 910_000 },
      '102,1.00,,',
    ],
    [
      'under the floor, and sold',
      { ...response('a', 'LOST', 800_000), reason: 'BELOW_FLOOR' },
      response('b', 'WON', 1_000_000),
      {},
      '100,1.00,,',
    ],
    [
      'under the floor, and not sold',
      { ...response('a', 'LOST', 800_000), reason: 'BELOW_FLOOR' },
      response('b', 'NO_BID', null),
      {},
      '100,0.85,,',
    ],
    [
      'of an advertiser that is blocked',
      { ...response('a', 'ERROR', null), reason: 'ADVERTISER_BLOCKED' },
      response('b', 'WON', 1_000_000),
      {},
      '205,,,',
    ],
  ])('should tell one that was %s why', (_what, losing, other, given, expected) => {
    const auction = auctionOf([{ ...losing, bid: bidWith({ lurl: LOSS }) }, other], given)
    expect(noticesOf(auction)).toEqual([{ bidderId: 'a', kind: 'LOSS', url: `http://dsp.example/?${expected}` }])
  })

  it('should tell a winner without competition the floor as the least to win', () => {
    const bid = bidWith({ nurl: '${AUCTION_MIN_TO_WIN}' })
    expect(noticesOf(auctionOf([response('a', 'WON', 1_000_000, bid)]))?.[0]?.url).toBe('0.85')
    const below = { ...response('b', 'LOST', 10_000, bidWith()), reason: 'BELOW_FLOOR' as const }
    expect(noticesOf(auctionOf([response('a', 'WON', 1_000_000, bid), below]))?.[0]?.url).toBe('0.85')
  })

  it('should cut a URL that is too long so that it is seen to be, however it came to it', () => {
    expect(won('x'.repeat(URL_LENGTH_MAX))).toHaveLength(URL_LENGTH_MAX)
    expect(won('x'.repeat(10 * URL_LENGTH_MAX))).toHaveLength(URL_LENGTH_MAX + 1)
    expect(won('${AUCTION_SEAT_ID}'.repeat(400), { seat: 'é'.repeat(100_000) })).toHaveLength(URL_LENGTH_MAX + 1)
  })
})
