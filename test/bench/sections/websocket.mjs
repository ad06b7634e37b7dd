import { CONNECTIONS, interleave } from '../load.mjs'
import { atMost, cpuRatio } from '../numbers.mjs'
import { startPeer, startService } from '../server.mjs'
import { comparison } from './http.mjs'

export const title = 'runAuction over one WebSocket'

/**
 * The graphql-transport-ws protocol, as many requests in flight on one connection as HTTP has connections.
 * @param {import('../types.ts').Bench} bench
 * @returns {Promise<import('../types.ts').Findings>}
 */
export async function run({ loader, use, settings }) {
  const raw = await use(startPeer('raw'))
  // What it could do without the bound is to be seen.
  const us = await use(startService({ env: { MAX_WEBSOCKET_MESSAGES_PER_SECOND: '10000000' } }))
  /** @type {import('../types.ts').Case[]} */
  const cases = [
    { name: 'raw', server: raw },
    { name: 'ws', server: us, options: { protocol: 'ws', connections: 1 } },
    { name: 'http', server: us },
  ]
  const results = await interleave(loader, cases, settings)
  /** @type {Parameters<typeof comparison>[0]} */
  const labels = [
    ['raw', 'raw node:http, JSON, no GraphQL', raw],
    ['ws', `this service, one WebSocket, ${CONNECTIONS} in flight`, us],
    ['http', `this service, HTTP, ${CONNECTIONS} connections`, us],
  ]
  return {
    lines: [comparison(labels, results, results.get('raw'))],
    goals: [
      atMost('runAuction over one WebSocket / raw node:http', 1, cpuRatio(results.get('ws'), results.get('raw'))),
    ],
  }
}
