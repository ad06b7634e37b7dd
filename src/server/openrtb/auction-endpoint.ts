import type { IncomingMessage, ServerResponse } from 'node:http'
import { GraphQLError } from 'graphql'
import type { KeyRing } from '../../access/key-ring.ts'
import { refusalOf, roleRefusalOf, SELLING } from '../../access/rules.ts'
import type { Caller } from '../../access/types.ts'
import { type Asker, type OnUnexpected, REQUEST_ID_HEADER, requestIdOf } from '../../asker.ts'
import type { Auctioneer } from '../../auction/auctioneer.ts'
import { biddersTime } from '../../auction/collect-bids.ts'
import type { AuctionRequest, AuctionResult } from '../../auction/types.ts'
import type { Catalog } from '../../catalog/types.ts'
import { forbidden, keyRateLimited, rateLimited, unauthenticated } from '../../graphql/errors.ts'
import type { RateLimitPolicy } from '../../rate-limit/types.ts'
import { sendJson, sendResult } from '../json-response.ts'
import { isJsonContent } from '../media-type.ts'
import type { OwnOverhead } from '../own-overhead.ts'
import { BidRequestError } from './checks.ts'
import { type AuctionsWanted, readBidRequest } from './read-bid-request.ts'
import { bidResponse } from './write-bid-response.ts'

export const OPENRTB_PATH = '/openrtb2/auction'

/** Answers a bid request of OpenRTB 2.6 whose body was read. */
export type AuctionEndpoint = (request: IncomingMessage, response: ServerResponse, body: Buffer) => void

export interface AuctionEndpointDependencies {
  readonly auctioneer: Pick<Auctioneer, 'run'>
  readonly catalog: Pick<Catalog, 'current'>
  /** Who may sell; undefined: everybody. */
  readonly keyRing: KeyRing | undefined
  readonly overhead: Pick<OwnOverhead, 'answered'>
  readonly rateLimitPolicy: RateLimitPolicy
  /** Called with each error that a caller is told. */
  readonly told: (errors: readonly GraphQLError[]) => void
  /** Called with each error that is a bug. */
  readonly onUnexpected: OnUnexpected
}

/**
 * Holds an auction for each impression of a bid request, as `runAuction` does: the same limit, counts and log. Answers
 * 200 with the bids that won, 204 where none did, 400 where no auction can be held of it, 401 or 403 where its API key may
 * not sell it, and 429 where the limits let none of them pass.
 */
export function createAuctionEndpoint(dependencies: AuctionEndpointDependencies): AuctionEndpoint {
  const { auctioneer, catalog, keyRing, overhead, rateLimitPolicy, told, onUnexpected } = dependencies
  return (request, response, body) => {
    const receivedAt = performance.now()
    response.setHeader('x-openrtb-version', VERSION)
    const caller = keyRing?.callerOf(request.headers.authorization)
    if (keyRing !== undefined && caller === undefined) return refuse(response, unauthenticated())
    const refusal = caller && roleRefusalOf(WHAT, SELLING, caller)
    if (refusal !== undefined) return refuse(response, forbidden(refusal))
    if (!isJsonContent(request.headers['content-type'])) {
      return refuse(response, coded(415, 'UNSUPPORTED_MEDIA_TYPE', 'Content-Type must be application/json.'))
    }
    let wanted: AuctionsWanted
    try {
      wanted = readBidRequest(body, catalog.current(), caller && ((supplyId) => checkSupply(caller, supplyId)))
    } catch (error) {
      if (error instanceof GraphQLError) return refuse(response, error)
      if (!(error instanceof BidRequestError)) throw error
      return refuse(response, coded(400, 'BAD_USER_INPUT', error.message))
    }
    void hold(wanted, caller, { origin: { request } }, response, receivedAt)
  }

  function refuse(response: ServerResponse, error: GraphQLError): void {
    sendResult(response, { errors: [error] }, 'application/json', onUnexpected)
    told([error])
  }

  async function hold(
    wanted: AuctionsWanted,
    caller: Caller | undefined,
    asker: Asker,
    response: ServerResponse,
    receivedAt: number,
  ): Promise<void> {
    try {
      const results = await Promise.all(wanted.auctions.map(({ request }) => sell({ ...request, asker }, caller)))
      answer(wanted, results, response)
      overhead.answered({ receivedAt, biddersMs: biddersMsOf(results) })
    } catch (error) {
      onUnexpected(error, asker)
      refuse(response, coded(500, 'INTERNAL_SERVER_ERROR', 'Unexpected error.'))
    }
  }

  function answer(wanted: AuctionsWanted, results: readonly SaleResult[], response: ServerResponse): void {
    const held = results.flatMap((result, index) => {
      const impId = wanted.auctions[index]?.impId
      return result.type === 'HELD' && impId !== undefined ? [{ impId, auction: result.auction }] : []
    })
    const bids = bidResponse(wanted.id, held)
    const limited = results.filter((result) => result.type === 'RATE_LIMITED' || result.type === 'KEY_RATE_LIMITED')
    if (bids) sendJson(response, 200, bids)
    else if (limited.length === results.length) {
      const [first] = limited.sort((a, b) => a.retryAfterMs - b.retryAfterMs)
      const error =
        first?.type === 'KEY_RATE_LIMITED'
          ? keyRateLimited(first.retryAfterMs, first.policy)
          : rateLimited(first?.retryAfterMs ?? 0, rateLimitPolicy)
      refuse(response, error)
    } else response.writeHead(204, { [REQUEST_ID_HEADER]: requestIdOf(response.req) }).end()
  }

  /** Each impression is one thing that a key asks for. */
  async function sell(request: AuctionRequest, caller: Caller | undefined): Promise<SaleResult> {
    if (caller?.rate) {
      const { policy, take } = caller.rate
      const decision = await take()
      if (!decision.isAllowed) return { type: 'KEY_RATE_LIMITED', retryAfterMs: decision.retryAfterMs, policy }
    }
    return auctioneer.run(request)
  }
}

const VERSION = '2.6'
/** What this is called where a key may not use it. */
const WHAT = 'auctions over OpenRTB'

type SaleResult = AuctionResult | KeyRateLimited

interface KeyRateLimited {
  readonly type: 'KEY_RATE_LIMITED'
  readonly retryAfterMs: number
  readonly policy: RateLimitPolicy
}

/** @throws GraphQLError FORBIDDEN */
function checkSupply(caller: Caller, supplyId: string): void {
  const refusal = refusalOf(WHAT, SELLING, caller, { input: { supplyId } })
  if (refusal !== undefined) throw forbidden(refusal)
}

function coded(status: number, code: string, message: string): GraphQLError {
  return new GraphQLError(message, { extensions: { code, http: { status } } })
}

/** Undefined where no auction was held. */
function biddersMsOf(results: readonly SaleResult[]): number | undefined {
  const waits = results.flatMap((result) => (result.type === 'HELD' ? [biddersTime(result.auction)] : []))
  return waits.length === 0 ? undefined : Math.max(...waits)
}
