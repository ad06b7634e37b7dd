// A bare loop over undici, in a process of its own: sends this service's bid requests to the same bidders, reads the answers
// and picks the highest price. No GraphQL, no limiter, no deadline, no check of a bid, nothing counted.
import { Pool } from 'undici'
import { DIST } from './dist.mjs'

/** @typedef {'request' | 'dispatch'} Way */
/** @typedef {{ endpoints: string[], way: Way, concurrency: number, durationMs: number }} Job */

/** @type {typeof import('../../src/bidders/openrtb/bid-request.ts')} */
const { createBidRequests } = await import(`${DIST}bidders/openrtb/bid-request.js`)
/** @type {typeof import('../../src/bidders/openrtb/headers.ts')} */
const { resolveHeaders } = await import(`${DIST}bidders/openrtb/headers.js`)
/** @type {typeof import('../../src/catalog/types.ts')} */
const { DEFAULT_SUPPLY_SETTINGS } = await import(`${DIST}catalog/types.js`)
/** @type {typeof import('../../src/config.ts')} */
const { parseConfig } = await import(`${DIST}config.js`)

const config = parseConfig({})
const resolved = resolveHeaders({ headers: {}, gzip: false }, {})
if ('problem' in resolved) throw new Error(resolved.problem)
const body = createBidRequests({
  seller: { domain: config.sellerDomain, accountId: config.sellerAccountId },
  sendsFullAddress: false,
})({
  auctionId: '0198c0de-0000-7000-8000-000000000000',
  supplyId: 'supply-0000000',
  ip: '10.0.0.1',
  country: 'US',
  tmaxMs: 200,
  supply: DEFAULT_SUPPLY_SETTINGS,
  details: undefined,
  chance: 0,
}).plain(199)
/** @type {import('undici').Dispatcher.DispatchOptions & { path: string }} */
const REQUEST = { path: '/bid', method: 'POST', headers: resolved.headers, body }

/** @type {Map<string, Pool>} */
const pools = new Map()
/** So that nothing that is measured is left out. */
let highest = 0

process.on('message', async (/** @type {Job} */ { endpoints, way, concurrency, durationMs }) => {
  const bidders = endpoints.map(poolOf)
  const startedAt = performance.now()
  let auctions = 0
  const loop = async () => {
    while (performance.now() - startedAt < durationMs) {
      const prices = await Promise.all(bidders.map(WAYS[way]))
      highest = Math.max(...prices)
      auctions++
    }
  }
  await Promise.all(Array.from({ length: concurrency }, loop))
  process.send?.({ auctions, elapsedMs: performance.now() - startedAt, highest })
})
process.on('disconnect', () => process.exit())

/** @type {Record<Way, (pool: Pool) => Promise<number>>} */
const WAYS = {
  /** As one would write it. */
  async request(pool) {
    const { body } = await pool.request(REQUEST)
    return priceOf(await body.text())
  },
  /** The least that undici has to do. */
  dispatch: (pool) =>
    new Promise((resolve, reject) => {
      let text = ''
      pool.dispatch(REQUEST, {
        onConnect: () => {},
        onHeaders: () => true,
        onData(chunk) {
          text += chunk.toString('latin1')
          return true
        },
        onComplete: () => resolve(priceOf(text)),
        onError: reject,
      })
    }),
}

/**
 * Connections are kept from one run to the next.
 * @param {string} endpoint
 */
function poolOf(endpoint) {
  const known = pools.get(endpoint) ?? new Pool(new URL(endpoint).origin, { connections: 256, pipelining: 1 })
  pools.set(endpoint, known)
  return known
}

/** @param {string} text */
function priceOf(text) {
  return JSON.parse(text).seatbid[0].bid[0].price
}
