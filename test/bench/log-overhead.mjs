import { atMost, fixed, median, table } from './numbers.mjs'
import { latencyOf, OWN_ROUND_MS, SATURATING, TMAX_MS } from './sections/overhead.mjs'

const LOAD = 0.5
const GOAL_MORE_MS = 1

/**
 * What the log adds to the service's own overhead, as the service measures it in itself: with the log and without in
 * turn, while bidders take their time and the log is shipped.
 * @param {import('./types.ts').Bench} bench
 * @param {{ off: import('./types.ts').Server, on: import('./types.ts').Server }} servers whose bidders have latencies
 * @returns {Promise<import('./types.ts').Findings>}
 */
export async function measureOverhead({ loader, progress, settings }, { off, on }) {
  const at = (pace) => ({ pace, tmaxMs: TMAX_MS, connections: SATURATING, maxErrorShare: 0.01 })
  progress('saturation')
  const saturating = { ...at({ concurrency: SATURATING }), durationMs: settings.seconds * 1000 }
  for (const server of [on, off]) await loader.measure(server, saturating)
  const { throughput } = await loader.measure(on, saturating)

  const ratePerSecond = Math.max(1, Math.round(throughput * LOAD))
  /** @type {Record<'off' | 'on', import('../../src/server/own-overhead.ts').OverheadWindow[]>} */
  const windows = { off: [], on: [] }
  for (let round = 0; round <= settings.rounds; round++) {
    progress(`own overhead: ${round === 0 ? 'warm-up' : `round ${round} of ${settings.rounds}`}`)
    for (const [name, server] of /** @type {const} */ ([
      ['off', off],
      ['on', on],
    ])) {
      await loader.measure(server, { ...at({ ratePerSecond }), durationMs: OWN_ROUND_MS })
      if (round > 0) windows[name].push(await latencyOf(server))
    }
  }
  const p99 = ({ ownOverheadMs }) => ownOverheadMs.p99
  const more = median(windows.on.map((window, round) => p99(window) - (windows.off[round]?.ownOverheadMs.p99 ?? NaN)))
  const of = (name, percentile) => fixed(median(windows[name].map((window) => window.ownOverheadMs[percentile])), 2)
  return {
    lines: [
      `The service's own overhead in milliseconds, as it measures it in itself, with Redis and bidders that take 0 to 1.5 × tmax (${TMAX_MS} ms), at ${fixed(ratePerSecond)} auctions/s, ${LOAD * 100} % of what it can do with the log:`,
      table(
        ['log', 'own p50', 'own p99', 'own p99.9'],
        ['off', 'on'].map((name) => [name, of(name, 'p50'), of(name, 'p99'), of(name, 'p999')]),
      ),
    ],
    goals: [atMost('own overhead p99 with the log less without, Redis', GOAL_MORE_MS, more, { unit: ' ms' })],
  }
}
