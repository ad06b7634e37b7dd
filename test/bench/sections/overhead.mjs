import { atMost, fixed, medianOf, table } from '../numbers.mjs'
import { startPeer, startService } from '../server.mjs'

export const title = 'Own overhead, with simulated latency on'

const LOADS = [0.1, 0.5, 0.8]
export const TMAX_MS = 100
/** A round in which a whole window of the service's own measuring lies, in milliseconds. */
export const OWN_ROUND_MS = 11_000
/** Enough to saturate a server whose every auction takes TMAX_MS. */
export const SATURATING = 2000
export const LATENCY_FACTOR = '1.5'
const GOALS = [
  { load: 0.5, p99: 2, p999: 10 },
  { load: 0.8, p99: 5, p999: 25 },
]
const GOAL_LOAD = 0.5
const GOAL_ABOVE_RAW_MS = 1

/**
 * Requests at a constant rate, each timed from when it was due; what is shown is the answer time less the bidders'.
 * @param {import('../types.ts').Bench} bench
 * @returns {Promise<import('../types.ts').Findings>}
 */
export async function run({ loader, use, progress, settings }) {
  const env = { SIMULATED_LATENCY_FACTOR: LATENCY_FACTOR }
  const us = await use(startService({ env }))
  const raw = await use(startPeer('raw', { env }))
  const durationMs = settings.seconds * 1000
  const at = (pace) => ({ pace, durationMs, tmaxMs: TMAX_MS, connections: SATURATING, maxErrorShare: 0.01 })

  progress('saturation')
  const saturating = at({ concurrency: SATURATING })
  for (const server of [us, raw]) await loader.measure(server, saturating)
  const { throughput: saturation } = await loader.measure(us, saturating)

  const measured = []
  for (const load of LOADS) {
    const options = at({ ratePerSecond: Math.max(1, Math.round(saturation * load)) })
    const reports = { us: [], raw: [] }
    for (let round = 0; round <= settings.rounds; round++) {
      progress(`${load * 100} % of saturation: ${round === 0 ? 'warm-up' : `round ${round} of ${settings.rounds}`}`)
      for (const [name, server] of Object.entries({ us, raw })) {
        const roundMs = server === us ? Math.max(durationMs, OWN_ROUND_MS) : durationMs
        const report = await loader.measure(server, { ...options, durationMs: roundMs })
        if (round > 0) reports[name].push(server === us ? { ...report, latency: await latencyOf(us) } : report)
      }
    }
    /** @type {(name: 'us' | 'raw', percentile: 'p50' | 'p99') => number} */
    const figure = (name, percentile) => medianOf(reports[name], ({ ownMs }) => ownMs?.[percentile])
    /** @type {(read: (window: import('../../../src/server/own-overhead.ts').OverheadWindow) => number) => number} */
    const inside = (read) => medianOf(reports.us, ({ latency }) => latency && read(latency))
    /** @type {(read: (tails: import('../types.ts').OwnTails) => number) => number} */
    const tail = (read) => medianOf([...reports.us, ...reports.raw], ({ generator }) => read(generator))
    measured.push({
      load,
      rate: options.pace.ratePerSecond,
      inside: {
        p50: inside(({ ownOverheadMs }) => ownOverheadMs.p50),
        p99: inside(({ ownOverheadMs }) => ownOverheadMs.p99),
        p999: inside(({ ownOverheadMs }) => ownOverheadMs.p999),
        loopP99: inside(({ eventLoopDelayMs }) => eventLoopDelayMs.p99),
        loopMax: inside(({ eventLoopDelayMs }) => eventLoopDelayMs.max),
      },
      generator: {
        loopP99: tail(({ loopDelayMs }) => loopDelayMs.p99),
        loopMax: tail(({ loopDelayMs }) => loopDelayMs.max),
        collectionMax: tail(({ collectionMs }) => collectionMs.max),
        runDelay: tail(({ runDelayShare }) => runDelayShare),
      },
      us: { p50: figure('us', 'p50'), p99: figure('us', 'p99') },
      raw: { p50: figure('raw', 'p50'), p99: figure('raw', 'p99') },
    })
  }
  const goal = measured.find(({ load }) => load === GOAL_LOAD)
  return {
    lines: [
      `Bidders take 0 to ${LATENCY_FACTOR} × tmax (${TMAX_MS} ms). Requests go out on a fixed timetable whatever the server does, and each one's time counts from when it was due, so that a stall is charged in full. Shown is the answer time less the bidders' (the slowest in time, or tmax where any timed out), in milliseconds: it has the load generator's and the network's part in it, for both alike, and the millisecond that Node's timers are exact to (one that ends early counts as no overhead). Saturation is this service's: ${fixed(saturation)} auctions/s with ${fixed(SATURATING)} connections.`,
      table(
        ['load', 'auctions/s', 'p50', 'p99', 'raw p50', 'raw p99'],
        measured.map(({ load, rate, us: own, raw: base }) => [
          `${load * 100} %`,
          fixed(rate),
          fixed(own.p50, 2),
          fixed(own.p99, 2),
          fixed(base.p50, 2),
          fixed(base.p99, 2),
        ]),
      ),
      "As the service measures it in itself (`/readyz`), from a request's last byte to its answer's write, less the bidders' time, in its last whole window of each round, and how late its event loop was, in milliseconds:",
      table(
        ['load', 'own p50', 'own p99', 'own p99.9', 'loop delay p99', 'loop delay max'],
        measured.map(({ load, inside: { p50, p99, p999, loopP99, loopMax } }) => [
          `${load * 100} %`,
          ...[p50, p99, p999, loopP99, loopMax].map((ms) => fixed(ms, 2)),
        ]),
      ),
      "The load generator's own tails, which are in the client's times above, measured in itself while it ran, medians of the rounds with either server: how late its event loop was (looked at each millisecond), its longest garbage collection, in milliseconds, and the share of the time for which it waited for a processor. Where its loop's p99 is far below the client's, the client's is the server's.",
      table(
        ['load', 'loop delay p99', 'loop delay max', 'longest collection', 'waited %'],
        measured.map(({ load, generator: { loopP99, loopMax, collectionMax, runDelay } }) => [
          `${load * 100} %`,
          ...[loopP99, loopMax, collectionMax, runDelay * 100].map((value) => fixed(value, 2)),
        ]),
      ),
    ],
    goals: [
      ...GOALS.flatMap(({ load, p99, p999 }) => {
        const own = measured.find((level) => level.load === load)?.inside
        const name = `own overhead in the service at ${load * 100} % of saturation,`
        return [
          atMost(`${name} p99`, p99, own?.p99, { unit: ' ms' }),
          atMost(`${name} p99.9`, p999, own?.p999, { unit: ' ms' }),
        ]
      }),
      atMost("the client's p99 less raw's", GOAL_ABOVE_RAW_MS, goal.us.p99 - goal.raw.p99, { unit: ' ms' }),
    ],
  }
}

/**
 * What a service says of its own latency.
 * @param {import('../types.ts').Server} server
 * @returns {Promise<import('../../../src/server/own-overhead.ts').OverheadWindow>}
 */
export async function latencyOf({ url }) {
  const response = await fetch(new URL('/readyz', url))
  const { latency } = /** @type {import('../../../src/server/health.ts').HealthReport['body']} */ (
    await response.json()
  )
  return latency
}
