import { once } from 'node:events'
import { forkOnLoaderCpu, interleave } from '../load.mjs'
import { atLeast, atMost, cpuRatio, fixed, medianOf, table } from '../numbers.mjs'
import { startService } from '../server.mjs'

export const title = 'WebSocket subscribers beside the load'

const KINDS = [
  { name: 'none', count: 0, isBusy: false },
  { name: '100 idle-ish', count: 100, isBusy: false },
  { name: '1,000 idle-ish', count: 1000, isBusy: false },
  { name: '100 busy', count: 100, isBusy: true },
  { name: '1,000 busy', count: 1000, isBusy: true },
]
/** With 1,000 busy subscribers some requests may time out; that is what is shown. */
const MAX_ERROR_SHARE = 0.5

/**
 * A server for each number of subscribers, all under the same load in turn.
 * @param {import('../types.ts').Bench} bench
 * @returns {Promise<import('../types.ts').Findings>}
 */
export async function run({ loader, use, progress, settings }) {
  const cases = []
  for (const kind of KINDS) {
    progress(`starting: ${kind.name}`)
    const server = await use(startService({ name: kind.name, memory: true }))
    const before = await server.memory()
    const subscribers = await use(openSubscribers(server, kind))
    const after = await server.memory()
    const perSubscriber = kind.count && (used(after) - used(before)) / kind.count
    const options = { maxErrorShare: MAX_ERROR_SHARE }
    cases.push({ ...kind, server, subscribers, perSubscriber, options })
  }
  const results = await interleave(loader, cases, settings)
  const perSecond = (name) => medianOf(results.get(name), ({ throughput }) => throughput)
  const rows = []
  for (const { name, subscribers, perSubscriber } of cases) {
    const reports = results.get(name)
    rows.push([
      name,
      fixed(
        medianOf(reports, ({ cpuUs }) => cpuUs),
        1,
      ),
      fixed(cpuRatio(reports, results.get('none')), 2),
      fixed(medianOf(reports, ({ throughput }) => throughput)),
      fixed(
        medianOf(reports, ({ latencyMs }) => latencyMs?.p99),
        2,
      ),
      fixed(await subscribers.values()),
      perSubscriber ? fixed(perSubscriber / 1024, 1) : '',
    ])
  }
  return {
    lines: [
      'Each subscriber has a WebSocket of its own. Idle-ish: it watches one supply of the 20, whose statistics change all the time, and wants them once a minute at most (minIntervalMs 60000). Busy: it watches all 20 supplies every 250 ms, which for 1,000 are 80,000 values a second, more than one processor can send: they get the newest values as often as it can. Values counts all that were received, from the subscription to the end. Memory per subscriber is heap and external memory after a garbage collection, with the first value sent and no load.',
      table(['subscribers', 'CPU µs/auction', '× none', 'auctions/s', 'p99 ms', 'values', 'KB/subscriber'], rows),
    ],
    goals: [
      atMost(
        'CPU per auction with 1,000 idle-ish subscribers / none',
        1.3,
        cpuRatio(results.get('1,000 idle-ish'), results.get('none')),
      ),
      atLeast('auctions/s with 1,000 busy subscribers / none', 0.7, perSecond('1,000 busy') / perSecond('none')),
    ],
  }
}

/** Subscribers in a process of their own; each has its first value. */
async function openSubscribers({ url, supplies }, { count, isBusy }) {
  const child = forkOnLoaderCpu('subscribers-process.mjs')
  const ask = async (message) => {
    child.send(message)
    const [answer] = await once(child, 'message')
    return answer
  }
  await ask({ url, supplies, count, isBusy })
  return {
    values: async () => (await ask({})).values,
    async stop() {
      const exited = once(child, 'exit')
      child.disconnect()
      await exited
    },
  }
}

function used({ heapUsed, external }) {
  return heapUsed + external
}
