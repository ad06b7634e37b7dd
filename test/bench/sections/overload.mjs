import { setTimeout as sleep } from 'node:timers/promises'
import { atMost, fixed, median, megabytes, table } from '../numbers.mjs'
import { startService } from '../server.mjs'
import { LATENCY_FACTOR, latencyOf, OWN_ROUND_MS, SATURATING, TMAX_MS } from './overhead.mjs'

export const title = 'Twice as many requests as can be answered'

const OVERLOAD = 2
const OVERLOAD_MS = 60_000
/** A whole window of the service's own measuring, in milliseconds. */
const WINDOW_MS = 5000
const GOAL_RATIO = 3
const GOAL_RECOVERY_MS = 5000
const GOAL_GROWTH = 1.1
const POLL_MS = 100
const RECOVERY_LOAD = 0.5

/**
 * What the service takes keeps its time while it sheds the rest: own overhead at 80 % of saturation beside that at twice it.
 * @param {import('../types.ts').Bench} bench
 * @returns {Promise<import('../types.ts').Findings>}
 */
export async function run({ loader, use, progress, settings }) {
  const env = { SIMULATED_LATENCY_FACTOR: LATENCY_FACTOR }
  const at = (pace) => ({ pace, tmaxMs: TMAX_MS, connections: SATURATING, maxErrorShare: 1 })
  const atRate = (rate) => at({ ratePerSecond: Math.max(1, Math.round(rate)) })

  progress('saturation, nothing shed')
  const unbounded = await use(startService({ env }))
  const saturating = { ...at({ concurrency: SATURATING }), durationMs: settings.seconds * 1000 }
  await loader.measure(unbounded, saturating)
  const { throughput: saturation } = await loader.measure(unbounded, saturating)
  await unbounded.stop()

  // Empty is the default.
  const us = await use(startService({ env: { ...env, MAX_EVENT_LOOP_DELAY_MS: '' } }))
  progress('80 % of saturation')
  const calm = atRate(saturation * 0.8)
  await loader.measure(us, { ...calm, durationMs: OWN_ROUND_MS })
  await loader.measure(us, { ...calm, durationMs: OWN_ROUND_MS })
  const { ownOverheadMs: before } = await latencyOf(us)
  const rssBefore = us.rss()

  progress('twice saturation')
  const watch = watchWindows(us)
  const report = await loader.measure(us, { ...atRate(saturation * OVERLOAD), durationMs: OVERLOAD_MS })
  const windows = await watch.end()

  progress('recovery')
  const recovering = loader.measure(us, { ...atRate(saturation * RECOVERY_LOAD), durationMs: OWN_ROUND_MS })
  const recoveryMs = await untilAllAreTaken(us)
  await recovering
  const { ownOverheadMs: after } = await latencyOf(us)

  const p99 = median(windows.map(({ ownP99 }) => ownP99))
  const worstP99 = Math.max(...windows.map(({ ownP99 }) => ownP99))
  const shed = report.errors
  const rss = windows.map(({ rss }) => rss)
  const second = rss.slice(Math.floor(rss.length / 2))
  const growth = Math.max(...second) / Math.max(...rss.slice(0, rss.length - second.length))
  return {
    lines: [
      `Bidders take 0 to ${LATENCY_FACTOR} × tmax (${TMAX_MS} ms). Saturation is ${fixed(saturation)} auctions/s with ${fixed(SATURATING)} connections and nothing shed. Then twice as many are asked for, for ${OVERLOAD_MS / 1000} s, and half as many after that. Own overhead is what \`/readyz\` says of the last whole window of ${WINDOW_MS / 1000} s.`,
      table(
        ['load', 'asked/s', 'answered/s', 'shed %', 'own p50', 'own p99', 'worst p99', 'RSS MB'],
        [
          [
            '80 %',
            calm.pace.ratePerSecond,
            '',
            '',
            fixed(before.p50, 2),
            fixed(before.p99, 2),
            '',
            megabytes(rssBefore),
          ],
          [
            '200 %',
            Math.round(saturation * OVERLOAD),
            fixed(report.answers / (report.elapsedMs / 1000)),
            fixed((shed / (shed + report.answers)) * 100, 1),
            fixed(median(windows.map(({ ownP50 }) => ownP50)), 2),
            fixed(p99, 2),
            fixed(worstP99, 2),
            megabytes(Math.max(...rss)),
          ],
          [
            '50 %, after',
            Math.round(saturation * RECOVERY_LOAD),
            '',
            '',
            fixed(after.p50, 2),
            fixed(after.p99, 2),
            '',
            megabytes(us.rss()),
          ],
        ],
      ),
      `How the rest ended: ${JSON.stringify(report.errorsByCode)}. All was taken again ${fixed(recoveryMs)} ms after the load fell.`,
    ],
    goals: [
      atMost('own p99 at twice saturation / at 80 % of it', GOAL_RATIO, p99 / before.p99),
      atMost('until all is taken again', GOAL_RECOVERY_MS, recoveryMs, { unit: ' ms' }),
      atMost('largest memory, second half of it / first', GOAL_GROWTH, growth),
    ],
  }
}

/**
 * Reads each window's own overhead while the load runs.
 * @param {import('../types.ts').Server} server
 */
function watchWindows(server) {
  const windows = []
  let isOver = false
  const watching = (async () => {
    // The first window has the beginning in it, and what was before.
    await sleep(WINDOW_MS * 2)
    while (!isOver) {
      const { ownOverheadMs } = await latencyOf(server)
      windows.push({ ownP50: ownOverheadMs.p50, ownP99: ownOverheadMs.p99, rss: server.rss() })
      await sleep(WINDOW_MS)
    }
  })()
  return {
    async end() {
      isOver = true
      await watching
      return windows.slice(0, -1)
    },
  }
}

/**
 * How long it takes, in milliseconds, until the service takes all that comes.
 * @param {import('../types.ts').Server} server
 */
async function untilAllAreTaken({ url }) {
  const startedAt = performance.now()
  while (performance.now() - startedAt < OWN_ROUND_MS) {
    const response = await fetch(new URL('/readyz', url))
    const { load } = /** @type {import('../../../src/server/health.ts').HealthReport['body']} */ (await response.json())
    if (load.admittedShare === 1) return performance.now() - startedAt
    await sleep(POLL_MS)
  }
  return Number.POSITIVE_INFINITY
}
