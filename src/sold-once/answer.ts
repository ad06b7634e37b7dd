import type { Auction, AuctionRequest, AuctionResult } from '../auction/types.ts'
import type { ReasonName } from '../bidders/reasons.ts'
import type { BidderOutcome, BidderResponse, Creative } from '../bidders/types.ts'
import type { AuctionType } from '../catalog/types.ts'

/** What a request that was not refused came to: this is kept, and told again. */
export type KeptResult =
  | (AuctionResult & { readonly type: 'NO_ELIGIBLE_BIDDERS' })
  | { readonly type: 'HELD'; readonly auction: KeptAuction; readonly isLimitedLocally: boolean }

export interface KeptAuction extends Omit<Auction, 'responses'> {
  readonly responses: readonly KeptResponse[]
}

/** Of bids, what callers are told: what a loser would have shown is not kept. */
export interface KeptResponse extends Omit<BidderResponse, 'bid'> {
  readonly bid?: { readonly seat: string | null; readonly creative?: Creative | undefined } | undefined
}

/** A result as a text, without what its request says as well; some 30 bytes a response. */
export function encodeAnswer(result: KeptResult): string {
  if (result.type === 'NO_ELIGIBLE_BIDDERS') return '[]'
  const { id, startedAtMs, durationMs, priceMicros, responses, auctionType, floorMicros } = result.auction
  const answer: HeldAnswer = [
    id,
    startedAtMs,
    durationMs,
    priceMicros,
    responses.map(({ bidderId, outcome, priceMicros, latencyMs, reason, bid }) =>
      reason === undefined && bid === undefined
        ? [bidderId, outcome, priceMicros, latencyMs]
        : [bidderId, outcome, priceMicros, latencyMs, reason ?? null, bid ? keptBid(bid, outcome) : null],
    ),
    auctionType,
    floorMicros,
  ]
  return JSON.stringify(answer)
}

/** The reverse of `encodeAnswer`. */
export function decodeAnswer(text: string, { supplyId, country, tmaxMs }: AuctionRequest): KeptResult {
  const answer = JSON.parse(text) as HeldAnswer | []
  if (answer.length === 0) return { type: 'NO_ELIGIBLE_BIDDERS', supplyId, country, isLimitedLocally: false }
  const [id, startedAtMs, durationMs, priceMicros, kept, auctionType = 'FIRST_PRICE', floorMicros = 0] = answer
  const responses = kept.map(([bidderId, outcome, price, latencyMs, reason, bid]): KeptResponse => {
    const response = { bidderId, outcome, priceMicros: price, latencyMs, reason: reason ?? undefined }
    return bid ? { ...response, bid: { seat: bid[0], creative: bid[1] } } : response
  })
  const winning = responses.find(({ outcome }) => outcome === 'WON')
  // Who was eligible is of the request's country.
  const winner = winning ? { id: winning.bidderId, country } : null
  const auction: KeptAuction = {
    id,
    supplyId,
    country,
    tmaxMs,
    responses,
    auctionType,
    floorMicros,
    winner,
    priceMicros,
    startedAtMs,
    durationMs,
  }
  return { type: 'HELD', auction, isLimitedLocally: false }
}

function keptBid({ seat, creative }: NonNullable<KeptResponse['bid']>, outcome: BidderOutcome): KeptBid {
  return outcome === 'WON' && creative ? [seat, creative] : [seat]
}

/** Instances of two versions may share a Redis for as long as answers are kept: what is added goes to the end. */
type HeldAnswer = [
  id: string,
  startedAtMs: number,
  durationMs: number,
  priceMicros: number,
  responses: [
    bidderId: string,
    outcome: BidderOutcome,
    priceMicros: number | null,
    latencyMs: number | null,
    reason?: ReasonName | null,
    bid?: KeptBid | null,
  ][],
  auctionType?: AuctionType,
  floorMicros?: number,
]

type KeptBid = [seat: string | null, creative?: Creative]
