import { randomInt } from 'node:crypto'
import { createAuctionIds } from '../../../dist/auction/auction-id.js'
import { createAuctioneer } from '../../../dist/auction/auctioneer.js'
import { createRandom } from '../../../dist/auction/random.js'
import { buildSnapshot } from '../../../dist/catalog/snapshot.js'
import { parseConfig } from '../../../dist/config.js'
import { createMemoryRateLimiter } from '../../../dist/rate-limit/memory.js'
import { createMemoryStatsChanges } from '../../../dist/stats/changes-memory.js'
import { createMemoryStatsStore } from '../../../dist/stats/memory.js'
import { bidders, supplies } from '../catalog.mjs'

export const config = parseConfig(process.env)

/** The service's own auction over its own memory stores, which every peer runs: only what is around it differs. */
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
    house: {
      simulation: {
        latencyFactor: config.simulatedLatencyFactor,
        noBidProbability: config.noBidProbability,
        random: createRandom(config.simulationSeed ?? randomInt(2 ** 32)),
      },
      clock: { now: () => Date.now(), monotonic: () => performance.now() },
      newAuctionId: createAuctionIds(),
    },
  })
  return { auctioneer, catalog, stats }
}
