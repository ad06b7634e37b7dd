import { interleave } from '../load.mjs'
import { atMost, cpuRatio, fixed, medianOf, table } from '../numbers.mjs'
import { SERVE_FLAGS, startPeer, startService } from '../server.mjs'

export const title = 'runAuction over HTTP, in memory'

/**
 * Every server with the same schema and auction, 64 connections, one request at a time on each.
 * @param {import('../types.ts').Bench} bench
 * @returns {Promise<import('../types.ts').Findings>}
 */
export async function run({ loader, use, settings }) {
  /** @type {Parameters<typeof comparison>[0]} */
  const servers = [
    ['raw', 'raw node:http, JSON, no GraphQL', await use(startPeer('raw'))],
    [
      'raw-young',
      "raw, with this service's young generation",
      await use(startPeer('raw', { name: 'raw-young', flags: SERVE_FLAGS })),
    ],
    ['us', 'this service', await use(startService())],
    ['mercurius', 'Mercurius, jit', await use(startPeer('mercurius'))],
    ['apollo', 'Apollo Server', await use(startPeer('apollo'))],
    ['yoga', 'Yoga as it comes', await use(startPeer('yoga'))],
  ]
  const results = await interleave(
    loader,
    servers.map(([name, , server]) => ({ name, server })),
    settings,
  )
  const us = results.get('us')
  return {
    lines: [comparison(servers, results, results.get('raw'))],
    goals: [
      atMost('CPU per request, in memory / raw node:http', 1.5, cpuRatio(us, results.get('raw'))),
      atMost('the same / Mercurius + jit', 0.75, cpuRatio(us, results.get('mercurius'))),
      atMost('the same / Apollo Server', 0.3, cpuRatio(us, results.get('apollo'))),
    ],
  }
}

/**
 * The usual table: one row a server.
 * @param {(readonly [name: string, label: string, server: import('../types.ts').Server])[]} servers
 * @param {ReadonlyMap<string, import('../types.ts').Report[]>} results
 * @param {readonly import('../types.ts').Report[] | undefined} baseline
 */
export function comparison(servers, results, baseline) {
  return table(
    ['server', 'CPU µs/request', '× raw', 'requests/s', 'p50 ms', 'p99 ms'],
    servers.map(([name, label]) => {
      const reports = results.get(name)
      return [
        label,
        fixed(
          medianOf(reports, ({ cpuUs }) => cpuUs),
          1,
        ),
        fixed(cpuRatio(reports, baseline), 2),
        fixed(medianOf(reports, ({ throughput }) => throughput)),
        fixed(
          medianOf(reports, ({ latencyMs }) => latencyMs?.p50),
          2,
        ),
        fixed(
          medianOf(reports, ({ latencyMs }) => latencyMs?.p99),
          2,
        ),
      ]
    }),
  )
}
