import { CONNECTIONS, interleave } from '../load.mjs'
import { atMost, cpuRatio } from '../numbers.mjs'
import { startPeer, startService } from '../server.mjs'
import { comparison } from './http.mjs'

export const title = 'runAuction over one WebSocket'

/** The graphql-transport-ws protocol, as many requests in flight on one connection as HTTP has connections. */
export async function run({ loader, use, settings }) {
  const raw = await use(startPeer('raw'))
  const us = await use(startService())
  const cases = [
    { name: 'raw', server: raw },
    { name: 'ws', server: us, options: { protocol: 'ws', connections: 1 } },
    { name: 'http', server: us },
  ]
  const results = await interleave(loader, cases, settings)
  const labels = [
    ['raw', 'raw node:http, JSON, no GraphQL'],
    ['ws', `this service, one WebSocket, ${CONNECTIONS} in flight`],
    ['http', `this service, HTTP, ${CONNECTIONS} connections`],
  ]
  return {
    lines: [comparison(labels, results, results.get('raw'))],
    goals: [
      atMost('runAuction over one WebSocket / raw node:http', 1, cpuRatio(results.get('ws'), results.get('raw'))),
    ],
  }
}
