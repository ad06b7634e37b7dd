import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** An HTTP server that answers as the service does, or as a test wants it to. */
export interface FakeService {
  readonly url: URL
  /** Auctions asked for so far. */
  auctions(): number
  /** The most that were unanswered at one time. */
  mostInFlight(): number
  dispose(): Promise<void>
}

/** What an auction is answered with: the bidders' time, unless a test answers itself. */
export const BIDDERS_MS = 4

/**
 * @param answer is called with each auction's number, from 1, and answers it; `respond` answers it well
 */
export async function startFakeService(
  answer: (number: number, respond: () => void, response: ServerResponse) => void = (_number, respond) => respond(),
): Promise<FakeService> {
  let auctions = 0
  let inFlight = 0
  let mostInFlight = 0
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    response.setHeader('content-type', 'application/json')
    if (!body.includes('runAuction')) {
      response.end(JSON.stringify({ data: SUPPLIES }))
      return
    }
    auctions++
    inFlight++
    mostInFlight = Math.max(mostInFlight, inFlight)
    response.once('close', () => inFlight--)
    answer(auctions, () => response.end(JSON.stringify({ data: AUCTION })), response)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/graphql`),
    auctions: () => auctions,
    mostInFlight: () => mostInFlight,
    dispose: async () => {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

const SUPPLIES = {
  supplies: {
    nodes: [{ id: 'supply1', bidders: [{ country: 'US' }] }],
    pageInfo: { hasNextPage: false, endCursor: null },
  },
}
const AUCTION = {
  runAuction: { __typename: 'Auction', responses: [{ bidderId: 'acme', outcome: 'WON', latencyMs: BIDDERS_MS }] },
}
