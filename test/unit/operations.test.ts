import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { parse } from 'graphql'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { FIELD_RULES } from '../../src/access/rules.ts'
import { compileExecution } from '../../src/graphql/compiled.ts'
import { createOperations, type Variables } from '../../src/graphql/operations.ts'
import { createSchema } from '../../src/graphql/schema/index.ts'

vi.mock(import('../../src/graphql/compiled.ts'), { spy: true })

const operations = createOperations({ schema: createSchema(), introspection: 'on', onUnexpected: () => {} })
const prepare = (text: string) => operations.prepare(parse(text), undefined)
beforeEach(() => {
  vi.mocked(compileExecution).mockClear()
})

describe('an operation', () => {
  it('should be compiled once, and found by its text', () => {
    const text = '{ supply(id: "s") { id } }'
    expect(operations.find(text, undefined)).toBeUndefined()
    const operation = prepare(text)
    expect(operation?.type).toBe('query')
    expect(prepare(text)).toBe(operation)
    expect(operations.find(text, null)).toBe(operation)
    expect(compileExecution).toHaveBeenCalledTimes(1)
  })

  it('should know the rules of the fields below its root, and not those of its neighbours', () => {
    const text = `query Mine { bidders { ...Known } } query All { bidders { nodes { ...Whole } } }
      fragment Known on BidderConnection { nodes { id } } fragment Whole on Bidder { all: supplies { totalCount } }`
    const rulesOf = (name: string) => operations.prepare(parse(text), name)?.nestedRules
    expect(rulesOf('Mine')).toEqual([])
    expect(rulesOf('All')).toEqual([['supplies', FIELD_RULES['Bidder.supplies']]])
  })

  it('should read the default of a variable as it reads what a client sends', async () => {
    const operation = prepare('query($to: DateTime = "2026-01-01T00:00:00Z") { auctions(to: $to) { nodes { id } } }')
    const asked = vi.fn(async (_filter: object) => ({ auctions: [], hasMore: false }))
    const services = { readHistory: () => new Proxy({}, { get: () => asked }) }
    const run = (variables: object) =>
      operation?.run({ services } as unknown as Parameters<typeof operation.run>[0], variables as Variables)
    for (const variables of [{}, { to: '2026-01-01T00:00:00Z' }]) await run(variables)
    const toMs = Date.parse('2026-01-01T00:00:00Z')
    expect(asked.mock.calls.map(([filter]) => filter)).toMatchObject([{ toMs }, { toMs }])
  })

  it('should not be compiled where it is heavy, which would keep the event loop', async () => {
    const operation = prepare('{ supplies(first: 100) { nodes { id bidders(first: 100) { nodes { id country } } } } }')
    await operation?.run({ services: {} } as Parameters<typeof operation.run>[0], {})
    expect(operation?.cost.rows).toBeGreaterThan(100)
    expect(compileExecution).not.toHaveBeenCalled()
  })
})

describe('a mutation of one field', () => {
  it('should leave nothing in the old generation when it is over', async () => {
    const collectYoung = youngCollector()
    const operation = prepare(RUN_AUCTION)
    const run = () => {
      const auction = { ...AUCTION, responses: AUCTION.responses.map((response) => ({ ...response })) }
      const services = { auctioneer: { run: () => ({ type: 'HELD', auction, isLimitedLocally: false }) } }
      return operation?.run({ services } as unknown as Parameters<typeof operation.run>[0], { input: INPUT })
    }
    expect(await run()).toMatchObject({ data: { runAuction: { price: 1 } } })
    for (let i = 0; i < 1000; i++) run()
    collectYoung()
    const before = oldGenerationBytes()
    for (let i = 0; i < 3000; i++) run()
    collectYoung()
    // Each held 2 KB where graphql-jit compiled it as a mutation.
    expect(oldGenerationBytes() - before).toBeLessThan(2_000_000)
  })

  it('should be told as a mutation by what it answers', async () => {
    const operation = prepare('mutation($input: RunAuctionInput!) { runAuction(input: $input) { __typename } }')
    expect(operation?.type).toBe('mutation')
    const typename = prepare('mutation { __typename }')
    expect(await typename?.run({ services: {} } as Parameters<typeof typename.run>[0], {})).toEqual({
      data: { __typename: 'Mutation' },
    })
  })
})

/** Collects the young generation as often as makes what survives old. */
function youngCollector(): () => void {
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc') as (options: { type: 'minor' }) => void
  return () => {
    for (let i = 0; i < 3; i++) gc({ type: 'minor' })
  }
}

function oldGenerationBytes(): number {
  return getHeapSpaceStatistics().find(({ space_name }) => space_name === 'old_space')?.space_used_size ?? Number.NaN
}

const RUN_AUCTION = `mutation($input: RunAuctionInput!) {
  runAuction(input: $input) { ... on Auction { id price responses { bidderId outcome price latencyMs } } }
}`
const INPUT = { supplyId: 's', ip: '203.0.113.7', country: 'US' }
const AUCTION = {
  id: 'a',
  supplyId: 's',
  country: 'US',
  tmaxMs: 100,
  winner: { id: 'b0', country: 'US' },
  priceMicros: 1_000_000,
  startedAtMs: 0,
  durationMs: 0,
  responses: Array.from({ length: 8 }, (_, index) => ({
    bidderId: `b${index}`,
    outcome: index === 0 ? 'WON' : 'LOST',
    priceMicros: 1_000_000,
    latencyMs: 1,
  })),
}
