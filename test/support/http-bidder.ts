import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import type { OpenRtbBidRequest } from '../../src/openrtb/types.ts'

/** What a bidder does with a bid request; `bids` and declines by turns of chance. */
export type Conduct = 'bids' | 'hangs' | 'resets' | 'garbage'

/** A bidder over HTTP of a test's own, whose conduct may change. */
export interface HttpBidder {
  readonly endpoint: string
  readonly port: number
  conduct: Conduct
  /** When each bid request arrived, in milliseconds since 1970. */
  readonly requestedAtMs: readonly number[]
  dispose(): Promise<void>
}

export async function startHttpBidder(conduct: Conduct): Promise<HttpBidder> {
  const requestedAtMs: number[] = []
  const server = createServer((request, response) => {
    requestedAtMs.push(Date.now())
    void serve(bidder.conduct, request, response)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const bidder: HttpBidder = {
    endpoint: `http://127.0.0.1:${port}/bid`,
    port,
    conduct,
    requestedAtMs,
    async dispose() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
  return bidder
}

async function serve(conduct: Conduct, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const bidRequest = JSON.parse(await text(request)) as OpenRtbBidRequest
  if (conduct === 'hangs') return
  if (conduct === 'resets') return void request.socket.resetAndDestroy()
  if (conduct === 'garbage') return void response.end('<html>Bad gateway</html>')
  if (Math.random() < NO_BID) return void response.writeHead(204).end()
  response.end(JSON.stringify(bidOn(bidRequest)))
}

/** To the millionth of a dollar. */
function bidOn({ id, imp }: OpenRtbBidRequest) {
  const price = Math.ceil(Math.random() * PRICE_MICROS_MAX) / 1_000_000
  const bid = { id: '1', impid: imp[0]?.id, price, adm: '<b>ad</b>', adomain: ['ads.example'], crid: 'creative1' }
  return { id, cur: 'USD', seatbid: [{ bid: [bid] }] }
}

const NO_BID = 0.3
const PRICE_MICROS_MAX = 4_000_000
