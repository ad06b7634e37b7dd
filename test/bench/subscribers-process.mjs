// Subscribers to live statistics, in a process of their own: told over IPC how many to open, and of what kind.
import { WebSocket } from 'ws'
import { supplyId } from './catalog.mjs'

const QUERY =
  'subscription ($supplyIds: [ID!], $minIntervalMs: Int!) { statsUpdated(supplyIds: $supplyIds, minIntervalMs: $minIntervalMs) { supplyId totalRequests requestsPerCountry { country requests } bidders { bidderId wins losses noBids timeouts totalRevenue } } }'
/** Connections opened at the same time. */
const BATCH = 50

let values = 0

/** @typedef {{ url: string, supplies: number, count: number, isBusy: boolean }} Job */

process.on('message', async (/** @type {Partial<Job>} */ message) => {
  if (message.count === undefined) return process.send?.({ values })
  const job = /** @type {Job} */ (message)
  for (let opened = 0; opened < job.count; opened += BATCH) {
    const batch = Math.min(BATCH, job.count - opened)
    await Promise.all(Array.from({ length: batch }, (_, index) => subscribe(job, opened + index)))
  }
  process.send?.({ opened: job.count })
})
process.on('disconnect', () => process.exit())

/**
 * Resolves with the first value.
 * @param {Job} job
 * @param {number} index
 * @returns {Promise<void>}
 */
function subscribe({ url, supplies, isBusy }, index) {
  const variables = isBusy ? { minIntervalMs: 250 } : { supplyIds: [supplyId(index % supplies)], minIntervalMs: 60_000 }
  const socket = new WebSocket(url.replace(/^http/, 'ws'), 'graphql-transport-ws', { perMessageDeflate: false })
  return new Promise((resolve, reject) => {
    socket.on('error', reject)
    socket.on('open', () => socket.send('{"type":"connection_init"}'))
    socket.on('message', (data) => {
      if (String(data).startsWith('{"type":"connection_ack"')) {
        socket.send(JSON.stringify({ id: '1', type: 'subscribe', payload: { query: QUERY, variables } }))
      } else {
        values++
        resolve()
      }
    })
  })
}
