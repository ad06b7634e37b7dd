import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { bidders, supplies } from './catalog.mjs'
import { DIST } from './dist.mjs'

/** @type {typeof import('../../src/stats/memory.ts')} */
const { createMemoryStatsStore } = await import(`${DIST}stats/memory.js`)

const NO_BID_EACH = 4

/**
 * What the statistics of so many supplies take in memory, each with one request of each of its bidders' countries, in bytes.
 * @param {number} count
 */
export function statisticsBytes(count) {
  setFlagsFromString('--expose-gc')
  /** @type {() => void} */
  const collectGarbage = runInNewContext('gc')
  const used = () => {
    collectGarbage()
    const { heapUsed, arrayBuffers } = process.memoryUsage()
    return heapUsed + arrayBuffers
  }
  const countryOf = new Map(bidders().map(({ id, country }) => [id, country]))
  const before = used()
  const store = createMemoryStatsStore({ changes: { publish: () => {} } })
  for (const [supplyId, bidderIds] of supplies(count)) {
    for (const country of ['US', 'GB']) {
      const eligible = bidderIds.filter((id) => countryOf.get(id) === country).sort()
      store.record({
        supplyId,
        country,
        priceMicros: 1_000_000,
        responses: eligible.map((bidderId, index) => ({
          bidderId,
          outcome: index === 0 ? 'WON' : index % NO_BID_EACH === 0 ? 'NO_BID' : 'LOST',
        })),
      })
    }
  }
  const bytes = used() - before
  // Kept until here, or it would be collected too.
  return store.pending() + bytes
}
