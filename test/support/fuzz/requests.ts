import { nextAddress } from '../load.ts'

/** Who sells what fuzzed requests ask for. What of it is counted can be told of each apart. */
export const FUZZ_SUPPLIES = ['beside', 'documents', 'bytes', 'openrtb'] as const
/** They have no bidders. */
export const LONELY_SUPPLIES = ['lonely', 'lonely-openrtb'] as const
/** Those whose auctions are counted one by one as they are answered. */
export const EXACT_SUPPLIES = ['beside', 'documents', 'lonely'] as const

const INPUT = {
  supplyId: 'bytes',
  ip: '203.0.113.7',
  country: 'US',
  tmax: 100,
  site: {
    id: '1',
    domain: 'news.example',
    page: 'https://news.example/',
    cat: ['IAB1'],
    publisher: { id: 'p', cat: ['IAB2'] },
  },
  device: { ua: 'Mozilla/5.0', dnt: true, w: 1, pxratio: 1.5, geo: { lat: 1.5, lon: -1, type: 1, utcoffset: 60 } },
  user: { id: 'u', yob: 1990, consent: 'CPc0_AAPc0_AAAGABCENCZCgAAAAAAAAAA' },
  regs: { gdpr: true, coppa: false, gpp_sid: [2, 7] },
  test: false,
}
const APP = {
  supplyId: 'bytes',
  ip: '2001:db8::7',
  country: 'GB',
  app: { bundle: 'com.example', paid: true, publisher: { id: 'p' } },
}
const RUN = `mutation Run($input: RunAuctionInput!) { runAuction(input: $input) { __typename
  ... on Auction { id price winner { id } responses { bidderId outcome reason } } ... on NoBidsError { auctionId } ... on Error { message } } }`
const INLINE =
  'mutation { a: runAuction(input: {supplyId: "bytes", ip: "198.51.100.1", country: "US", idempotencyKey: "k"}) { __typename } }'
const PAGES =
  'query Pages($n: Int = 2, $c: CountryCode, $b: Boolean!) { supplies(first: $n) { nodes { id bidders(country: $c) { ...B } } } bidders(last: $n) { edges { cursor node { ...B @skip(if: $b) } } } } fragment B on Bidder { id country health }'
const HISTORY =
  '{ statsHistory(from: "2020-01-01T00:00:00Z", to: "2020-01-02T00:00:00Z", granularity: HOUR, groupBy: [SUPPLY]) { start requests } auctions(first: 1, supplyId: "bytes") { nodes { id price } } auction(id: "0190a5b4-7c00-7000-8000-000000000000") { id } }'
const CONFIRM = 'mutation($id: ID!) { confirmImpression(auctionId: $id) { __typename ... on Error { message } } }'
const STATS =
  'query($ids: [ID!], $first: Int! = 5) { stats(supplyIds: $ids, first: $first) { supplyId totalRequests bidders { wins } } }'
export const SUBSCRIPTION =
  'subscription($ids: [ID!], $ms: Int! = 250) { statsUpdated(supplyIds: $ids, minIntervalMs: $ms) { supplyId totalRequests } }'

/** What clients send as JSON to /graphql. */
export const GRAPHQL_REQUESTS: readonly object[] = [
  { operationName: 'Run', query: RUN, variables: { input: INPUT } },
  { query: RUN, variables: { input: APP } },
  { query: INLINE },
  { query: PAGES, variables: { n: 1, c: 'US', b: false } },
  { query: HISTORY },
  { query: CONFIRM, variables: { id: '0190a5b4-7c00-7000-8000-000000000000' } },
  { query: STATS, variables: { ids: ['bytes'], first: 1 } },
  { query: '{ __schema { types { name fields { name } } } __type(name: "Query") { name } }' },
  {
    query: '{ __typename }',
    extensions: { persistedQuery: { version: 1, sha256Hash: 'ecf4edb46db40b5132295c0291d62fb65d6759a9' } },
  },
  { extensions: { persistedQuery: { version: 1, sha256Hash: 'ecf4edb46db40b5132295c0291d62fb65d6759a9' } } },
]

/** What others send to /openrtb2/auction. */
export const BID_REQUESTS: readonly object[] = [
  {
    id: 'request-1',
    imp: [
      {
        id: '1',
        tagid: 'openrtb',
        banner: { w: 300, h: 250, format: [{ w: 300, h: 250 }], battr: [1] },
        bidfloor: 0.01,
        secure: 1,
      },
      {
        id: '2',
        tagid: 'openrtb',
        video: { mimes: ['video/mp4'], w: 1, h: 1, protocols: [2] },
        pmp: { deals: [{ id: 'd' }] },
      },
      { id: '3', tagid: 'lonely-openrtb', native: { request: '{"ver":"1.2"}' }, bidfloorcur: 'USD' },
    ],
    site: {
      page: 'https://news.example/',
      publisher: { id: 'p1', ext: {} },
      content: { data: [{ segment: [] }] },
      ext: { amp: 0 },
    },
    device: {
      ua: 'Mozilla/5.0',
      ip: '203.0.113.7',
      sua: { browsers: [] },
      geo: { country: 'USA', lat: 40.7, utcoffset: 1 },
    },
    user: {
      id: 'u1',
      consent: 'CPc0_AAPc0_AAAGABCENCZCgAAAAAAAAAA',
      ext: { consent: 'x', eids: [{ uids: [{ id: 'e' }] }] },
    },
    regs: { coppa: 0, gdpr: 1, gpp_sid: [2], ext: { gdpr: 1, us_privacy: '1---' } },
    bcat: ['IAB25'],
    badv: ['bad.example'],
    at: 1,
    tmax: 300,
    cur: ['USD'],
    test: 1,
    source: { tid: 't', schain: { nodes: [] } },
    ext: { prebid: {} },
  },
  {
    id: 'request-2',
    imp: [{ id: '1', tagid: 'openrtb' }],
    app: { bundle: 'com.example', publisher: { id: 'p' } },
    device: { ipv6: '2001:db8::7', geo: { country: 'GB' } },
  },
]

/** An ordinary auction, of an address of its own. */
export function ordinaryAuction(): { query: string; variables: object } {
  return { query: RUN, variables: { input: { supplyId: 'beside', ip: nextAddress(), country: 'US' } } }
}
