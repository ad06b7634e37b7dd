// The load generator: a process of its own, told what to do over IPC. One message, one run, one report back.
import { supplyId } from './catalog.mjs'
import { DIST } from './dist.mjs'
import { watchOwnTails } from './own-tails.mjs'

/** @type {typeof import('../../src/load-test/http-transport.ts')} */
const { createHttpTransport } = await import(`${DIST}load-test/http-transport.js`)
/** @type {typeof import('../../src/load-test/recorder.ts')} */
const { createRecorder } = await import(`${DIST}load-test/recorder.js`)
/** @type {typeof import('../../src/load-test/requests.ts')} */
const { ADDRESSES, toGraphQLBody } = await import(`${DIST}load-test/requests.js`)
/** @type {typeof import('../../src/load-test/run-load.ts')} */
const { runLoad } = await import(`${DIST}load-test/run-load.js`)
/** @type {typeof import('../../src/load-test/ws-transport.ts')} */
const { createWebSocketTransport } = await import(`${DIST}load-test/ws-transport.js`)

const BODIES = { graphql: toGraphQLBody, raw: (input) => JSON.stringify(input) }
/** Coprime to every number of supplies that is benched: goes through all of them in an order like chance. */
const STRIDE = 611_953

/** @type {Map<string, import('../../src/load-test/types.ts').Transport>} */
const transports = new Map()
let requests = 0

process.on('message', async (/** @type {import('./types.ts').Job} */ job) => {
  const recorder = createRecorder()
  const endWatch = watchOwnTails()
  const run = await runLoad({
    transport: transportFor(job),
    nextRequest: () => nextRequest(job),
    recorder,
    pace: job.pace,
    durationMs: job.durationMs,
  })
  process.send?.({ ...recorder.report(run), generator: endWatch() })
})
process.on('disconnect', () => process.exit())

/**
 * Connections are kept from one run to the next.
 * @param {import('./types.ts').Job} job
 */
function transportFor({ url, protocol, body, connections }) {
  const key = `${protocol} ${url} ${connections}`
  let transport = transports.get(key)
  if (!transport) {
    transport =
      protocol === 'ws'
        ? createWebSocketTransport({ url: new URL(url.replace(/^http/, 'ws')), connections })
        : createHttpTransport({ url: new URL(url), connections, toBody: BODIES[body] })
    transports.set(key, transport)
  }
  return transport
}

/** @param {import('./types.ts').Job} job */
function nextRequest({ supplies, tmaxMs }) {
  const index = requests++
  const address = index % ADDRESSES
  return {
    supplyId: supplyId((index * STRIDE) % supplies),
    ip: `10.${address >>> 16}.${(address >>> 8) & 255}.${address & 255}`,
    country: 'US',
    tmax: tmaxMs,
  }
}
