import { biddersTime } from '../../auction/collect-bids.ts'
import { TMAX_MS } from '../../auction/tmax.ts'
import type { AuctionRequest } from '../../auction/types.ts'
import type { Creative } from '../../bidders/types.ts'
import type { AuctionType as AuctionPricing, Bidder } from '../../catalog/types.ts'
import { toUnits } from '../../money.ts'
import type { KeptAuction, KeptResult } from '../../sold-once/answer.ts'
import { isIdempotencyKey, KEY_LENGTH_MAX } from '../../sold-once/key.ts'
import type { SoldOnceResult } from '../../sold-once/sold-once.ts'
import { builder } from '../builder.ts'
import type { GraphQLContext } from '../context.ts'
import { badUserInput, idempotencyKeyReused, idempotencyUnavailable, noSuchSupply, rateLimited } from '../errors.ts'
import { parts } from '../list-size.ts'
import { AuctionTypeType } from './auction-type.ts'
import { DETAIL_INPUTS, toRequestDetails } from './bid-request-input.ts'
import { BidderType } from './bidder.ts'
import {
  type BidderResponseFields,
  BidderResponseType,
  RESPONSES_EXPECTED,
  toResponseFields,
} from './bidder-response.ts'
import { CreativeType } from './creative.ts'

interface AuctionFields {
  readonly id: string
  readonly supplyId: string
  readonly country: string
  readonly tmax: number
  readonly winner: Bidder
  readonly auctionType: AuctionPricing
  readonly price: number
  readonly creative: Creative | null
  readonly responses: readonly BidderResponseFields[]
  readonly startedAt: Date
  readonly durationMs: number
}

const AuctionType = builder.objectRef<AuctionFields>('Auction').implement({
  description: 'An impression that was sold.',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'UUIDv7.' }),
    supplyId: t.exposeID('supplyId'),
    country: t.expose('country', { type: 'CountryCode' }),
    tmax: t.exposeInt('tmax'),
    winner: t.expose('winner', { type: BidderType }),
    auctionType: t.expose('auctionType', { type: AuctionTypeType }),
    price: t.exposeFloat('price', { description: 'What the winner pays.' }),
    creative: t.expose('creative', {
      type: CreativeType,
      nullable: true,
      description: 'What to show; null where the winner is simulated.',
    }),
    responses: t.expose('responses', {
      type: [BidderResponseType],
      extensions: parts(RESPONSES_EXPECTED),
      description: 'One per eligible bidder, by bidder id.',
    }),
    startedAt: t.expose('startedAt', { type: 'DateTime' }),
    durationMs: t.exposeFloat('durationMs', {
      description: 'From the first bidder asked to the winner known, in milliseconds.',
    }),
  }),
})

export const ErrorInterface = builder.interfaceRef<{ message: string }>('Error').implement({
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
  readonly responses: readonly BidderResponseFields[]
}

const NoBidsErrorType = builder.objectRef<NoBidsError>('NoBidsError').implement({
  description: 'Bidders were asked, and none bid as much as the floor in time.',
  interfaces: [ErrorInterface],
  fields: (t) => ({
    auctionId: t.exposeID('auctionId'),
    responses: t.expose('responses', { type: [BidderResponseType], extensions: parts(RESPONSES_EXPECTED) }),
  }),
})

type RunAuctionResult = AuctionFields | SupplyNotFoundError | NoEligibleBiddersError | NoBidsError

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
      defaultValue: TMAX_MS.default,
      description: `The longest a bidder may take to answer, in milliseconds, ${TMAX_MS.min} to ${TMAX_MS.max}.`,
    }),
    site: t.field({ type: DETAIL_INPUTS.site }),
    app: t.field({ type: DETAIL_INPUTS.app }),
    device: t.field({ type: DETAIL_INPUTS.device }),
    user: t.field({ type: DETAIL_INPUTS.user }),
    regs: t.field({ type: DETAIL_INPUTS.regs }),
    test: t.boolean({
      description: 'Bidders are told that it is a test and not to be billed. It is counted as any other.',
    }),
    idempotencyKey: t.string({
      description: `Names this sale, so that it can be asked for again: within ten minutes the same key of the same supply, with
the same ip, country and tmax, gets the first auction's answer, and nothing is sold, counted or limited again. 1 to ${KEY_LENGTH_MAX}
characters, none of them a control character.`,
    }),
  }),
})

builder.mutationField('runAuction', (t) =>
  t.field({
    type: RunAuctionResultType,
    nullable: true,
    description: 'Sells one impression: asks the eligible bidders, waits at most tmax, returns the winner.',
    args: { input: t.arg({ type: RunAuctionInput, required: true }) },
    resolve: (_parent, { input }, context) => {
      const { supplyId, ip, country, tmax, idempotencyKey } = input
      if (tmax < TMAX_MS.min || tmax > TMAX_MS.max) {
        throw badUserInput(`tmax must be ${TMAX_MS.min} to ${TMAX_MS.max} milliseconds, not ${tmax}.`)
      }
      const details = toRequestDetails(input)
      const request: AuctionRequest = {
        supplyId,
        ip,
        country,
        tmaxMs: tmax,
        asker: context,
        ...(details && { details }),
      }
      const result =
        idempotencyKey == null
          ? context.services.auctioneer.run(request)
          : context.services.soldOnce.run(request, checkedKey(idempotencyKey))
      return result instanceof Promise
        ? result.then((settled) => toGraphQL(settled, context))
        : toGraphQL(result, context)
    },
  }),
)

function checkedKey(key: string): string {
  if (isIdempotencyKey(key)) return key
  throw badUserInput(`idempotencyKey must have 1 to ${KEY_LENGTH_MAX} characters, none of them a control character.`)
}

function toGraphQL(result: SoldOnceResult, context: GraphQLContext): RunAuctionResult {
  if (result.type === 'SUPPLY_NOT_FOUND') {
    const { supplyId } = result
    return { message: noSuchSupply(supplyId), supplyId }
  }
  if (result.type === 'KEY_REUSED') throw idempotencyKeyReused()
  if (result.type === 'UNAVAILABLE') throw idempotencyUnavailable(result.retryAfterMs)
  // No bidder was waited for.
  if (result.type === 'REPLAYED') return toOutcome(result.result)
  if (result.isLimitedLocally) context.extensions = { rateLimit: 'local' }
  if (result.type === 'RATE_LIMITED') throw rateLimited(result.retryAfterMs, context.services.rateLimitPolicy)
  const asked = result.type === 'HELD' ? biddersTime(result.auction) : 0
  context.biddersMs = (context.biddersMs ?? 0) + asked
  return toOutcome(result)
}

function toOutcome(result: KeptResult): RunAuctionResult {
  if (result.type === 'NO_ELIGIBLE_BIDDERS') {
    const { supplyId, country } = result
    return { message: `No bidder of ${JSON.stringify(supplyId)} buys in ${country}.`, supplyId, country }
  }
  return toFields(result.auction)
}

/** An auction as the API tells it: prices become Floats here. */
function toFields(auction: KeptAuction): AuctionFields | NoBidsError {
  const { id, supplyId, country, tmaxMs, winner, auctionType, priceMicros, startedAtMs, durationMs } = auction
  const responses = auction.responses.map(toResponseFields)
  if (!winner)
    return { message: 'None of the bidders made a bid in time that could be taken.', auctionId: id, responses }
  return {
    id,
    supplyId,
    country,
    tmax: tmaxMs,
    winner,
    auctionType,
    price: toUnits(priceMicros),
    creative: auction.responses.find(({ outcome }) => outcome === 'WON')?.bid?.creative ?? null,
    responses,
    startedAt: new Date(startedAtMs),
    durationMs,
  }
}
