import type { IncomingMessage, ServerResponse } from 'node:http'
import { type Asker, type OnUnexpected, REQUEST_ID_HEADER, requestIdOf } from '../../asker.ts'
import type { Auctioneer } from '../../auction/auctioneer.ts'
import { biddersTime } from '../../auction/collect-bids.ts'
import type { AuctionResult } from '../../auction/types.ts'
import type { Catalog } from '../../catalog/types.ts'
import { rateLimited } from '../../graphql/errors.ts'
import type { RateLimitPolicy } from '../../rate-limit/types.ts'
import { sendError, sendJson, sendResult } from '../json-response.ts'
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
  readonly overhead: Pick<OwnOverhead, 'answered'>
  readonly rateLimitPolicy: RateLimitPolicy
  /** Called with each error that is a bug. */
  readonly onUnexpected: OnUnexpected
}

/**
 * Holds an auction for each impression of a bid request, as `runAuction` does: the same limit, counts and log. Answers
 * 200 with the bids that won, 204 where none did, 400 where no auction can be held of it, and 429 where the limit let
 * none of them pass.
 */
export function createAuctionEndpoint(dependencies: AuctionEndpointDependencies): AuctionEndpoint {
  const { auctioneer, catalog, overhead, onUnexpected } = dependencies
  return (request, response, body) => {
    const receivedAt = performance.now()
    response.setHeader('x-openrtb-version', VERSION)
    if (!isJsonContent(request.headers['content-type'])) {
      sendError(response, 415, 'UNSUPPORTED_MEDIA_TYPE', 'Content-Type must be application/json.')
      return
    }
    let wanted: AuctionsWanted
    try {
      wanted = readBidRequest(body, catalog.current())
    } catch (error) {
      if (!(error instanceof BidRequestError)) throw error
      sendError(response, 400, 'BAD_USER_INPUT', error.message)
      return
    }
    void hold(wanted, { origin: { request } }, response, receivedAt)
  }

  async function hold(
    wanted: AuctionsWanted,
    asker: Asker,
    response: ServerResponse,
    receivedAt: number,
  ): Promise<void> {
    try {
      const results = await Promise.all(wanted.auctions.map(({ request }) => auctioneer.run({ ...request, asker })))
      answer(wanted, results, response, dependencies)
      overhead.answered({ receivedAt, biddersMs: biddersMsOf(results) })
    } catch (error) {
      onUnexpected(error, asker)
      sendError(response, 500, 'INTERNAL_SERVER_ERROR', 'Unexpected error.')
    }
  }
}

const VERSION = '2.6'

function answer(
  wanted: AuctionsWanted,
  results: readonly AuctionResult[],
  response: ServerResponse,
  { rateLimitPolicy, onUnexpected }: Pick<AuctionEndpointDependencies, 'rateLimitPolicy' | 'onUnexpected'>,
): void {
  const held = results.flatMap((result, index) => {
    const impId = wanted.auctions[index]?.impId
    return result.type === 'HELD' && impId !== undefined ? [{ impId, auction: result.auction }] : []
  })
  const bids = bidResponse(wanted.id, held)
  const waits = results.flatMap((result) => (result.type === 'RATE_LIMITED' ? [result.retryAfterMs] : []))
  if (bids) sendJson(response, 200, bids)
  else if (waits.length === results.length) {
    const error = rateLimited(Math.min(...waits), rateLimitPolicy)
    sendResult(response, { errors: [error] }, 'application/json', onUnexpected)
  } else response.writeHead(204, { [REQUEST_ID_HEADER]: requestIdOf(response.req) }).end()
}

/** Undefined where no auction was held. */
function biddersMsOf(results: readonly AuctionResult[]): number | undefined {
  const waits = results.flatMap((result) => (result.type === 'HELD' ? [biddersTime(result.auction)] : []))
  return waits.length === 0 ? undefined : Math.max(...waits)
}
