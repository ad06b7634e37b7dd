import type { Auction, AuctionRequest, AuctionResult, BidderOutcome, BidderResponse } from '../../auction/types.ts'
import { builder } from '../builder.ts'
import type { GraphQLContext } from '../context.ts'
import { badUserInput, rateLimited } from '../errors.ts'
import { BidderType } from './bidder.ts'

const BidderOutcomeType = builder.enumType('BidderOutcome', {
  description: 'How a bidder that was asked came out of an auction.',
  values: ['WON', 'LOST', 'NO_BID', 'TIMED_OUT'] as const satisfies readonly BidderOutcome[],
})

const BidderResponseType = builder.objectRef<BidderResponse>('BidderResponse').implement({
  description: 'What one bidder answered in one auction.',
  fields: (t) => ({
    bidderId: t.exposeID('bidderId'),
    outcome: t.expose('outcome', { type: BidderOutcomeType }),
    price: t.float({
      nullable: true,
      description: 'The price bid; null unless WON or LOST.',
      resolve: ({ priceCents }) => (priceCents === null ? null : priceCents / 100),
    }),
    latencyMs: t.exposeFloat('latencyMs', {
      nullable: true,
      description: 'How long the bidder took; for TIMED_OUT how long it would have taken, where that is known.',
    }),
  }),
})

const AuctionType = builder.objectRef<Auction & { winner: NonNullable<Auction['winner']> }>('Auction').implement({
  description: 'An impression that was sold.',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'UUIDv7.' }),
    supplyId: t.exposeID('supplyId'),
    country: t.expose('country', { type: 'CountryCode' }),
    tmax: t.exposeInt('tmaxMs'),
    winner: t.field({ type: BidderType, resolve: ({ winner }) => winner }),
    price: t.float({ description: 'What the winner pays.', resolve: ({ priceCents }) => priceCents / 100 }),
    responses: t.expose('responses', {
      type: [BidderResponseType],
      description: 'One per eligible bidder, by bidder id.',
    }),
    startedAt: t.field({ type: 'DateTime', resolve: ({ startedAtMs }) => new Date(startedAtMs) }),
    durationMs: t.exposeFloat('durationMs', {
      description: 'From the first bidder asked to the winner known, in milliseconds.',
    }),
  }),
})

const ErrorInterface = builder.interfaceRef<{ message: string }>('Error').implement({
  description: 'An expected way for an operation to end without its result.',
  fields: (t) => ({ message: t.exposeString('message') }),
})

interface SupplyNotFoundError {
  readonly message: string
  readonly supplyId: string
}

const SupplyNotFoundErrorType = builder.objectRef<SupplyNotFoundError>('SupplyNotFoundError').implement({
  description: 'No supply has this id.',
  interfaces: [ErrorInterface],
  fields: (t) => ({ supplyId: t.exposeID('supplyId') }),
})

interface NoEligibleBiddersError extends SupplyNotFoundError {
  readonly country: string
}

const NoEligibleBiddersErrorType = builder.objectRef<NoEligibleBiddersError>('NoEligibleBiddersError').implement({
  description: "No bidder of this supply is of the request's country.",
  interfaces: [ErrorInterface],
  fields: (t) => ({
    supplyId: t.exposeID('supplyId'),
    country: t.expose('country', { type: 'CountryCode' }),
  }),
})

interface NoBidsError {
  readonly message: string
  readonly auctionId: string
  readonly responses: readonly BidderResponse[]
}

const NoBidsErrorType = builder.objectRef<NoBidsError>('NoBidsError').implement({
  description: 'Bidders were asked, and each declined or timed out.',
  interfaces: [ErrorInterface],
  fields: (t) => ({
    auctionId: t.exposeID('auctionId'),
    responses: t.expose('responses', { type: [BidderResponseType] }),
  }),
})

type RunAuctionResult =
  | (Auction & { winner: NonNullable<Auction['winner']> })
  | SupplyNotFoundError
  | NoEligibleBiddersError
  | NoBidsError

const RunAuctionResultType = builder.unionType('RunAuctionResult', {
  types: [AuctionType, SupplyNotFoundErrorType, NoEligibleBiddersErrorType, NoBidsErrorType],
  resolveType: (result) => {
    if ('winner' in result) return 'Auction'
    if ('auctionId' in result) return 'NoBidsError'
    return 'country' in result ? 'NoEligibleBiddersError' : 'SupplyNotFoundError'
  },
})

const RunAuctionInput = builder.inputType('RunAuctionInput', {
  fields: (t) => ({
    supplyId: t.id({ required: true }),
    ip: t.field({
      type: 'IPAddress',
      required: true,
      description: "The end user's address, which the rate limit counts by.",
    }),
    country: t.field({ type: 'CountryCode', required: true }),
    tmax: t.int({
      required: true,
      defaultValue: 200,
      description: 'The longest a bidder may take to answer, in milliseconds, 1 to 5000.',
    }),
  }),
})

builder.mutationField('runAuction', (t) =>
  t.field({
    type: RunAuctionResultType,
    description: 'Sells one impression: asks the eligible bidders, waits at most tmax, returns the winner.',
    args: { input: t.arg({ type: RunAuctionInput, required: true }) },
    resolve: (_parent, { input }, context) => {
      const { supplyId, ip, country, tmax } = input
      if (tmax < MIN_TMAX_MS || tmax > MAX_TMAX_MS) {
        throw badUserInput(`tmax must be ${MIN_TMAX_MS} to ${MAX_TMAX_MS} milliseconds, not ${tmax}.`)
      }
      const request: AuctionRequest = { supplyId, ip, country, tmaxMs: tmax }
      const result = context.services.auctioneer.run(request)
      return result instanceof Promise
        ? result.then((settled) => toGraphQL(settled, context))
        : toGraphQL(result, context)
    },
  }),
)

function toGraphQL(result: AuctionResult, context: GraphQLContext): RunAuctionResult {
  if (result.type === 'SUPPLY_NOT_FOUND') {
    const { supplyId } = result
    return { message: `No supply has the id ${JSON.stringify(supplyId)}: the query { supplies } lists them.`, supplyId }
  }
  if (result.limitedLocally) context.extensions = { rateLimit: 'local' }
  if (result.type === 'RATE_LIMITED') throw rateLimited(result.retryAfterMs)
  if (result.type === 'NO_ELIGIBLE_BIDDERS') {
    const { supplyId, country } = result
    return { message: `No bidder of ${JSON.stringify(supplyId)} buys in ${country}.`, supplyId, country }
  }
  const { auction } = result
  if (isSold(auction)) return auction
  return {
    message: 'Every bidder that was asked declined or timed out.',
    auctionId: auction.id,
    responses: auction.responses,
  }
}

function isSold(auction: Auction): auction is Auction & { winner: NonNullable<Auction['winner']> } {
  return auction.winner !== null
}

const MIN_TMAX_MS = 1
const MAX_TMAX_MS = 5000
