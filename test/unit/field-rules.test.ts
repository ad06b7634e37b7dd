import { GraphQLObjectType, GraphQLSchema, GraphQLString, getNamedType, isInterfaceType, isObjectType } from 'graphql'
import { describe, expect, it } from 'vitest'
import { FIELD_RULES, refusalOf } from '../../src/access/rules.ts'
import { ROLES } from '../../src/access/types.ts'
import { guardFields } from '../../src/graphql/guard.ts'
import { createSchema } from '../../src/graphql/schema/index.ts'

const schema = createSchema()
/** Types that tell something of a supply. */
const OF_SUPPLIES =
  /^(Supply|SupplyConnection|SupplyEdge|SupplyStats|BidderStats|CountryRequests|StatsBucket|Auction|AuctionReceipt|AuctionReceiptConnection|AuctionReceiptEdge|RunAuctionResult|ConfirmImpressionResult)$/

describe('the rules of fields', () => {
  it('should be for each root field, or there is no schema', () => {
    const open = new GraphQLSchema({
      query: new GraphQLObjectType({ name: 'Query', fields: { everything: { type: GraphQLString } } }),
    })
    expect(() => guardFields(open)).toThrow('Query.everything is open to every API key: give it a rule')
    expect(() => guardFields(new GraphQLSchema({}))).toThrow('The schema has no Mutation.runAuction')
  })

  it('should be for each field that leads to a supply from something that is of none', () => {
    const leading = Object.values(schema.getTypeMap()).flatMap((type) =>
      isObjectType(type) || isInterfaceType(type)
        ? Object.values(type.getFields())
            .filter((field) => OF_SUPPLIES.test(getNamedType(field.type).name) && !OF_SUPPLIES.test(type.name))
            .map((field) => `${type.name}.${field.name}`)
        : [],
    )
    // These two tell of bidders, which say nothing of supplies but by Bidder.supplies.
    expect(leading.sort()).toEqual(
      Object.keys(FIELD_RULES)
        .filter((field) => field !== 'Query.bidder' && field !== 'Query.bidders')
        .sort(),
    )
  })

  it('should be known to be complete: a type that is new is looked at here', () => {
    const others = Object.values(schema.getTypeMap())
      .filter((type) => isObjectType(type) && !type.name.startsWith('__') && !OF_SUPPLIES.test(type.name))
      .map(({ name }) => name)
    expect(others.sort()).toEqual(
      [
        ...['Query', 'Mutation', 'Subscription', 'PageInfo', 'Bidder', 'BidderConnection', 'BidderEdge'],
        // Of one auction, got to from it alone.
        ...['BidderResponse', 'Creative', 'ImpressionConfirmed', 'AuctionNotFoundError', 'ConfirmationExpiredError'],
        ...['SupplyNotFoundError', 'NoEligibleBiddersError', 'NoBidsError'],
      ].sort(),
    )
  })

  it('should let each role have this', () => {
    const mayHave = Object.fromEntries(
      ROLES.map((role) => [
        role,
        Object.entries(FIELD_RULES)
          .filter(([field, rule]) => refusalOf(field, rule, { role, supplies: undefined }, {}) === undefined)
          .map(([field]) => field)
          .sort(),
      ]),
    )
    const own = [
      'Query.auction',
      'Query.auctions',
      'Query.stats',
      'Query.statsHistory',
      'Query.supply',
      'Subscription.statsUpdated',
    ]
    const selling = ['Mutation.confirmImpression', 'Mutation.runAuction']
    const whole = ['Bidder.supplies', 'Query.bidder', 'Query.bidders', 'Query.supplies']
    expect(mayHave).toEqual({
      publisher: [...selling, ...own].sort(),
      analyst: [...own, ...whole].sort(),
      admin: Object.keys(FIELD_RULES).sort(),
    })
  })
})
