import type { ReasonName } from '../../src/bidders/reasons.ts'

/** The auction that the cases answer: a supply that blocks, with a banner of two sizes, a video and a native ad. */
export const ANSWERED = {
  auctionId: '0198c0de-0000-7000-8000-000000000001',
  supply: {
    floorMicros: 100_000,
    auctionType: 'FIRST_PRICE' as const,
    impression: {
      banner: {
        format: [
          { w: 300, h: 250 },
          { w: 728, h: 90 },
        ],
      },
      video: { mimes: ['video/mp4'] },
      native: { request: '{}' },
    },
    site: null,
    app: null,
    blockedCategories: ['IAB25', 'IAB7-39'],
    blockedAdvertisers: ['Bad.example', 'worse.co.example'],
  },
}

/** What a case comes to: NO_BID, a price in millionths, or why it is an error. */
export type Expected = 'NO_BID' | number | ReasonName

/** What it is, the text of the answer, what it comes to. */
export type AnswerCase = readonly [what: string, text: string, expected: Expected]

export const BID = { id: 'b1', impid: '1', price: 1.5, adm: '<a>ad</a>' }
const { auctionId: id } = ANSWERED

/** An answer of one seat with these bids. */
export function answerWith(...bids: unknown[]): string {
  return JSON.stringify({ id, seatbid: [{ bid: bids }] })
}

const withBid = (changes: object) => answerWith({ ...BID, ...changes })
const answer = (changes: object) => JSON.stringify({ id, seatbid: [{ bid: [BID] }], ...changes })
const DEEP = 100_000

/** Section 6.3 of the specification, as it stands there. */
const WIN_NOTICE =
  '{"id":"1234567890","bidid":"abc1123","cur":"USD","seatbid":[{"seat":"512","bid":[{"id":"1","impid":"102","price":9.43,"nurl":"http://adserver.com/winnotice?impid=102","iurl":"http://adserver.com/pathtosampleimage","adomain":["advertiserdomain.com"],"cid":"campaign111","crid":"creative112","attr":[1,2,3,4,5,6,7,12]}]}]}'
const VAST =
  '{"id":"123","seatbid":[{"bid":[{"id":"12345","impid":"2","price":3.00,"nurl":"http://example.com/winnoticeurl","adm":"<?xml version=\\"1.0\\" encoding=\\"utf-8\\"?>\\n<VAST version=\\"2.0\\">\\n<Ad id=\\"12345\\"></Ad>\\n</VAST>"}]}]}'
const DEAL =
  '{"id":"1234567890","bidid":"abc1123","cur":"USD","seatbid":[{"seat":"512","bid":[{"id":"1","impid":"102","price":5.00,"dealid":"ABC-1234-6789","nurl":"http: //adserver.com/winnotice?impid=102","adomain":["advertiserdomain.com"],"iurl":"http: //adserver.com/pathtosampleimage","cid":"campaign111","crid":"creative112","adid":"314","attr":[1,2,3,4]}]}]}'
const NATIVE =
  '{"id":"123","seatbid":[{"bid":[{"id":"12345","impid":"2","price":3.00,"nurl":"http://example.com/winnoticeurl","adm":"{\\"native\\":{\\"ver\\":\\"1.0\\",\\"link\\":{},\\"imptrackers\\":[],\\"assets\\":[]}}"}]}]}'

/** The example as an answer to this auction, for its impression unless that is to stay. */
function here(example: string, impid: string | undefined = '1'): string {
  const parsed = JSON.parse(example)
  parsed.id = id
  if (impid !== undefined) parsed.seatbid[0].bid[0].impid = impid
  return JSON.stringify(parsed)
}

export const ANSWER_CASES: readonly AnswerCase[] = [
  ['the specification’s example 1, of another auction', WIN_NOTICE, 'WRONG_AUCTION_ID'],
  ['its example 1 for another impression', here(WIN_NOTICE, '102'), 'WRONG_IMPRESSION_ID'],
  ['its example 1, whose markup is on the win notice', here(WIN_NOTICE), 'MISSING_MARKUP'],
  ['its example 2, VAST', here(VAST), 3_000_000],
  ['its example 3, a deal with markup on the win notice', here(DEAL), 'MISSING_MARKUP'],
  ['its example 4, a native ad', here(NATIVE), 3_000_000],

  ['a bid', answer({}), 1_500_000],
  ['fields that nobody knows', answer({ ext: { a: 1 }, customdata: 'x', more: [] }), 1_500_000],
  ['space around it', `\n ${answer({})}\n`, 1_500_000],
  ['no seatbid', answer({ seatbid: undefined }), 'NO_BID'],
  ['a seatbid that is null', answer({ seatbid: null }), 'NO_BID'],
  ['an empty seatbid', answer({ seatbid: [] }), 'NO_BID'],
  ['a seat without bids', answer({ seatbid: [{ bid: [] }] }), 'NO_BID'],
  ['an object with nothing in it', '{}', 'NO_BID'],
  ['a reason for no bid', answer({ seatbid: undefined, nbr: 2 }), 'NO_BID'],
  ['a reason for no bid that is unknown', answer({ seatbid: undefined, nbr: 0 }), 'NO_BID'],
  ['a reason for no bid, and bids', answer({ nbr: 8 }), 'NO_BID'],

  ['nothing but space', ' ', 'INVALID_JSON'],
  ['a page', '<html>502 Bad Gateway</html>', 'INVALID_JSON'],
  ['JSON cut short', answer({}).slice(0, -1), 'INVALID_JSON'],
  ['two answers', answer({}) + answer({}), 'INVALID_JSON'],
  ['NaN for a price', answer({}).replace('1.5', 'NaN'), 'INVALID_JSON'],
  ['Infinity for a price', answer({}).replace('1.5', 'Infinity'), 'INVALID_JSON'],
  ['single quotes', answer({}).replaceAll('"', "'"), 'INVALID_JSON'],
  ['brackets without end', '['.repeat(DEEP), 'INVALID_JSON'],
  ['arrays in arrays', '['.repeat(DEEP) + ']'.repeat(DEEP), 'INVALID_RESPONSE'],
  ['null', 'null', 'INVALID_RESPONSE'],
  ['a number', '42', 'INVALID_RESPONSE'],
  ['a text', '"bid"', 'INVALID_RESPONSE'],
  ['an array', `[${answer({})}]`, 'INVALID_RESPONSE'],

  ['another auction’s id', answer({ id: 'other' }), 'WRONG_AUCTION_ID'],
  ['another auction’s id without bids', answer({ id: 'other', seatbid: [] }), 'WRONG_AUCTION_ID'],
  ['a number for its id', answer({ id: 5 }), 'WRONG_AUCTION_ID'],
  ['bids without the auction’s id', answer({ id: undefined }), 'WRONG_AUCTION_ID'],
  ['an object for its seatbid', answer({ seatbid: {} }), 'INVALID_RESPONSE'],
  ['a text for a seat', answer({ seatbid: ['seat'] }), 'INVALID_RESPONSE'],
  ['a seat that is null', answer({ seatbid: [null] }), 'INVALID_RESPONSE'],
  ['an object for bids', answer({ seatbid: [{ bid: BID }] }), 'INVALID_RESPONSE'],
  ['an object for a seat’s name', answer({ seatbid: [{ seat: {}, bid: [BID] }] }), 'INVALID_RESPONSE'],
  ['a number for a bid', answerWith(1), 'INVALID_RESPONSE'],
  ['null for a bid', answerWith(null), 'INVALID_RESPONSE'],
  ['a bid without an id', withBid({ id: undefined }), 'INVALID_RESPONSE'],
  ['a bid with an empty id', withBid({ id: '' }), 'INVALID_RESPONSE'],
  ['a bid with a number for its id', withBid({ id: 7 }), 'INVALID_RESPONSE'],
  ['a bid with an id without end', withBid({ id: 'x'.repeat(2000) }), 'INVALID_RESPONSE'],
  ['a character 0 in the id', withBid({ id: 'a\0b' }), 'INVALID_RESPONSE'],

  ['another impression', withBid({ impid: '2' }), 'WRONG_IMPRESSION_ID'],
  ['a number for the impression', withBid({ impid: 1 }), 'WRONG_IMPRESSION_ID'],
  ['no impression', withBid({ impid: undefined }), 'WRONG_IMPRESSION_ID'],

  ['no price', withBid({ price: undefined }), 'INVALID_PRICE'],
  ['a text for a price', withBid({ price: '1.50' }), 'INVALID_PRICE'],
  ['null for a price', withBid({ price: null }), 'INVALID_PRICE'],
  ['an array for a price', withBid({ price: [1] }), 'INVALID_PRICE'],
  ['a price of 0', withBid({ price: 0 }), 'INVALID_PRICE'],
  ['a price of less than 0', withBid({ price: -1 }), 'INVALID_PRICE'],
  ['a price of -0', answer({}).replace('1.5', '-0'), 'INVALID_PRICE'],
  ['a price of less than a millionth', withBid({ price: 4e-7 }), 'INVALID_PRICE'],
  ['a price of 1e308', withBid({ price: 1e308 }), 'INVALID_PRICE'],
  ['a price that is no double', answer({}).replace('1.5', '1e999'), 'INVALID_PRICE'],
  ['more than six decimals', withBid({ price: 0.1234567 }), 123_457],
  ['a price under the floor, which the auction decides', withBid({ price: 0.01 }), 10_000],
  ['a millionth', withBid({ price: 1e-6 }), 1],

  ['another currency', answer({ cur: 'EUR' }), 'UNSUPPORTED_CURRENCY'],
  ['a currency in lower case', answer({ cur: 'usd' }), 'UNSUPPORTED_CURRENCY'],
  ['an array of currencies', answer({ cur: ['USD'] }), 'UNSUPPORTED_CURRENCY'],
  ['the currency', answer({ cur: 'USD' }), 1_500_000],

  ['no markup', withBid({ adm: undefined }), 'MISSING_MARKUP'],
  ['empty markup', withBid({ adm: '' }), 'MISSING_MARKUP'],
  ['markup of spaces', withBid({ adm: ' \n\t ' }), 'MISSING_MARKUP'],
  ['an object for markup', withBid({ adm: {} }), 'INVALID_RESPONSE'],

  ['a blocked advertiser', withBid({ adomain: ['bad.example'] }), 'ADVERTISER_BLOCKED'],
  ['one under a blocked advertiser', withBid({ adomain: ['ok.example', 'Shop.BAD.example.'] }), 'ADVERTISER_BLOCKED'],
  ['the page of a blocked advertiser', withBid({ adomain: ['https://www.bad.example/x?y'] }), 'ADVERTISER_BLOCKED'],
  ['a domain that ends alike', withBid({ adomain: ['notbad.example'] }), 1_500_000],
  ['a domain over a blocked one', withBid({ adomain: ['co.example'] }), 1_500_000],
  ['a text for advertisers', withBid({ adomain: 'ok.example' }), 'INVALID_RESPONSE'],
  ['a number for an advertiser', withBid({ adomain: [1] }), 'INVALID_RESPONSE'],
  ['a blocked category', withBid({ cat: ['IAB25'] }), 'CATEGORY_BLOCKED'],
  ['a category under a blocked one', withBid({ cat: ['IAB1', 'IAB25-3'] }), 'CATEGORY_BLOCKED'],
  ['a category that is blocked alone', withBid({ cat: ['IAB7-39'] }), 'CATEGORY_BLOCKED'],
  ['a category beside a blocked one', withBid({ cat: ['IAB7-3', 'IAB2', 'IAB250', 'IAB7'] }), 1_500_000],
  ['a text for categories', withBid({ cat: 'IAB1' }), 'INVALID_RESPONSE'],

  ['a size that is offered', withBid({ w: 728, h: 90 }), 1_500_000],
  ['a size that is not offered', withBid({ w: 728, h: 250 }), 'SIZE_NOT_ALLOWED'],
  ['one side alone', withBid({ w: 300 }), 1_500_000],
  ['one side that is not offered', withBid({ h: 600 }), 'SIZE_NOT_ALLOWED'],
  ['a size of 0', withBid({ w: 0, h: 0 }), 'SIZE_NOT_ALLOWED'],
  ['a text for a size', withBid({ w: '300', h: '250' }), 'SIZE_NOT_ALLOWED'],
  ['a video of any size', withBid({ mtype: 2, w: 640, h: 480 }), 1_500_000],
  ['audio, which is not offered', withBid({ mtype: 3 }), 'MEDIA_TYPE_NOT_ALLOWED'],
  ['a kind that there is not', withBid({ mtype: 9 }), 'MEDIA_TYPE_NOT_ALLOWED'],
  ['a text for a kind', withBid({ mtype: '1' }), 'MEDIA_TYPE_NOT_ALLOWED'],
  ['numbers for names', withBid({ crid: 12, adid: 7 }), 1_500_000],
  ['an object for a creative’s name', withBid({ crid: {} }), 'INVALID_RESPONSE'],
  ['a number for a notice', withBid({ nurl: 1 }), 'INVALID_RESPONSE'],
  ['a notice without end', withBid({ burl: `https://x.example/${'x'.repeat(9000)}` }), 'INVALID_RESPONSE'],
  ['an empty notice', withBid({ lurl: '' }), 1_500_000],

  ['several bids', answerWith(BID, { ...BID, id: 'b2', price: 2 }, { ...BID, id: 'b3', price: 1 }), 2_000_000],
  ['the highest of several is wrong', answerWith(BID, { ...BID, id: 'b2', price: 9, impid: 'x' }), 1_500_000],
  [
    'all of several are wrong',
    answerWith(
      { ...BID, price: 1, impid: 'x' },
      { ...BID, id: 'b2', price: 2, adm: '' },
      { ...BID, id: 'b3', price: 'x' },
    ),
    'MISSING_MARKUP',
  ],
  [
    'several without a price',
    answerWith({ ...BID, price: '1' }, { ...BID, id: 'b2', price: null, impid: 'x' }),
    'INVALID_PRICE',
  ],
  ['a bid twice', answerWith(BID, BID), 'INVALID_RESPONSE'],
  [
    'bids of one name by two seats',
    answer({ seatbid: [{ bid: [BID] }, { seat: 's', bid: [{ ...BID, price: 2 }] }] }),
    2_000_000,
  ],
]
