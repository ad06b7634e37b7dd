import { randomInt } from 'node:crypto'
import { bidders, supplies } from '../catalog.mjs'
import { DIST } from '../dist.mjs'

/** @type {typeof import('../../../src/auction/auction-id.ts')} */
const { createAuctionIds } = await import(`${DIST}auction/auction-id.js`)
/** @type {typeof import('../../../src/auction/auctioneer.ts')} */
const { createAuctioneer } = await import(`${DIST}auction/auctioneer.js`)
/** @type {typeof import('../../../src/bidders/simulated.ts')} */
const { createSimulatedBidders } = await import(`${DIST}bidders/simulated.js`)
/** @type {typeof import('../../../src/catalog/snapshot.ts')} */
const { buildSnapshot } = await import(`${DIST}catalog/snapshot.js`)
/** @type {typeof import('../../../src/config.ts')} */
const { parseConfig } = await import(`${DIST}config.js`)
/** @type {typeof import('../../../src/rate-limit/memory.ts')} */
const { createMemoryRateLimiter } = await import(`${DIST}rate-limit/memory.js`)
/** @type {typeof import('../../../src/stats/changes-memory.ts')} */
const { createMemoryStatsChanges } = await import(`${DIST}stats/changes-memory.js`)
/** @type {typeof import('../../../src/stats/memory.ts')} */
const { createMemoryStatsStore } = await import(`${DIST}stats/memory.js`)

export const config = parseConfig(process.env)

/**
 * The service's own auction over its own memory stores, which every peer runs: only what is around it differs.
 * @returns {import('../../../src/graphql/context.ts').Services}
 */
export function createServices() {
  const snapshot = buildSnapshot({
    revision: 1n,
    bidders: bidders(),
    supplies: supplies(Number(process.env.BENCH_SUPPLIES)),
  })
  const catalog = { current: () => snapshot }
  const stats = createMemoryStatsStore({ changes: createMemoryStatsChanges() })
  const auctioneer = createAuctioneer({
    catalog,
    rateLimiter: createMemoryRateLimiter({
      policy: { max: config.rateLimitMax, windowMs: config.rateLimitWindowMs },
    }),
    recorder: stats,
    bidderClient: createSimulatedBidders({
      latencyFactor: config.simulatedLatencyFactor,
      noBidProbability: config.noBidProbability,
    }),
    clock: { now: () => Date.now(), monotonic: () => performance.now() },
    newAuctionId: createAuctionIds(),
    seed: config.simulationSeed ?? randomInt(2 ** 32),
  })
  // No peer reads anything else.
  return /** @type {any} */ ({ auctioneer, catalog, stats })
}
