import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { LoggedAuction } from '../../src/history/types.ts'
import { SMALL_CATALOG, startApp, type TestApp } from '../support/app.ts'
import { dataOf, execute } from '../support/graphql.ts'
import { logAuctions, loggedAuction } from '../support/logged.ts'
import { readmeBlocks } from '../support/readme.ts'

const at = (minute: number) => Date.parse('2026-03-10T11:00:00Z') + minute * 60_000

/** Of an hour, the newest first. */
const AUCTIONS = Array.from({ length: 30 }, (_, minute) =>
  minute % 3 === 0
    ? loggedAuction(at(minute), 'supply1', 'US', {
        acme: ['WON', 230_000],
        bolt: ['LOST', 120_000],
        crane: ['NO_BID'],
        foxtrot: ['TIMED_OUT'],
      })
    : loggedAuction(at(minute), 'supply2', 'GB', { dune: ['NO_BID'] }),
).reverse()
const RANGE = 'from: "2026-03-10T00:00:00Z", to: "2026-03-11T00:00:00Z"'
const NO_UUID_V7 = ['', 'news', '550e8400-e29b-41d4-a716-446655440000', "' OR true", 'x'.repeat(5000)]

let app: TestApp
beforeAll(async () => {
  app = await startApp({ catalog: SMALL_CATALOG })
  await logAuctions(app.services.prisma, AUCTIONS)
})
afterAll(() => app?.dispose())

const RECEIPT = `id supplyId country tmax winnerId price responses { bidderId outcome reason price latencyMs } startedAt durationMs`

describe('auction', () => {
  it('should give the receipt of an auction that was sold', async () => {
    const { id, startedAtMs } = AUCTIONS.find(({ winnerId }) => winnerId) as LoggedAuction
    const data = await dataOf(app.graphql, `query ($id: ID!) { auction(id: $id) { ${RECEIPT} } }`, { id })
    expect(data).toEqual({
      auction: {
        id,
        supplyId: 'supply1',
        country: 'US',
        tmax: 200,
        winnerId: 'acme',
        price: 0.23,
        responses: [
          { bidderId: 'acme', outcome: 'WON', reason: null, price: 0.23, latencyMs: 12.5 },
          { bidderId: 'bolt', outcome: 'LOST', reason: 'OUTBID', price: 0.12, latencyMs: 12.5 },
          { bidderId: 'crane', outcome: 'NO_BID', reason: null, price: null, latencyMs: 12.5 },
          { bidderId: 'foxtrot', outcome: 'TIMED_OUT', reason: null, price: null, latencyMs: null },
        ],
        startedAt: new Date(startedAtMs).toISOString(),
        durationMs: 150.25,
      },
    })
  })

  it('should give the receipt of one that was not, and null where there is none', async () => {
    const { id } = AUCTIONS.find(({ winnerId }) => !winnerId) as LoggedAuction
    const none = loggedAuction(at(0), 'supply1', 'US').id
    const query = `{ auction(id: "${id}") { winnerId price } none: auction(id: "${none}") { id } }`
    expect(await dataOf(app.graphql, query)).toEqual({ auction: { winnerId: null, price: null }, none: null })
  })

  it.each(NO_UUID_V7)('should refuse %j, which is no auction’s id', async (id) => {
    const { errors } = await execute(app.graphql, 'query ($id: ID!) { auction(id: $id) { id } }', { id })
    expect(errors).toEqual([expect.objectContaining({ extensions: { code: 'BAD_USER_INPUT' } })])
    expect(errors?.[0]?.message).toMatch(/ is no auction's id, which is a UUIDv7\.$/)
  })

  it('should have what runAuction answered, soon after', async () => {
    interface Sold {
      readonly id: string
      readonly price: number
      readonly winner: { readonly id: string }
      readonly responses: readonly { readonly latencyMs: number }[]
    }
    const input = { supplyId: 'supply4', ip: '203.0.113.99', country: 'US' }
    const { runAuction } = await dataOf<{ runAuction: Sold }>(
      app.graphql,
      `mutation ($input: RunAuctionInput!) { runAuction(input: $input) { ... on Auction {
        id supplyId country tmax price winner { id } responses { bidderId outcome price latencyMs } startedAt } } }`,
      { input },
    )
    const { winner, responses, ...sold } = runAuction
    const auction = await vi.waitFor(async () => {
      const data = await dataOf<{ auction: unknown }>(
        app.graphql,
        `{ auction(id: "${sold.id}") { id supplyId country tmax price winnerId responses { bidderId outcome price latencyMs } startedAt } }`,
      )
      if (!data.auction) throw new Error('It is not logged yet.')
      return data.auction
    }, 10_000)
    // Durations are kept as single precision numbers.
    const rounded = responses.map((response) => ({ ...response, latencyMs: expect.closeTo(response.latencyMs, 3) }))
    expect(auction).toEqual({ ...sold, winnerId: winner.id, responses: rounded })
  })
})

describe('auctions', () => {
  interface Page {
    readonly nodes: readonly { readonly id: string }[]
    readonly edges: readonly { readonly cursor: string; readonly node: { readonly id: string } }[]
    readonly pageInfo: Readonly<Record<'hasNextPage' | 'hasPreviousPage', boolean>> & {
      readonly startCursor: string | null
      readonly endCursor: string | null
    }
  }
  const PAGE =
    '{ nodes { id } edges { cursor node { id } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } }'
  const page = async (args: string) =>
    (await dataOf<{ auctions: Page }>(app.graphql, `{ auctions(${args}) ${PAGE} }`)).auctions
  const idsOf = ({ nodes }: Page) => nodes.map(({ id }) => id)
  const ids = AUCTIONS.map(({ id }) => id)

  it('should give 20 where no page is named, the newest first', async () => {
    const { nodes, edges, pageInfo } = await page(RANGE)
    expect(nodes.map(({ id }) => id)).toEqual(ids.slice(0, 20))
    expect(edges.map(({ node }) => node.id)).toEqual(ids.slice(0, 20))
    expect(pageInfo).toEqual({
      hasNextPage: true,
      hasPreviousPage: false,
      startCursor: edges[0]?.cursor,
      endCursor: edges.at(-1)?.cursor,
    })
  })

  it('should be walked through, page by page, by any of its filters', async () => {
    const filters: [string, (auction: LoggedAuction) => boolean][] = [
      ['', () => true],
      ['supplyId: "supply1"', ({ supplyId }) => supplyId === 'supply1'],
      ['bidderId: "dune"', ({ country }) => country === 'GB'],
      ['country: "US", sold: true', ({ country }) => country === 'US'],
      ['sold: false', ({ winnerId }) => !winnerId],
    ]
    for (const [filter, fits] of filters) {
      const seen: string[] = []
      let after = 'null'
      do {
        const found = await page(`${RANGE}, ${filter} first: 7, after: ${after}`)
        expect(found.pageInfo.hasPreviousPage).toBe(seen.length > 0)
        seen.push(...idsOf(found))
        after = found.pageInfo.hasNextPage ? JSON.stringify(found.pageInfo.endCursor) : 'null'
      } while (after !== 'null')
      expect(seen).toEqual(AUCTIONS.filter(fits).map(({ id }) => id))
    }
  })

  it('should take the beginning of a range in and its end out', async () => {
    const found = await page('from: "2026-03-10T11:05:00Z", to: "2026-03-10T12:08:00+01:00"')
    expect(idsOf(found)).toEqual(ids.slice(22, 25))
  })

  it('should have no cursors where nothing is found', async () => {
    const pageInfo = { hasNextPage: false, hasPreviousPage: false, startCursor: null, endCursor: null }
    expect(await page(`${RANGE}, supplyId: "nobody"`)).toEqual({ nodes: [], edges: [], pageInfo })
  })

  it.each([
    ['first: 101', /^first must be 0 to 100, not 101/],
    ['first: -1', /^first must be 0 to 100, not -1/],
    ['after: "news"', /^Invalid cursor: news$/],
    [`after: "${Buffer.from('GPC:S:supply1').toString('base64')}"`, /^Invalid cursor: /],
    [
      'from: "2026-03-10T11:00:00Z", to: "2026-03-10T11:00:00Z"',
      /^from must be before to, and 2026-03-10T11:00:00.000Z /,
    ],
    ['from: "yesterday"', /"yesterday" is not an instant of RFC 3339/],
    ['country: "us"', /"us" is not an ISO 3166-1 alpha-2 country code/],
  ])('should refuse %s', async (args, message) => {
    const { errors } = await execute(app.graphql, `{ auctions(${args}) { nodes { id } } }`)
    expect(errors?.[0]?.message).toMatch(message)
    expect(errors?.[0]?.extensions).toMatchObject({ code: 'BAD_USER_INPUT' })
  })
})

describe('statsHistory', () => {
  const BUCKET =
    'start supplyId bidderId country requests sold bids noBids timeouts errors skipped revenue averagePrice'
  type Bucket = Readonly<Record<string, string | number | null>>
  const history = async (args: string) =>
    (await dataOf<{ statsHistory: Bucket[] }>(app.graphql, `{ statsHistory(${args}) { ${BUCKET} } }`)).statsHistory
  const NONE = {
    requests: 0,
    sold: 0,
    bids: 0,
    noBids: 0,
    timeouts: 0,
    errors: 0,
    skipped: 0,
    revenue: 0,
    averagePrice: null,
  }
  const ALL = { supplyId: null, bidderId: null, country: null }

  it('should give every hour of a day, those without a request as zeros', async () => {
    const buckets = await history(`${RANGE}, granularity: HOUR`)
    expect(buckets).toEqual(
      Array.from({ length: 24 }, (_, hour) => ({
        start: `2026-03-10T${String(hour).padStart(2, '0')}:00:00.000Z`,
        ...ALL,
        ...(hour === 11
          ? {
              requests: 30,
              sold: 10,
              bids: 20,
              noBids: 30,
              timeouts: 10,
              errors: 0,
              skipped: 0,
              revenue: 2.3,
              averagePrice: 0.23,
            }
          : NONE),
      })),
    )
  })

  it('should tell of supplies, bidders and countries apart', async () => {
    const start = '2026-03-10T00:00:00.000Z'
    const day = `${RANGE}, granularity: DAY`
    expect(await history(`${day}, groupBy: [SUPPLY, COUNTRY]`)).toEqual([
      {
        start,
        ...ALL,
        supplyId: 'supply1',
        country: 'US',
        ...{
          requests: 10,
          sold: 10,
          bids: 20,
          noBids: 10,
          timeouts: 10,
          errors: 0,
          skipped: 0,
          revenue: 2.3,
          averagePrice: 0.23,
        },
      },
      { start, ...ALL, supplyId: 'supply2', country: 'GB', ...NONE, requests: 20, noBids: 20 },
    ])
    const args = `${day}, groupBy: BIDDER, bidderIds: ["nobody", "bolt", "acme"], countries: ["US"], supplyIds: "supply1"`
    expect(await history(args)).toEqual([
      { start, ...ALL, bidderId: 'acme', ...NONE, requests: 10, sold: 10, bids: 10, revenue: 2.3, averagePrice: 0.23 },
      { start, ...ALL, bidderId: 'bolt', ...NONE, requests: 10, bids: 10 },
      { start, ...ALL, bidderId: 'nobody', ...NONE },
    ])
  })

  it('should give 10,000 buckets whole, by variables', async () => {
    const { statsHistory } = await dataOf<{ statsHistory: Bucket[] }>(
      app.graphql,
      `query ($from: DateTime!, $to: DateTime!, $by: Granularity!) {
        statsHistory(from: $from, to: $to, granularity: $by) { __typename ${BUCKET} } }`,
      { from: '2026-03-04T00:00:00Z', to: '2026-03-10T22:40:00Z', by: 'MINUTE' },
    )
    expect(statsHistory).toHaveLength(10_000)
    expect(statsHistory.filter(({ requests }) => Number(requests) > 0)).toHaveLength(30)
    expect(statsHistory.at(-1)).toEqual({
      __typename: 'StatsBucket',
      start: '2026-03-10T22:39:00.000Z',
      ...ALL,
      ...NONE,
    })
  })

  it.each([
    [
      'from: "2026-03-10T11:00:00Z", to: "2026-03-10T10:00:00Z", granularity: DAY',
      'BAD_USER_INPUT',
      /^from must be before/,
    ],
    [
      'from: "2025-01-01T00:00:00Z", to: "2026-01-02T00:00:00Z", granularity: MINUTE',
      'RANGE_TOO_LARGE',
      /^This range has 527040 minutes, and an answer has 10000 buckets at most: take a coarser/,
    ],
    [
      'from: "0000-01-01T00:00:00Z", to: "9999-12-31T00:00:00Z", granularity: DAY',
      'RANGE_TOO_LARGE',
      /^This range has 3652424 days/,
    ],
    [
      `${RANGE}, granularity: HOUR, groupBy: SUPPLY, supplyIds: [${Array.from({ length: 500 }, (_, n) => `"s${n}"`)}]`,
      'RANGE_TOO_LARGE',
      /^This range has 24 hours, for each of 500/,
    ],
    [
      'from: "2026-03-10T11:00:00Z", granularity: HOUR',
      'GRAPHQL_VALIDATION_FAILED',
      /"to" of type "DateTime!" is required/,
    ],
    [`${RANGE}, granularity: WEEK`, 'GRAPHQL_VALIDATION_FAILED', /"WEEK" does not exist in "Granularity"/],
  ])('should refuse %.100s', async (args, code, message) => {
    const { errors } = await execute(app.graphql, `{ statsHistory(${args}) { start } }`)
    expect(errors?.[0]?.message).toMatch(message)
    expect(errors?.[0]?.extensions?.code).toBe(code)
  })
})

it('should answer what the README asks', async () => {
  const [query = '', ...others] = await readmeBlocks('### History', 'graphql')
  expect(others).toEqual([])
  const { id } = AUCTIONS[0] as LoggedAuction
  const data = await dataOf<Record<string, unknown>>(app.graphql, query, { id })
  expect(data).toMatchObject({ auctions: { nodes: [] }, auction: { winnerId: null } })
  expect(data.statsHistory).toHaveLength(48)
})
