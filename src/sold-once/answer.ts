import type { Auction, AuctionRequest, AuctionResult } from '../auction/types.ts'
import type { BidderOutcome } from '../bidders/types.ts'
import type { AuctionType } from '../catalog/types.ts'

/** What a request that was not refused came to: this is kept, and told again. */
export type KeptResult = AuctionResult & { readonly type: 'HELD' | 'NO_ELIGIBLE_BIDDERS' }

/** A result as a text, without what its request says as well; some 30 bytes a response. */
export function encodeAnswer(result: KeptResult): string {
  if (result.type === 'NO_ELIGIBLE_BIDDERS') return '[]'
  const { id, startedAtMs, durationMs, priceMicros, responses, auctionType, floorMicros } = result.auction
  const answer: HeldAnswer = [
    id,
    startedAtMs,
    durationMs,
    priceMicros,
    responses.map(({ bidderId, outcome, priceMicros, latencyMs }) => [bidderId, outcome, priceMicros, latencyMs]),
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
  const responses = kept.map(([bidderId, outcome, price, latencyMs]) => ({
    bidderId,
    outcome,
    priceMicros: price,
    latencyMs,
  }))
  const winning = responses.find(({ outcome }) => outcome === 'WON')
  // Who was eligible is of the request's country.
  const winner = winning ? { id: winning.bidderId, country } : null
  const auction: Auction = {
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

/** Instances of two versions may share a Redis for as long as answers are kept: what is added goes to the end. */
type HeldAnswer = [
  id: string,
  startedAtMs: number,
  durationMs: number,
  priceMicros: number,
  responses: [bidderId: string, outcome: BidderOutcome, priceMicros: number | null, latencyMs: number | null][],
  auctionType?: AuctionType,
  floorMicros?: number,
]
