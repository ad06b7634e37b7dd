import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { makeKeysFile, type TestKeys } from '../support/access.ts'
import { SMALL_CATALOG, startApp, type TestApp } from '../support/app.ts'
import { openRawSocket, send } from '../support/graphql.ts'

/** What may be asked for, about a supply; about none, where that is asked. */
interface Case {
  readonly field: string
  readonly of: (supplyId: string) => string
  readonly unnamed?: readonly string[]
}

const RANGE = 'from: "2026-01-01T00:00:00Z", to: "2026-01-02T00:00:00Z", granularity: DAY'
const sale = (supplyId: string, fields = '__typename') =>
  `mutation { runAuction(input: { supplyId: "${supplyId}", ip: "203.0.113.7", country: "US" }) { ${fields} } }`

const NAMING: readonly Case[] = [
  { field: 'supply', of: (id) => `{ supply(id: "${id}") { id stats { totalRequests } bidders { id endpoint } } }` },
  {
    field: 'stats',
    of: (id) => `{ stats(supplyIds: ["supply1", "${id}"]) { supplyId } }`,
    unnamed: [
      '{ stats { supplyId } }',
      '{ stats(supplyIds: null) { supplyId } }',
      '{ stats(supplyIds: []) { supplyId } }',
    ],
  },
  {
    field: 'statsHistory',
    of: (id) => `{ statsHistory(${RANGE}, supplyIds: ["supply1", "${id}"], groupBy: [BIDDER]) { requests } }`,
    unnamed: [
      `{ statsHistory(${RANGE}) { requests } }`,
      `{ statsHistory(${RANGE}, supplyIds: [], groupBy: [SUPPLY]) { supplyId } }`,
      `{ statsHistory(${RANGE}, bidderIds: ["acme"]) { requests } }`,
    ],
  },
  {
    field: 'auctions',
    of: (id) => `{ auctions(supplyId: "${id}") { nodes { supplyId } } }`,
    unnamed: ['{ auctions { nodes { supplyId } } }', '{ auctions(supplyId: null, bidderId: "acme") { nodes { id } } }'],
  },
]

/** What tells of all supplies at once. */
const WHOLE = [
  '{ supplies { nodes { id } } }',
  '{ supplies { totalCount } }',
  '{ bidders { nodes { id } } }',
  '{ bidder(id: "acme") { id } }',
  '{ bidder(id: "acme") { supplies { nodes { id stats { totalRequests } } } } }',
  '{ supply(id: "supply1") { id } other: supplies { nodes { id } } }',
  '{ ...F } fragment F on Query { supplies { nodes { id } } }',
  '{ ... @include(if: true) { supplies { nodes { id } } } }',
]

describe('a key for certain supplies', () => {
  let keys: TestKeys
  let app: TestApp
  let tokens: Record<'publisher' | 'analyst' | 'anyPublisher' | 'admin', string>
  beforeAll(async () => {
    keys = await makeKeysFile()
    tokens = {
      publisher: await keys.add({ role: 'publisher', supplies: ['supply1', 'supply4'] }),
      analyst: await keys.add({ role: 'analyst', supplies: ['supply1', 'supply4'] }),
      anyPublisher: await keys.add({ role: 'publisher' }),
      admin: await keys.add({ role: 'admin' }),
    }
    const env = { API_KEYS_FILE: keys.path, RATE_LIMIT_MAX: '1000', NO_BID_PROBABILITY: '0' }
    app = await startApp({ catalog: SMALL_CATALOG, env })
  })
  afterAll(async () => {
    await app?.dispose()
    await keys?.dispose()
  })

  // biome-ignore lint/suspicious/noExplicitAny: what each query gives is its test's matter.
  async function ask(query: string, token: string): Promise<{ data?: any; codes: string[] }> {
    const body = JSON.stringify({ query })
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` }
    const { text } = await send(app.graphql, { headers, body })
    const { data, errors = [] } = JSON.parse(text)
    return { data, codes: errors.map(({ extensions }: { extensions: { code: string } }) => extensions.code) }
  }

  async function expectRefused(query: string, token: string): Promise<void> {
    // By Yoga, then by the lane.
    for (let time = 0; time < 2; time++) {
      const { data, codes } = await ask(query, token)
      expect([query, codes]).toEqual([query, ['FORBIDDEN']])
      expect([query, JSON.stringify(data ?? null)]).toEqual([query, expect.not.stringMatching(/supply[23]|\d/)])
    }
  }

  async function expectTaken(query: string, token: string): Promise<void> {
    expect([query, (await ask(query, token)).codes]).toEqual([query, []])
  }

  describe.each(['publisher', 'analyst'] as const)('of a %s', (role) => {
    it.each(NAMING)('should have $field of its own, of no other, and of none that is not named', async (asked) => {
      const token = tokens[role]
      await expectTaken(asked.of('supply4'), token)
      for (const other of ['supply2', 'nowhere']) await expectRefused(asked.of(other), token)
      for (const query of asked.unnamed ?? []) await expectRefused(query, token)
      await expectTaken(asked.of('supply2'), tokens.admin)
    })

    it.each(WHOLE)('should not have %s', (query) => expectRefused(query, tokens[role]))

    it('should watch its own alone', async () => {
      const watch = (args: string) => `subscription { statsUpdated${args} { supplyId } }`
      const socket = await openRawSocket(app.graphql, { Authorization: `Bearer ${tokens[role]}` })
      const [own, ...others] = [
        '(supplyIds: ["supply4"])',
        '(supplyIds: ["supply4", "supply2"])',
        '(supplyIds: [])',
        '',
      ]
      for (const args of [...others, own ?? '']) socket.subscribe(watch(args))
      await vi.waitFor(() => expect(socket.messages.filter(({ type }) => type === 'next')).toHaveLength(4))
      const told = socket.messages.filter(({ type }) => type === 'next').map(({ id, payload }) => [id, payload])
      for (const id of ['1', '2', '3']) {
        expect(told).toContainEqual([id, { errors: [expect.objectContaining({ extensions: { code: 'FORBIDDEN' } })] }])
      }
      expect(told).toContainEqual(['4', { data: { statsUpdated: { supplyId: 'supply4' } } }])
      await socket.dispose()
    })

    it('should see the receipts of its own auctions alone', async () => {
      for (const [supplyId, isOwn] of [
        ['supply4', true],
        ['supply2', false],
      ] as const) {
        const id = await sell(supplyId)
        const query = `{ auction(id: "${id}") { supplyId } }`
        await vi.waitFor(
          async () => expect((await ask(query, tokens.admin)).data.auction).toEqual({ supplyId }),
          LOGGED,
        )
        expect((await ask(query, tokens[role])).data).toEqual({ auction: isOwn ? { supplyId } : null })
      }
    })
  })

  it('should not get from the winner to what else that buys, whatever supplies a publisher has', async () => {
    for (const token of [tokens.publisher, tokens.anyPublisher]) {
      const query = sale('supply1', '... on Auction { winner { id supplies { nodes { id } } } }')
      const { data, codes } = await ask(query, token)
      expect([codes, data]).toEqual([['FORBIDDEN'], undefined])
    }
    expect((await ask('{ supplies { totalCount } }', tokens.anyPublisher)).codes).toEqual(['FORBIDDEN'])
  })

  it('should sell, and confirm what it has sold, where it is a publisher’s', async () => {
    await expectRefused(sale('supply2'), tokens.publisher)
    await expectRefused(sale('supply4'), tokens.analyst)
    const confirm = (id: string) => `mutation { confirmImpression(auctionId: "${id}") { __typename } }`
    const outcome = async (id: string, token: string) =>
      (await ask(confirm(id), token)).data.confirmImpression.__typename
    const other = await sell('supply2')
    const own = await sell('supply4')
    await expectRefused(confirm(own), tokens.analyst)
    await vi.waitFor(async () => expect(await outcome(own, tokens.publisher)).toBe('ImpressionConfirmed'), LOGGED)
    // In the log by now, as what was sold before it is.
    expect(await outcome(other, tokens.publisher)).toBe('AuctionNotFoundError')
    // Of a time that nobody can know of: taken at its word from who may sell everything.
    const unknown = `${other.slice(0, -4)}${other.endsWith('0000') ? '1111' : '0000'}`
    expect(await outcome(unknown, tokens.publisher)).toBe('AuctionNotFoundError')
    expect(await outcome(unknown, tokens.anyPublisher)).toBe('ImpressionConfirmed')
    expect(
      (
        await ask(
          `mutation { confirmImpression(auctionId: "${other}") { ... on ImpressionConfirmed { isFirst } } }`,
          tokens.admin,
        )
      ).data,
    ).toEqual({ confirmImpression: { isFirst: true } })
  })

  async function sell(supplyId: string): Promise<string> {
    const { data } = await ask(sale(supplyId, '... on Auction { id }'), tokens.admin)
    return data.runAuction.id
  }
})

/** Until an auction is in the log. */
const LOGGED = { interval: 50 }
