import { createOpenRtbBidders, type OpenRtbBidders, type OpenRtbOptions } from '../../src/bidders/openrtb/client.ts'
import type { BidderResponse, BidRequest } from '../../src/bidders/types.ts'
import { type Bidder, type BidderHttp, DEFAULT_SUPPLY_SETTINGS } from '../../src/catalog/types.ts'

/** Bidders over HTTP as a test asks them. */
export interface AskedBidders extends OpenRtbBidders {
  /** What was told of the bidders' health, and of what is not configured. */
  readonly changes: string[]
  readonly notConfigured: string[]
  /** Asks a bidder in an auction of its own. */
  ask(bidder: Bidder, tmaxMs?: number): Promise<BidderResponse>
}

export function openRtbBidders(options: Partial<OpenRtbOptions> = {}): AskedBidders {
  const changes: string[] = []
  const notConfigured: string[] = []
  const now = options.now ?? (() => performance.now())
  const bidders = createOpenRtbBidders({
    seller: { domain: 'exchange.example', accountId: '1' },
    sendsFullAddress: false,
    env: {},
    now,
    onHealthChange: (id, health) => changes.push(`${id} ${health}`),
    onNotConfigured: (id, problem) => notConfigured.push(`${id}: ${problem}`),
    ...options,
  })
  let auctions = 0
  return {
    ...bidders,
    changes,
    notConfigured,
    ask: async (bidder, tmaxMs = 5000) => bidders.bid(bidder, auctionOf(++auctions, tmaxMs), now() + tmaxMs),
  }
}

export function bidderAt(endpoint: string, http: Partial<BidderHttp> = {}, id = 'acme') {
  return {
    id,
    country: 'US',
    http: { endpoint, timeoutMs: null, maxQps: null, maxInFlight: null, headers: {}, gzip: false, ...http },
  } satisfies Bidder
}

function auctionOf(number: number, tmaxMs: number): BidRequest {
  return {
    auctionId: `0198c0de-0000-7000-8000-${String(number).padStart(12, '0')}`,
    supplyId: 'supply1',
    ip: '203.0.113.7',
    country: 'US',
    tmaxMs,
    supply: DEFAULT_SUPPLY_SETTINGS,
    details: undefined,
    chance: 0,
  }
}
