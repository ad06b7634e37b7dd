import {
  type GraphQLError,
  getIntrospectionQuery,
  getNamedType,
  getNullableType,
  isListType,
  isObjectType,
  parse,
  specifiedRules,
  validate,
} from 'graphql'
import { describe, expect, it } from 'vitest'
import { listSizeOf } from '../../src/graphql/list-size.ts'
import { createCostRule } from '../../src/graphql/query-cost.ts'
import { createSchema } from '../../src/graphql/schema/index.ts'

const schema = createSchema()
const limitCost = createCostRule({ maxQueryRows: 10_000, maxQueryValues: 145_000 })

function errorsOf(query: string): readonly GraphQLError[] {
  return validate(schema, parse(query), [...specifiedRules, limitCost])
}

/** Fragments that spread the next one `times` times. */
function fragments(times: number, levels: number): string {
  const definitions = Array.from(
    { length: levels },
    (_, level) => `fragment F${level} on Query { ${`...F${level + 1} `.repeat(times)} }`,
  )
  return `{ ...F0 } ${definitions.join(' ')} fragment F${levels} on Query { supplies(first: 100) { nodes { id } } }`
}

const RECEIPT = `id supplyId country tmax winnerId price responses { bidderId outcome reason price latencyMs } startedAt durationMs`
const BUCKET = `__typename start supplyId bidderId country requests sold bids noBids timeouts errors skipped revenue averagePrice`
const TO_DAY = 'to: "2026-12-31T00:00:00Z", granularity: DAY'
const YEAR = 'from: "2026-01-01T00:00:00Z", to: "2026-12-31T00:00:00Z", granularity: DAY'

describe('the cost of a query', () => {
  it.each([
    ['introspection', getIntrospectionQuery({ descriptions: true, inputValueDeprecation: true, specifiedByUrl: true })],
    [
      'a page of supplies with their bidders',
      '{ supplies(first: 50) { nodes { id bidders { id country } stats { totalRequests bidders { wins } } } } }',
    ],
    [
      'a full page of supplies with some of their bidders',
      '{ supplies(first: 100) { edges { node { id bidders(first: 99) { id } } } } }',
    ],
    ['bidders with their supplies', '{ bidders(first: 99) { nodes { id supplies(first: 100) { nodes { id } } } } }'],
    [
      'a whole page of statistics',
      '{ stats { id totalRequests requestsPerCountry { country requests } bidders { bidderId wins losses noBids timeouts errors skipped totalRevenue } } }',
    ],
    ['few supplies named', `{ ${aliases(15, 'stats(supplyIds: ["a", "b"]) { id }')} }`],
    [
      'an auction',
      'mutation { runAuction(input: {supplyId: "a", ip: "10.0.0.1", country: "US"}) { ... on Auction { winner { supplies { nodes { id } } } responses { price } } } }',
    ],
    ['live statistics', 'subscription { statsUpdated { supplyId bidders { wins } requestsPerCountry { requests } } }'],
    ['fragments that are spread once', fragments(1, 3)],
    ['a page of receipts', `{ auctions(first: 100) { nodes { ${RECEIPT} } edges { cursor } } }`],
    ['a whole history of any size', `query ($from: DateTime!) { statsHistory(from: $from, ${TO_DAY}) { ${BUCKET} } }`],
    [
      'a history of any size beside a page of auctions',
      `{ statsHistory(${YEAR}, groupBy: [SUPPLY]) { start requests } auctions { nodes { ${RECEIPT} } } }`,
    ],
    ['histories whose sizes are written out', `{ ${aliases(15, `statsHistory(${YEAR}) { ${BUCKET} }`)} }`],
    [
      'histories of those that are named',
      `{ ${aliases(9, `statsHistory(${YEAR}, groupBy: [SUPPLY, SUPPLY, COUNTRY], supplyIds: ["a", "b", "c"], countries: "US") { start }`)} }`,
    ],
  ])('should let %s pass', (_name, query) => {
    expect(errorsOf(query)).toEqual([])
  })

  it.each([
    ['many aliases of a page', `{ ${aliases(15, 'stats { id }')} }`],
    ['a list in a full page of a list', '{ supplies(first: 100) { nodes { bidders { id } } } }'],
    ['a page whose size is a variable', 'query ($n: Int) { supplies(first: $n) { nodes { bidders { id } } } }'],
    [
      'a page whose size is a variable of another name',
      'query ($n: Int) { bidders(first: 100) { nodes { supplies(last: $n) { edges { node { id } } } } } }',
    ],
    ['fragments that multiply', fragments(60, 6)],
    [
      'three histories of any size',
      `query ($to: DateTime!) { ${aliases(3, 'statsHistory(from: "2026-01-01T00:00:00Z", to: $to, granularity: DAY) { start }')} }`,
    ],
    [
      'three histories of any granularity',
      `query ($by: Granularity!) { ${aliases(3, 'statsHistory(from: "2026-01-01T00:00:00Z", to: "2026-01-02T00:00:00Z", granularity: $by) { start }')} }`,
    ],
    ['three histories of whatever supplies', `{ ${aliases(3, `statsHistory(${YEAR}, groupBy: [SUPPLY]) { start }`)} }`],
    [
      'three histories by a variable',
      `query ($by: [StatsDimension!]) { ${aliases(3, `statsHistory(${YEAR}, groupBy: $by) { start }`)} }`,
    ],
    [
      'histories of many that are named',
      `{ ${aliases(10, `statsHistory(${YEAR}, groupBy: [SUPPLY, COUNTRY], supplyIds: ["a", "b", "c", "d", "e", "f"], countries: "US") { start }`)} }`,
    ],
  ])('should refuse %s for its rows, at once', (_name, query) => {
    const startedAt = performance.now()
    expect(messagesOf(query)).toEqual([expect.stringMatching(/^This operation may return .* rows of at most 10000:/)])
    expect(performance.now() - startedAt).toBeLessThan(1000)
  })

  it.each([
    [
      'two whole pages of statistics',
      `{ ${aliases(2, 'stats { id requestsPerCountry { country } bidders { wins losses noBids timeouts errors skipped totalRevenue } }')} }`,
    ],
    [
      'a whole history of any size with fields that come again',
      `query ($from: DateTime!) { statsHistory(from: $from, ${TO_DAY}) { ${BUCKET} again: start } }`,
    ],
    [
      'introspection within introspection',
      `{ __schema { types { ${'fields { type { '.repeat(8)} name ${'} } '.repeat(8)} } } }`,
    ],
  ])('should refuse %s for its values, at once', (_name, query) => {
    expect(messagesOf(query)).toContainEqual(
      expect.stringMatching(/^This operation may return .* values of at most 145000:/),
    )
  })

  it.each([
    [
      'supply to bidders to supplies',
      '{ supply(id: "x") { bidders(first: 1) { supplies(first: 1) { nodes { id } } } } }',
    ],
    [
      'bidder to supplies to bidders, through edges',
      '{ bidder(id: "x") { supplies(first: 1) { edges { node { bidders(first: 1) { id } } } } } }',
    ],
    [
      'an auction’s winner to supplies to bidders',
      'mutation { runAuction(input: {supplyId: "a", ip: "10.0.0.1", country: "US"}) { ... on Auction { winner { supplies { nodes { bidders { id } } } } } } }',
    ],
    [
      'fragments',
      '{ bidder(id: "x") { ...B } supply(id: "x") { ...S } } fragment B on Bidder { supplies { nodes { ...S } } } fragment S on Supply { bidders { id } }',
    ],
  ])('should refuse a path that comes back: %s', (_name, query) => {
    expect(messagesOf(query)).toContainEqual(
      expect.stringMatching(/^This operation comes back to (Supply|Bidder), from/),
    )
  })

  it('should leave unknown fields, cycles and missing fragments to the rules that name them', () => {
    expect(messagesOf('{ nothing { at { all } } ...Missing }')).not.toContainEqual(
      expect.stringContaining('This operation'),
    )
    expect(errorsOf('{ ...A } fragment A on Query { ...A supplies { nodes { id } } }')).toHaveLength(1)
  })

  it('should know the size of every list by its declaration', () => {
    const types = Object.values(schema.getTypeMap()).filter((type) => isObjectType(type) && !type.name.startsWith('__'))
    const lists = types.flatMap((type) =>
      isObjectType(type)
        ? Object.values(type.getFields())
            .filter(({ type: of }) => isListType(getNullableType(of)) || getNamedType(of).name.endsWith('Connection'))
            .map((field) => ({ name: `${type.name}.${field.name}`, size: listSizeOf(field) }))
        : [],
    )
    expect(lists.length).toBeGreaterThan(10)
    expect(lists.filter(({ size }) => size === undefined)).toEqual([])
  })
})

function messagesOf(query: string): string[] {
  return errorsOf(query).map(({ message }) => message)
}

function aliases(times: number, field: string): string {
  return Array.from({ length: times }, (_, index) => `a${index}: ${field}`).join(' ')
}
