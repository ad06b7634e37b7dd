import type { Auctioneer } from '../auction/auctioneer.ts'
import type { AuctionRequest, AuctionResult } from '../auction/types.ts'
import type { Catalog } from '../catalog/types.ts'
import { decodeAnswer, encodeAnswer, type KeptResult } from './answer.ts'
import type { AnswerStore, Claim, KeyedSale } from './types.ts'

/** Sells each impression that a client has named by a key once, however often it is asked for. */
export interface SoldOnce {
  /**
   * Sells one impression as the auctioneer does; but where one of the same supply and key was sold within KEPT_MS, or is
   * being sold, gives that one's answer: nothing is sold, counted or limited again. A refusal is not kept: who asks again
   * tries again, and who asked at the same time is refused as well.
   * @param key one for which `isIdempotencyKey()` holds
   */
  run(request: AuctionRequest, key: string): Promise<SoldOnceResult>
  /** Requests that wait for a claim or for another's answer: those whose auction is held are the auctioneer's. */
  waiting(): number
}

export type SoldOnceResult =
  | AuctionResult
  /** The answer of an earlier request. */
  | { readonly type: 'REPLAYED'; readonly result: KeptResult }
  | (Claim & { readonly type: 'KEY_REUSED' | 'UNAVAILABLE' })

export interface SoldOnceDependencies {
  readonly auctioneer: Pick<Auctioneer, 'run'>
  readonly catalog: Pick<Catalog, 'current'>
  readonly answers: AnswerStore
  /** Told of each request for a supply that does not exist: the auctioneer is not asked. */
  readonly onUnknownSupply?: () => void
}

export function createSoldOnce(dependencies: SoldOnceDependencies): SoldOnce {
  const { auctioneer, catalog, answers, onUnknownSupply } = dependencies
  const underWay = new Map<string, UnderWay>()
  let waiting = 0

  return {
    async run(request, key) {
      const { supplyId } = request
      // Before anything else, so that no id that somebody made up gets into the store.
      if (!catalog.current().supplies.has(supplyId)) {
        onUnknownSupply?.()
        return { type: 'SUPPLY_NOT_FOUND', supplyId }
      }
      const sale = saleOf(request, key)
      const first = underWay.get(sale.name)
      if (first) return first.request === sale.request ? follow(first) : { type: 'KEY_REUSED' }
      const result = sellOnce(request, sale)
      underWay.set(sale.name, { request: sale.request, result })
      try {
        return await result
      } finally {
        underWay.delete(sale.name)
      }
    },
    waiting: () => waiting,
  }

  async function follow({ result }: UnderWay): Promise<SoldOnceResult> {
    const settled = await wait(result)
    return isKept(settled) ? { type: 'REPLAYED', result: settled } : settled
  }

  /** A claim first, then the auction with its count, then the answer kept; only then is the caller answered. */
  async function sellOnce(request: AuctionRequest, sale: KeyedSale): Promise<SoldOnceResult> {
    const claim = await wait(answers.claim(sale))
    if (claim.type === 'ANSWERED') return replay(claim.answer, request)
    if (claim.type !== 'CLAIMED') return claim
    let result: AuctionResult
    try {
      result = await auctioneer.run(request)
    } catch (error) {
      answers.release(sale)
      throw error
    }
    if (!isKept(result)) {
      answers.release(sale)
      return result
    }
    const answer = encodeAnswer(result)
    const first = await wait(answers.keep(sale, answer))
    return first === answer ? result : replay(first, request)
  }

  async function wait<T>(promise: T | Promise<T>): Promise<T> {
    waiting++
    try {
      return await promise
    } finally {
      waiting--
    }
  }
}

/** A request that is being answered, for others of its key. */
interface UnderWay {
  readonly request: string
  readonly result: Promise<SoldOnceResult>
}

function saleOf({ supplyId, ip, country, tmaxMs }: AuctionRequest, key: string): KeyedSale {
  return {
    name: JSON.stringify([supplyId, key]),
    request: `${country} ${tmaxMs} ${ip}`,
    leaseMs: tmaxMs + LEASE_MARGIN_MS,
  }
}

function isKept(result: SoldOnceResult): result is AuctionResult & { readonly type: 'HELD' | 'NO_ELIGIBLE_BIDDERS' } {
  return result.type === 'HELD' || result.type === 'NO_ELIGIBLE_BIDDERS'
}

function replay(answer: string, request: AuctionRequest): SoldOnceResult {
  return { type: 'REPLAYED', result: decodeAnswer(answer, request) }
}

/**
 * How much longer than its bidders a sale may take before it is taken for one whose instance has died, in milliseconds:
 * the limit, the commit and the keeping take half a second each at most, and an instance may be busy.
 */
export const LEASE_MARGIN_MS = 3_000
