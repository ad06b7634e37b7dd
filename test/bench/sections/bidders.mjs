import { ELIGIBLE_BIDDERS, httpDataFile } from '../catalog.mjs'
import { startBareLoop, startHttpBidders } from '../http-bidders.mjs'
import { atLeast, atMost, cpuRatio, fixed, median, medianOf, table } from '../numbers.mjs'
import { startService } from '../server.mjs'
import { latencyOf, OWN_ROUND_MS } from './overhead.mjs'

/** @typedef {import('../types.ts').Report[]} Rounds */
/** @typedef {Record<'p50' | 'p99' | 'clientP50' | 'clientP99' | 'generatorP99', number>} OwnTimes */

export const title = 'Eight bidders over HTTP'

const SUPPLIES = 20
/** @type {import('../http-bidders-process.mjs').Kind[]} */
const GOOD = Array(ELIGIBLE_BIDDERS).fill('answers')
/** @type {import('../http-bidders-process.mjs').Kind[]} */
const BAD = ['hangs', 'resets', 'streams']
/** Those who fail are found out by then, and all is compiled. */
const WARM_UP_MS = 8000
const RATIO_GOAL = 1.3
const OWN_P99_GOAL_MS = 3
const THROUGHPUT_GOAL = 1000
const LOAD = 0.5
/** Enough to keep the service busy, and few enough that no bidder is late only since it is. */
const CONCURRENCY = 16
const BUSY = { connections: CONCURRENCY, pace: { concurrency: CONCURRENCY }, tmaxMs: 1000 }
/** What bidders take where the service's own part of the time is looked for, in milliseconds. */
const DELAY_MS = 20

/**
 * The service before bidders of another process, and a bare loop over undici before the same ones, in turn.
 * @param {import('../types.ts').Bench} bench
 * @returns {Promise<import('../types.ts').Findings>}
 */
export async function run({ loader, use, progress, settings }) {
  const bidders = await use(startHttpBidders([...GOOD, ...BAD]))
  const good = bidders.endpoints.slice(0, GOOD.length)
  const us = await use(startService({ data: httpDataFile(SUPPLIES, good) }))
  const withBad = await use(startService({ name: 'with bad', data: httpDataFile(SUPPLIES, bidders.endpoints) }))
  const simulated = await use(startService({ name: 'simulated' }))
  const bare = await use(startBareLoop(good, CONCURRENCY))

  /** Each measures for so many milliseconds. */
  const contenders = {
    us: (durationMs) => loader.measure(us, { ...BUSY, durationMs }),
    withBad: (durationMs) => loader.measure(withBad, { ...BUSY, durationMs }),
    simulated: (durationMs) => loader.measure(simulated, { ...BUSY, durationMs }),
    request: (durationMs) => bare.measure('request', durationMs),
    dispatch: (durationMs) => bare.measure('dispatch', durationMs),
  }
  /** @type {Record<keyof typeof contenders, Rounds>} */
  const reports = { us: [], withBad: [], simulated: [], request: [], dispatch: [] }
  for (const [name, measure] of Object.entries(contenders)) {
    progress(`warm-up: ${name}`)
    await measure(WARM_UP_MS)
  }
  for (let round = 1; round <= settings.rounds; round++) {
    progress(`round ${round} of ${settings.rounds}`)
    for (const [name, measure] of Object.entries(contenders)) {
      reports[name].push(await measure(settings.seconds * 1000))
    }
  }
  const throughput = perSecond(reports.us)
  const alone = bidRequestsAlone(reports)

  await bidders.delay(DELAY_MS)
  const ratePerSecond = Math.max(1, Math.round(throughput * LOAD))
  const own = await ownTimes(us)
  const ownWithBad = await ownTimes(withBad)

  /** @type {(server: import('../types.ts').Server) => Promise<OwnTimes>} */
  async function ownTimes(server) {
    const rounds = []
    for (let round = 1; round <= settings.rounds; round++) {
      progress(`${fixed(ratePerSecond)} auctions/s, ${server.name}: round ${round} of ${settings.rounds}`)
      const report = await loader.measure(server, { pace: { ratePerSecond }, durationMs: OWN_ROUND_MS })
      rounds.push({ report, own: (await latencyOf(server)).ownOverheadMs })
    }
    /** @param {(round: (typeof rounds)[number]) => number | undefined} pick */
    const figure = (pick) => median(rounds.map((figures) => pick(figures) ?? NaN))
    return {
      p50: figure(({ own: { p50 } }) => p50),
      p99: figure(({ own: { p99 } }) => p99),
      clientP50: figure(({ report: { latencyMs } }) => latencyMs && latencyMs.p50 - DELAY_MS),
      clientP99: figure(({ report: { latencyMs } }) => latencyMs && latencyMs.p99 - DELAY_MS),
      generatorP99: figure(({ report: { generator } }) => generator.loopDelayMs.p99),
    }
  }
  /** @type {(label: string, rounds: Rounds) => string[]} */
  const asked = (label, rounds) => [
    label,
    fixed(cpuUs(rounds), 1),
    fixed(cpuUs(rounds) / ELIGIBLE_BIDDERS, 1),
    fixed(cpuRatio(rounds, reports.request), 2),
    fixed(cpuRatio(rounds, reports.dispatch), 2),
    fixed(perSecond(rounds)),
  ]
  /** @type {(label: string, rounds: Rounds, times: OwnTimes) => string[]} */
  const beside = (label, rounds, { p50, p99, clientP50, clientP99, generatorP99 }) => [
    label,
    fixed(cpuUs(rounds), 1),
    fixed(perSecond(rounds)),
    ...[p50, p99, clientP50, clientP99, generatorP99].map((ms) => fixed(ms, 2)),
  ]
  return {
    lines: [
      `Bidders are ${ELIGIBLE_BIDDERS} servers in one process beside the load generator; they answer at once, each request with a bid as demand partners make them. The bare loop sends this service's own bid requests to them, ${CONCURRENCY} auctions at a time as the load generator does, parses the answers and takes the highest price: with undici's request(), as one would write it, and with its dispatch(), the least that undici can do; it has no clients, deadlines, checks, limits or counts. CPU per bid request is all of an auction's, with what the service does for its client, over ${ELIGIBLE_BIDDERS}; the second row leaves out what an auction of simulated bidders takes in the same round.`,
      table(
        ['asked by', 'CPU µs/auction', 'µs/bid request', '× bare request()', '× bare dispatch()', 'auctions/s'],
        [
          asked('this service', reports.us),
          [...asked('this service, bid requests alone', alone).slice(0, -1), ''],
          asked('bare undici, request()', reports.request),
          asked('bare undici, dispatch()', reports.dispatch),
        ],
      ),
      `With one more that hangs, one that resets its connections and one that streams for ever beside them, each of which the service soon asks no more than three times every two seconds. The times, in milliseconds, are at ${fixed(ratePerSecond)} auctions/s, ${LOAD * 100} % of what it did with eight, before bidders that take ${DELAY_MS} ms. Own is what the service measures in itself (\`/readyz\`). The client's are its whole times less these ${DELAY_MS} ms, so that the bidders' delays and the load generator's, whose loop's is the last column, are in them, and of the bad ones the auctions that wait for the one that hangs.`,
      table(
        [
          'bidders',
          'CPU µs/auction',
          'auctions/s',
          'own p50',
          'own p99',
          "client's p50",
          "client's p99",
          "generator's p99",
        ],
        [beside('eight', reports.us, own), beside('eight and three bad ones', reports.withBad, ownWithBad)],
      ),
    ],
    goals: [
      atMost('CPU per bid request alone / a bare loop over undici', RATIO_GOAL, cpuRatio(alone, reports.request)),
      atMost('the same, with all of an auction', RATIO_GOAL, cpuRatio(reports.us, reports.request)),
      atMost('own overhead before bidders over HTTP at 50 %, p99', OWN_P99_GOAL_MS, own.p99, { unit: ' ms' }),
      atLeast('auctions/s with eight bidders over HTTP', THROUGHPUT_GOAL, throughput, { digits: 0 }),
      atLeast('the same with three bad ones beside them / without', 0.8, perSecond(reports.withBad) / throughput),
    ],
  }
}

/** What is left of the service's CPU time without that of an auction of simulated bidders in the same round. */
function bidRequestsAlone({ us, simulated }) {
  return us.map((report, round) => ({ ...report, cpuUs: report.cpuUs - simulated[round].cpuUs }))
}

/** @param {Rounds} rounds */
function cpuUs(rounds) {
  return medianOf(rounds, (report) => report.cpuUs)
}

/** @param {Rounds} rounds */
function perSecond(rounds) {
  return medianOf(rounds, (report) => report.throughput)
}
