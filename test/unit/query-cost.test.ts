import { type GraphQLError, getIntrospectionQuery, parse, specifiedRules, validate } from 'graphql'
import { describe, expect, it } from 'vitest'
import { limitCost } from '../../src/graphql/query-cost.ts'
import { createSchema } from '../../src/graphql/schema/index.ts'

const schema = createSchema()

function errorsOf(query: string): readonly GraphQLError[] {
  return validate(schema, parse(query), [...specifiedRules, limitCost])
}

/** Fragments that spread the next one `times` times, through supplies and bidders in turn. */
function fragments(times: number, levels: number): string {
  const definitions = Array.from({ length: levels }, (_, level) => {
    const [type, field] = level % 2 === 0 ? ['Supply', 'bidders'] : ['Bidder', 'supplies']
    return `fragment F${level} on ${type} { ${field} { ${`...F${level + 1} `.repeat(times)} } }`
  })
  return `{ supply(id: "x") { ...F0 } } ${definitions.join(' ')} fragment F${levels} on ${levels % 2 === 0 ? 'Supply' : 'Bidder'} { id }`
}

describe('the cost of a query', () => {
  it.each([
    ['introspection', getIntrospectionQuery({ descriptions: true, inputValueDeprecation: true, specifiedByUrl: true })],
    [
      'a full page of supplies with their bidders',
      '{ supplies(first: 100) { nodes { id bidders { id country } stats { totalRequests bidders { wins } } } } }',
    ],
    [
      'bidders with their supplies and those with their bidders',
      '{ bidders { nodes { id supplies { id bidders { id } } } } }',
    ],
    [
      'an auction',
      'mutation { runAuction(input: {supplyId: "a", ip: "10.0.0.1", country: "US"}) { ... on Auction { winner { supplies { id } } responses { price } } } }',
    ],
    ['live statistics', 'subscription { statsUpdated { supplyId bidders { wins } requestsPerCountry { requests } } }'],
    ['fragments that are spread once', fragments(1, 3)],
  ])('should let %s pass', (_name, query) => {
    expect(errorsOf(query)).toEqual([])
  })

  it.each([
    [
      'lists within lists',
      '{ supplies(first: 100) { nodes { bidders { supplies { bidders { supplies { bidders { id } } } } } } } }',
    ],
    [
      'lists within lists of a default page',
      '{ bidders { nodes { supplies { bidders { supplies { bidders { id } } } } } } }',
    ],
    [
      'a page whose size is a variable',
      'query ($n: Int) { supplies(first: $n) { nodes { bidders { supplies { bidders { id } } } } } }',
    ],
    [
      'many aliases',
      `{ ${Array.from({ length: 15 }, (_, i) => `a${i}: supplies(first: 100) { nodes { bidders { supplies { id } } } }`).join(' ')} }`,
    ],
    ['fragments that multiply', fragments(60, 6)],
    [
      'introspection within introspection',
      `{ __schema { types { ${'fields { type { '.repeat(8)} name ${'} } '.repeat(8)} } } }`,
    ],
  ])('should refuse %s, at once', (_name, query) => {
    const startedAt = performance.now()
    expect(errorsOf(query).map(({ message }) => message)).toContainEqual(
      expect.stringMatching(/^This operation costs .* of at most/),
    )
    expect(performance.now() - startedAt).toBeLessThan(1000)
  })

  it('should leave unknown fields, cycles and missing fragments to the rules that name them', () => {
    expect(errorsOf('{ nothing { at { all } } ...Missing }').map(({ message }) => message)).not.toContainEqual(
      expect.stringContaining('costs'),
    )
    expect(
      errorsOf('{ supply(id: "x") { ...A } } fragment A on Supply { bidders { supplies { ...A } } }'),
    ).toHaveLength(1)
  })
})
