// The load generator: a process of its own, told what to do over IPC. One message, one run, one report back.
import { createHttpTransport } from '../../dist/load-test/http-transport.js'
import { createRecorder } from '../../dist/load-test/recorder.js'
import { ADDRESSES, toGraphQLBody } from '../../dist/load-test/requests.js'
import { runLoad } from '../../dist/load-test/run-load.js'
import { createWebSocketTransport } from '../../dist/load-test/ws-transport.js'
import { supplyId } from './catalog.mjs'

const BODIES = { graphql: toGraphQLBody, raw: (input) => JSON.stringify(input) }
/** Coprime to every number of supplies that is benched: goes through all of them in an order like chance. */
const STRIDE = 611_953

const transports = new Map()
let requests = 0

process.on('message', async (job) => {
  const recorder = createRecorder()
  const run = await runLoad({
    transport: transportFor(job),
    nextRequest: () => nextRequest(job),
    recorder,
    pace: job.pace,
    durationMs: job.durationMs,
  })
  process.send(recorder.report(run))
})
process.on('disconnect', () => process.exit())

/** Connections are kept from one run to the next. */
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
