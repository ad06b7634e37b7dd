import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { SMALL_CATALOG, startApp, type TestApp } from '../support/app.ts'
import { dataOf, execute } from '../support/graphql.ts'
import { nextAddress } from '../support/load.ts'

const SUPPLY_IDS = Object.keys(SMALL_CATALOG.supplies).sort()
const BIDDER_IDS = Object.keys(SMALL_CATALOG.bidders).sort()

function countryOf(bidderId: string): string {
  return SMALL_CATALOG.bidders[bidderId]?.country ?? 'none'
}

function biddersOf(supplyId: string): string[] {
  return [...(SMALL_CATALOG.supplies[supplyId] ?? [])].sort()
}

function suppliesOf(bidderId: string): string[] {
  return SUPPLY_IDS.filter((supplyId) => biddersOf(supplyId).includes(bidderId))
}

let app: TestApp
beforeAll(async () => {
  // What it asks the database by itself would be counted with what it is asked for.
  app = await startApp({ catalog: SMALL_CATALOG, env: { AUCTION_LOG: 'off', WORKER: 'off' } })
})
afterAll(() => app?.dispose())

function query<T>(text: string, variables?: Readonly<Record<string, unknown>>): Promise<T> {
  return dataOf<T>(app.graphql, text, variables)
}

interface Page {
  readonly nodes: readonly { readonly id: string }[]
  readonly edges: readonly { readonly cursor: string; readonly node: { readonly id: string } }[]
  readonly pageInfo: {
    readonly hasNextPage: boolean
    readonly hasPreviousPage: boolean
    readonly startCursor: string | null
    readonly endCursor: string | null
  }
  readonly totalCount: number
}

const PAGE = `{
  nodes { id }
  edges { cursor node { id } }
  pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  totalCount
}`

describe.each([
  ['supplies', SUPPLY_IDS],
  ['bidders', BIDDER_IDS],
])('the connection %s', (name, ids) => {
  async function page(args: Readonly<Record<string, unknown>>): Promise<Page> {
    const data = await query<Record<string, Page>>(
      `query($first: Int, $after: String, $last: Int, $before: String) {
        ${name}(first: $first, after: $after, last: $last, before: $before) ${PAGE}
      }`,
      args,
    )
    return data[name] as Page
  }

  it('should give everything by id where nothing is asked for', async () => {
    const { nodes, edges, pageInfo, totalCount } = await page({})
    expect(nodes.map(({ id }) => id)).toEqual(ids)
    expect(edges.map(({ node }) => node.id)).toEqual(ids)
    expect(totalCount).toBe(ids.length)
    expect(pageInfo).toEqual({
      hasNextPage: false,
      hasPreviousPage: false,
      startCursor: edges[0]?.cursor,
      endCursor: edges.at(-1)?.cursor,
    })
  })

  it('should be walked forwards, page by page', async () => {
    const seen: string[] = []
    let after: string | null = null
    do {
      const { nodes, pageInfo }: Page = await page({ first: 2, after })
      expect(nodes.length).toBeLessThanOrEqual(2)
      expect(pageInfo.hasPreviousPage).toBe(after !== null)
      seen.push(...nodes.map(({ id }) => id))
      expect(pageInfo.hasNextPage).toBe(seen.length < ids.length)
      after = pageInfo.hasNextPage ? pageInfo.endCursor : null
    } while (after !== null)
    expect(seen).toEqual(ids)
  })

  it('should be walked backwards, page by page', async () => {
    const seen: string[] = []
    let before: string | null = null
    do {
      const { nodes, pageInfo }: Page = await page({ last: 2, before })
      expect(pageInfo.hasNextPage).toBe(before !== null)
      seen.unshift(...nodes.map(({ id }) => id))
      expect(pageInfo.hasPreviousPage).toBe(seen.length < ids.length)
      before = pageInfo.hasPreviousPage ? pageInfo.startCursor : null
    } while (before !== null)
    expect(seen).toEqual(ids)
  })
})

it('should give 20 rows where no page is named, and 100 at most', async () => {
  const bidders = Object.fromEntries(Array.from({ length: 120 }, (_, index) => [`bidder${index}`, { country: 'US' }]))
  const large = await startApp({ catalog: { supplies: { supply1: ['bidder1'] }, bidders } })
  try {
    const data = await dataOf<Record<string, Page>>(
      large.graphql,
      `{ usual: bidders ${PAGE} most: bidders(first: 100) ${PAGE} }`,
    )
    expect(data.usual?.nodes).toHaveLength(20)
    expect(data.usual).toMatchObject({ totalCount: 120, pageInfo: { hasNextPage: true } })
    expect(data.most?.nodes).toHaveLength(100)
  } finally {
    await large.dispose()
  }
})

describe('bidders(country)', () => {
  it.each(['US', 'GB', 'FR'])('should give those of %s and count no others', async (country) => {
    const { bidders } = await query<{ bidders: { nodes: unknown[]; totalCount: number } }>(
      'query($country: CountryCode) { bidders(country: $country) { nodes { id country } totalCount } }',
      { country },
    )
    const expected = BIDDER_IDS.filter((id) => countryOf(id) === country)
    expect(bidders).toEqual({ nodes: expected.map((id) => ({ id, country })), totalCount: expected.length })
  })
})

describe('one supply', () => {
  it.each(SUPPLY_IDS)('should be %s with its bidders, of all countries and of one', async (id) => {
    const { supply } = await query<{ supply: unknown }>(
      `query($id: ID!) {
        supply(id: $id) { id bidders { id country } two: bidders(first: 2) { id } british: bidders(country: "GB") { id } }
      }`,
      { id },
    )
    expect(supply).toEqual({
      id,
      bidders: biddersOf(id).map((bidderId) => ({ id: bidderId, country: countryOf(bidderId) })),
      two: biddersOf(id)
        .slice(0, 2)
        .map((bidderId) => ({ id: bidderId })),
      british: biddersOf(id)
        .filter((bidderId) => countryOf(bidderId) === 'GB')
        .map((bidderId) => ({ id: bidderId })),
    })
  })

  it('should be null where there is none', async () => {
    expect(await query('{ supply(id: "nowhere") { id } bidder(id: "nobody") { id } }')).toEqual({
      supply: null,
      bidder: null,
    })
  })
})

describe('one bidder', () => {
  it.each(BIDDER_IDS)('should be %s with its supplies', async (id) => {
    const supplies = suppliesOf(id)
    expect(
      await query('query($id: ID!) { bidder(id: $id) { id country supplies { totalCount nodes { id } } } }', { id }),
    ).toEqual({
      bidder: {
        id,
        country: countryOf(id),
        supplies: { totalCount: supplies.length, nodes: supplies.map((supplyId) => ({ id: supplyId })) },
      },
    })
  })

  it('should have its supplies walked forwards, one by one', async () => {
    interface Walked {
      readonly bidder: { readonly supplies: Pick<Page, 'nodes' | 'pageInfo'> }
    }
    const id = BIDDER_IDS.find((bidderId) => suppliesOf(bidderId).length > 2) as string
    const seen: string[] = []
    let after: string | null = null
    do {
      const { bidder }: Walked = await query<Walked>(
        'query($id: ID!, $after: String) { bidder(id: $id) { supplies(first: 1, after: $after) { nodes { id } pageInfo { hasNextPage endCursor } } } }',
        { id, after },
      )
      seen.push(...bidder.supplies.nodes.map((node) => node.id))
      after = bidder.supplies.pageInfo.hasNextPage ? bidder.supplies.pageInfo.endCursor : null
    } while (after !== null)
    expect(seen).toEqual(suppliesOf(id))
  })

  it('should have its supplies walked backwards, beside those of others', async () => {
    interface Walked {
      readonly bidders: { readonly nodes: readonly { readonly id: string; readonly supplies: Page }[] }
    }
    const seen: string[] = []
    let before: string | null = null
    do {
      const { bidders }: Walked = await query<Walked>(
        `query($before: String) { bidders { nodes { id supplies(last: 2, before: $before) ${PAGE} } } }`,
        { before },
      )
      for (const { id, supplies } of bidders.nodes) {
        const all = suppliesOf(id)
        expect(supplies.totalCount).toBe(all.length)
        if (before === null) expect(supplies.nodes.map((node) => node.id)).toEqual(all.slice(-2))
        if (supplies.nodes.length === 0) expect(supplies.pageInfo).toMatchObject({ startCursor: null, endCursor: null })
      }
      const { nodes, pageInfo }: Page = bidders.nodes[0]?.supplies ?? ({} as Page)
      seen.unshift(...nodes.map(({ id }) => id))
      expect(pageInfo).toMatchObject({ hasNextPage: before !== null, hasPreviousPage: seen.length < 4 })
      before = pageInfo.hasPreviousPage ? pageInfo.startCursor : null
    } while (before !== null)
    expect(seen).toEqual(suppliesOf('acme'))
  })

  it.each([
    ['is none', 'nonsense'],
    ['cannot be stored', Buffer.from('GPC:S:a\0').toString('base64')],
  ])('should refuse a cursor that %s', async (_name, after) => {
    const text = 'query($after: String) { bidder(id: "acme") { supplies(after: $after) { nodes { id } } } }'
    expect(await execute(app.graphql, text, { after })).toMatchObject({
      errors: [{ extensions: { code: 'BAD_USER_INPUT' } }],
    })
  })
})

const STATS = `{
  supplyId totalRequests
  requestsPerCountry { country requests }
  bidders { bidderId wins losses noBids timeouts errors skipped totalRevenue }
}`

describe('statistics', () => {
  it('should be the same from stats, from a supply and from supplies, zeros before the first request', async () => {
    const none = { totalRequests: 0, requestsPerCountry: [], bidders: [] }
    const data = await query<{ stats: unknown; supply: { stats: unknown }; supplies: { nodes: { stats: unknown }[] } }>(
      `{
        stats(supplyIds: ["supply3", "lonely", "supply3"]) ${STATS}
        supply(id: "supply3") { stats ${STATS} }
        supplies { nodes { stats ${STATS} } }
      }`,
    )
    expect(data.stats).toEqual([
      { supplyId: 'lonely', ...none },
      { supplyId: 'supply3', ...none },
    ])
    expect(data.supply.stats).toEqual({ supplyId: 'supply3', ...none })
    expect(data.supplies.nodes[0]?.stats).toEqual({ supplyId: 'lonely', ...none })
  })

  it('should show an auction at once, and list supplies that had a request by id', async () => {
    const run = `mutation($supplyId: ID!, $ip: IPAddress!, $country: CountryCode!) {
      runAuction(input: { supplyId: $supplyId, ip: $ip, country: $country }) {
        ... on Auction { price startedAt winner { id country supplies { nodes { id } } } }
      }
    }`
    interface Run {
      readonly runAuction: {
        readonly price: number
        readonly startedAt: string
        readonly winner: { readonly id: string; readonly country: string; readonly supplies: unknown }
      }
    }
    const before = Date.now()
    const { runAuction } = await query<Run>(run, { supplyId: 'supply3', ip: nextAddress(), country: 'GB' })
    await query(run, { supplyId: 'lonely', ip: nextAddress(), country: 'FR' })

    const { price, startedAt, winner } = runAuction
    expect(new Date(startedAt).toISOString()).toBe(startedAt)
    expect(Date.parse(startedAt)).toBeGreaterThanOrEqual(before)
    expect(['dune', 'echo']).toContain(winner.id)
    // What is nested in the winner is read from the database.
    expect(winner.country).toBe('GB')
    expect(winner.supplies).toEqual({ nodes: suppliesOf(winner.id).map((id) => ({ id })) })
    expect(
      await query(
        '{ first: stats(first: 1) { id } rest: stats(after: "lonely") { id } end: stats(after: "z") { id } }',
      ),
    ).toEqual({
      first: [{ id: 'lonely' }],
      rest: [{ id: 'supply3' }],
      end: [],
    })
    const { stats } = await query<{ stats: unknown[] }>(`{ stats ${STATS} }`)
    expect(stats).toEqual([
      { supplyId: 'lonely', totalRequests: 1, requestsPerCountry: [{ country: 'FR', requests: 1 }], bidders: [] },
      {
        supplyId: 'supply3',
        totalRequests: 1,
        requestsPerCountry: [{ country: 'GB', requests: 1 }],
        bidders: ['dune', 'echo'].map((bidderId) => ({
          bidderId,
          wins: bidderId === winner.id ? 1 : 0,
          losses: bidderId === winner.id ? 0 : 1,
          noBids: 0,
          timeouts: 0,
          errors: 0,
          skipped: 0,
          totalRevenue: bidderId === winner.id ? price : 0,
        })),
      },
    ])
  })
})

describe('the number of database queries', () => {
  async function queriesOf(text: string): Promise<number> {
    await query(text)
    const spy = vi.spyOn(pg.Client.prototype, 'query')
    try {
      await query(text)
      // The catalogue's revision is polled beside it.
      return spy.mock.calls.filter((call) => !JSON.stringify(call[0]).includes('catalog_revision')).length
    } finally {
      spy.mockRestore()
    }
  }

  it.each([
    ['supplies with their bidders', '{ supplies(first: $n) { nodes { id bidders { id country } } } }'],
    [
      'supplies with their bidders of one country',
      '{ supplies(first: $n) { nodes { id bidders(country: "US") { id } } } }',
    ],
    [
      'bidders with their supplies',
      '{ bidders(first: $n) { nodes { id supplies { totalCount nodes { id stats { id } } } } } }',
    ],
    ['supplies with their statistics', '{ supplies(first: $n) { nodes { id stats { totalRequests } } } }'],
  ])('should not grow with the rows of %s', async (_name, text) => {
    // The first supply has no bidder, the second has.
    const ofTwo = await queriesOf(text.replace('$n', '2'))
    expect(ofTwo).toBeGreaterThan(0)
    expect(await queriesOf(text.replace('$n', '5'))).toBe(ofTwo)
  })

  it.each([
    ['bidders with one supply each', '{ bidders(first: 6) { nodes { supplies(first: 1) { nodes { id } } } } }'],
    ['supplies with one bidder each', '{ supplies(first: 5) { nodes { bidders(first: 1) { id } } } }'],
  ])('should bring no more rows than a page has, of %s', async (_name, text) => {
    await query(text)
    const spy = vi.spyOn(pg.Query.prototype as unknown as { handleDataRow(): void }, 'handleDataRow')
    try {
      await query(text)
      expect(spy).toHaveBeenCalled()
      // Those of the outer page, then of each one and whether there is another; the catalogue's revision beside it.
      expect(spy.mock.calls.length).toBeLessThanOrEqual(6 + 6 * 2 + 1)
    } finally {
      spy.mockRestore()
    }
  })

  it('should be none for an auction', async () => {
    const run = (ip: string) =>
      `mutation { runAuction(input: { supplyId: "supply4", ip: "${ip}", country: "US" }) {
        ... on Auction { price winner { id country } responses { bidderId outcome } }
      } }`
    expect(await queriesOf(run('203.0.113.77'))).toBe(0)
  })
})
