import { describe, expect, it } from 'vitest'
import { createAnswerReader } from '../../src/bidders/openrtb/read-answer.ts'
import { REASONS } from '../../src/bidders/reasons.ts'
import { ANSWER_CASES, ANSWERED, answerWith, BID, type Expected } from '../support/answer-cases.ts'
import fc from '../support/fast-check.ts'

const readAnswer = createAnswerReader()
const read = (text: string) => readAnswer(text, 'acme', ANSWERED, 12.34)

function expectedOf(expected: Expected) {
  if (expected === 'NO_BID') return { outcome: 'NO_BID', priceMicros: null, reason: undefined }
  if (typeof expected === 'number') return { outcome: 'LOST', priceMicros: expected, reason: undefined }
  return { outcome: 'ERROR', priceMicros: null, reason: expected }
}

describe('createAnswerReader', () => {
  it('should have a case for each thing that an answer may get wrong', () => {
    expect(ANSWER_CASES.length).toBeGreaterThanOrEqual(60)
    const decided = Object.entries(REASONS).filter(([, { code }]) => code >= 16 && code < 40)
    const covered = new Set(ANSWER_CASES.map(([, , expected]) => expected))
    expect(decided.map(([name]) => name).filter((name) => !covered.has(name as Expected))).toEqual([])
  })

  it.each(ANSWER_CASES)('should read %s', (_what, text, expected) => {
    const { outcome, priceMicros, reason, latencyMs, bidderId } = read(text)
    expect({ outcome, priceMicros, reason }).toEqual(expectedOf(expected))
    expect([latencyMs, bidderId]).toEqual([12.34, 'acme'])
  })

  it('should hand on all that a bid says of its creative and its notices', () => {
    const bid = {
      ...BID,
      nurl: 'https://n.example/?p=${AUCTION_PRICE}',
      burl: 'https://b.example/',
      lurl: 'https://l.example/',
      adid: 'ad-1',
      crid: 77,
      adomain: ['ok.example'],
      cat: ['IAB1'],
      w: 300,
      h: 250,
      mtype: 1,
    }
    const text = JSON.stringify({ id: ANSWERED.auctionId, seatbid: [{ seat: 's1', bid: [bid] }] })
    expect(read(text).bid).toEqual({
      id: 'b1',
      seat: 's1',
      creative: {
        markup: '<a>ad</a>',
        creativeId: '77',
        advertiserDomains: ['ok.example'],
        width: 300,
        height: 250,
        mediaType: 'BANNER',
      },
      adId: 'ad-1',
      nurl: bid.nurl,
      burl: bid.burl,
      lurl: bid.lurl,
    })
    expect(read(answerWith(BID)).bid).toMatchObject({ seat: null, nurl: null, creative: { width: null } })
  })

  it.each([
    ['<VAST version="4.0"/>', 'VIDEO'],
    [' <?xml version="1.0"?><VAST/>', 'VIDEO'],
    ['{"native":{}}', 'NATIVE'],
    ['<div>{}</div>', 'BANNER'],
  ])('should take %s for what it is where a bid does not say its kind', (adm, mediaType) => {
    expect(read(answerWith({ ...BID, adm })).bid?.creative.mediaType).toBe(mediaType)
  })

  it('should say whom to tell of a bid that is not taken, and what the answer calls itself', () => {
    const wrong = { ...BID, price: 9, impid: 'other', lurl: 'https://l.example/', nurl: 'https://n.example/' }
    const answer = (...bid: unknown[]) =>
      read(JSON.stringify({ id: ANSWERED.auctionId, bidid: 'r1', seatbid: [{ seat: 's1', bid }] }))
    expect(answer(wrong)).toMatchObject({
      outcome: 'ERROR',
      reason: 'WRONG_IMPRESSION_ID',
      bid: { id: 'b1', seat: 's1', responseId: 'r1', lurl: 'https://l.example/', nurl: null, burl: null },
    })
    expect(answer({ ...wrong, lurl: undefined }).bid).toBeUndefined()
    expect(answer({ ...wrong, lurl: 7 }).bid).toBeUndefined()
    expect(answer({ ...wrong, id: 'b2' }, BID)).toMatchObject({ outcome: 'LOST', bid: { id: 'b1', responseId: 'r1' } })
  })

  it('should take a bid for the only kind that is offered, and no other', () => {
    const supply = { ...ANSWERED.supply, impression: { video: { mimes: ['video/mp4'] } } }
    const readVideo = (bid: object) => readAnswer(answerWith({ ...BID, ...bid }), 'acme', { ...ANSWERED, supply }, 0)
    expect(readVideo({}).bid?.creative.mediaType).toBe('VIDEO')
    expect(readVideo({ mtype: 1 }).reason).toBe('MEDIA_TYPE_NOT_ALLOWED')
    const unsaid = readAnswer(
      answerWith({ ...BID, w: 728, h: 90 }),
      'acme',
      { ...ANSWERED, supply: { ...supply, impression: null } },
      0,
    )
    expect(unsaid.reason).toBe('SIZE_NOT_ALLOWED')
  })

  it.each(['adomain', 'cat'])('should read an answer whose %s is of a great many parts as quickly as any', (field) => {
    const names = Array.from({ length: 240 }, () => 'a-a.'.repeat(255))
    const text = answerWith({ ...BID, [field]: names })
    const tookMs = Array.from({ length: 5 }, () => {
      const startedAt = performance.now()
      expect(read(text).outcome).toBe('LOST')
      return performance.now() - startedAt
    })
    // What each part is looked up for by all that is under it takes more than 100.
    expect(Math.min(...tookMs)).toBeLessThan(25)
  })

  it('should never throw, and always come to an outcome with what belongs to it, whatever the text', () => {
    const values = fc.letrec((tie) => ({
      bid: fc.dictionary(fc.constantFrom(...BID_FIELDS), tie('value'), { maxKeys: 6 }),
      seat: fc.record({ seat: tie('value'), bid: fc.oneof(tie('value'), fc.array(tie('bid'), { maxLength: 3 })) }),
      value: fc.oneof(fc.jsonValue(), fc.constantFrom('1', 1.5, '<a>', 'USD', ANSWERED.auctionId, null, [], {})),
      answer: fc.dictionary(
        fc.constantFrom('id', 'cur', 'nbr', 'seatbid', '__proto__', 'toString'),
        fc.oneof(tie('value'), fc.constant(ANSWERED.auctionId), fc.array(tie('seat'), { maxLength: 3 })),
      ),
    }))
    const texts = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.json(),
      values.answer.map((answer) => JSON.stringify(answer)),
      values.seat.map((seat) => JSON.stringify({ id: ANSWERED.auctionId, seatbid: [seat] })),
      fc
        .tuple(values.bid, fc.subarray(['id', 'impid', 'price', 'adm'] as const))
        .map(([bid, right]) => answerWith({ ...bid, ...Object.fromEntries(right.map((name) => [name, BID[name]])) })),
    )
    fc.assert(
      fc.property(texts, (text) => {
        const { outcome, priceMicros, reason, bid } = read(text)
        expect(['LOST', 'NO_BID', 'ERROR']).toContain(outcome)
        expect(reason !== undefined).toBe(outcome === 'ERROR')
        expect(bid !== undefined).toBe(outcome === 'LOST')
        if (outcome === 'LOST') expect(Number.isSafeInteger(priceMicros) && (priceMicros ?? 0) > 0).toBe(true)
        else expect(priceMicros).toBeNull()
      }),
      { numRuns: 5000 },
    )
  })
})

const BID_FIELDS = [
  'id',
  'impid',
  'price',
  'adm',
  'adomain',
  'cat',
  'crid',
  'adid',
  'nurl',
  'w',
  'h',
  'mtype',
  '__proto__',
]
