import { interleave } from '../load.mjs'
import { atMost, cpuRatio, fixed, medianOf, table } from '../numbers.mjs'
import { startService } from '../server.mjs'

export const title = 'Metrics: what they cost'

const SCRAPE_MS = 1000
const GOAL = 1.05
const WAYS = /** @type {const} */ ([
  ['HTTP', {}],
  ['one WebSocket', { protocol: 'ws', connections: 1 }],
])

/**
 * The service with its metrics and without, in turn; those with them are scraped each second, which is fifteen times as
 * often as Prometheus does.
 * @param {import('../types.ts').Bench} bench
 * @returns {Promise<import('../types.ts').Findings>}
 */
export async function run({ loader, use, settings }) {
  const off = await use(startService({ name: 'off', env: { METRICS: 'off' } }))
  const on = await use(startService({ name: 'on', env: { METRICS: 'on' } }))
  await use({ stop: scrapeEach(SCRAPE_MS, new URL('/metrics', on.url)) })
  const cases = WAYS.flatMap(([way, options]) => [
    { name: `off, ${way}`, server: off, options },
    { name: `on, ${way}`, server: on, options },
  ])
  const results = await interleave(loader, cases, settings)
  const ratioOf = (way) => cpuRatio(results.get(`on, ${way}`), results.get(`off, ${way}`))
  return {
    lines: [
      'The service in memory with `METRICS=on`, scraped each second, and with `METRICS=off`.',
      table(
        ['metrics', 'CPU µs/request', 'on / off', 'requests/s'],
        [...results].map(([name, reports]) => [
          name,
          fixed(
            medianOf(reports, ({ cpuUs }) => cpuUs),
            1,
          ),
          name.startsWith('on') ? fixed(ratioOf(name.slice('on, '.length)), 2) : '',
          fixed(medianOf(reports, ({ throughput }) => throughput)),
        ]),
      ),
    ],
    goals: WAYS.map(([way]) => atMost(`CPU per auction with metrics / without, ${way}`, GOAL, ratioOf(way))),
  }
}

/** Asks as Prometheus does, until it is called. */
function scrapeEach(intervalMs, url) {
  const timer = setInterval(async () => {
    const response = await fetch(url)
    if (!response.ok) throw new Error(`${url} answered ${response.status}`)
    await response.text()
  }, intervalMs)
  return async () => clearInterval(timer)
}
