import { isObject } from '../../is-object.ts'
import { CURRENCY } from '../../money.ts'
import type { ReasonName } from '../reasons.ts'
import { bidOf, failed, noBid } from '../response.ts'
import type { Bid, BidderResponse, BidRequest } from '../types.ts'
import { createBlocks } from './blocks.ts'
import { checkBid, nameOf, refusedBid, type ValidBid } from './check-bid.ts'

/**
 * What a bidder has answered, by the text of its bid response: its highest bid that may win, no bid, or an error with the
 * reason. Where no bid may win, it is the reason of the one with the highest price. Never throws, whatever the text.
 */
export type AnswerReader = (
  text: string,
  bidderId: string,
  request: Pick<BidRequest, 'auctionId' | 'supply'>,
  latencyMs: number,
) => BidderResponse

export function createAnswerReader(): AnswerReader {
  const blocksOf = createBlocks()
  return (text, bidderId, request, latencyMs) => {
    let answer: unknown
    try {
      answer = JSON.parse(text)
    } catch {
      return failed(bidderId, 'INVALID_JSON', latencyMs)
    }
    const seats = seatsOf(answer, request.auctionId)
    if (seats === undefined) return noBid(bidderId, latencyMs)
    if (typeof seats === 'string') return failed(bidderId, seats, latencyMs)
    const best = highest(seats, (bid, seat) => checkBid(bid, seat, request, blocksOf))
    if ('reason' in best) return failed(bidderId, best.reason, latencyMs, named(best.bid, answer))
    return bidOf(bidderId, best.priceMicros, latencyMs, named(best.bid, answer))
  }
}

/** A bid with the name of the answer that it is in, where that has one. */
function named<B extends Bid | undefined>(bid: B, answer: unknown): B {
  const responseId = isObject(answer) ? nameOf(answer.bidid) : null
  return bid === undefined || !responseId ? bid : { ...bid, responseId }
}

/** Those who bid; undefined where nobody does. */
function seatsOf(answer: unknown, auctionId: string): readonly Seat[] | ReasonName | undefined {
  if (!isObject(answer)) return 'INVALID_RESPONSE'
  const { id, seatbid, nbr, cur } = answer
  const hasId = id !== undefined && id !== null
  if (hasId && id !== auctionId) return 'WRONG_AUCTION_ID'
  if (nbr !== undefined && nbr !== null) return undefined
  if (seatbid === undefined || seatbid === null) return undefined
  if (!Array.isArray(seatbid)) return 'INVALID_RESPONSE'
  if (!seatbid.every(isSeat)) return 'INVALID_RESPONSE'
  if (!seatbid.some(({ bid }) => bid.length > 0)) return undefined
  if (!hasId) return 'WRONG_AUCTION_ID'
  if (cur !== undefined && cur !== null && cur !== CURRENCY) return 'UNSUPPORTED_CURRENCY'
  return seatbid.some(hasRepeatedBids) ? 'INVALID_RESPONSE' : seatbid
}

interface Seat {
  readonly seat?: unknown
  readonly bid: readonly unknown[]
}

function isSeat(value: unknown): value is Seat {
  return isObject(value) && Array.isArray(value.bid) && nameOf(value.seat) !== undefined
}

/** Of equal prices the first; where no bid is valid, why not. */
function highest(
  seats: readonly Seat[],
  check: (bid: unknown, seat: string | null) => ValidBid | ReasonName,
): ValidBid | RefusedBid {
  let best: ValidBid | undefined
  let refused: RefusedBid | undefined
  let refusedPrice = Number.NEGATIVE_INFINITY
  for (const { seat, bid } of seats) {
    const seatName = nameOf(seat) ?? null
    for (const value of bid) {
      const checked = check(value, seatName)
      if (typeof checked !== 'string') {
        if (best === undefined || checked.priceMicros > best.priceMicros) best = checked
        continue
      }
      const price = priceOf(value)
      if (refused !== undefined && price <= refusedPrice) continue
      refused = { reason: checked, bid: refusedBid(value, seatName) }
      refusedPrice = price
    }
  }
  return best ?? refused ?? { reason: 'INVALID_RESPONSE', bid: undefined }
}

interface RefusedBid {
  readonly reason: ReasonName
  readonly bid: Bid | undefined
}

/** A bid's name stands for one bid of its seat, in notices as well: which of two would be meant? */
function hasRepeatedBids({ bid }: Seat): boolean {
  if (bid.length < 2) return false
  const ids = bid.map((value) => (isObject(value) ? value.id : undefined)).filter((id) => id !== undefined)
  return new Set(ids).size < ids.length
}

function priceOf(bid: unknown): number {
  const price = isObject(bid) ? bid.price : undefined
  return typeof price === 'number' && Number.isFinite(price) ? price : Number.NEGATIVE_INFINITY
}
