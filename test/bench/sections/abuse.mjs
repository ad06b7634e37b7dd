import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { ATTACKS } from '../attacks.mjs'
import { supplyId } from '../catalog.mjs'
import { forkOnLoaderCpu } from '../load.mjs'
import { atMost, fixed, table } from '../numbers.mjs'
import { startService } from '../server.mjs'
import { latencyOf, OWN_ROUND_MS } from './overhead.mjs'

export const title = 'Auctions beside an attack'

const RATE = 300
const CONNECTIONS = 64
const MAX_ERROR_SHARE = 0.5
const WARM_UP_MS = 2000
/** Less than a window of the service's is long. */
const LOOK_MS = 4000
const GOAL_MS = 25
/** Loopback counts as any other address does, and no attacker is let off. */
const ENV = { TRUSTED_PROXIES: 'none', GRAPHIQL: 'on' }

/**
 * A service for each attack: auctions at a constant rate, before it and beside it.
 * @param {import('../types.ts').Bench} bench
 * @returns {Promise<import('../types.ts').Findings>}
 */
export async function run({ loader, progress }) {
  const rows = []
  const goals = []
  const options = {
    pace: { ratePerSecond: RATE },
    connections: CONNECTIONS,
    maxErrorShare: MAX_ERROR_SHARE,
  }
  for (const name of Object.keys(ATTACKS)) {
    progress(name)
    const server = await startService({ name, env: ENV })
    const measure = async (durationMs = OWN_ROUND_MS) => {
      const watch = watchLatency(server)
      const report = await loader.measure(server, { ...options, durationMs })
      return { report, ...(await watch.end()) }
    }
    try {
      await measure(WARM_UP_MS)
      const before = await measure()
      const rss = server.rss()
      const attack = await startAttack(server, name)
      const beside = await measure()
      const { opened, open } = await attack.counts()
      const grown = server.rss() - rss
      await attack.stop()
      rows.push([
        name,
        `${fixed(before.own, 1)} / ${fixed(beside.own, 1)}`,
        `${fixed(before.report.latencyMs?.p99 ?? Number.NaN, 1)} / ${fixed(beside.report.latencyMs?.p99 ?? Number.NaN, 1)}`,
        fixed(beside.loop, 0),
        fixed(beside.report.errors),
        fixed((100 * beside.report.cpuUs * beside.report.answers) / (OWN_ROUND_MS * 1000)),
        `${fixed(opened)} / ${fixed(open)}`,
        fixed(grown / 2 ** 20),
      ])
      progress(rows.at(-1).join(' | '))
      goals.push(
        atMost(`own overhead p99 beside ${name}, more than before`, GOAL_MS, beside.own - before.own, { unit: ' ms' }),
      )
    } finally {
      await server.stop()
    }
  }
  return {
    lines: [
      `${fixed(RATE)} auctions a second over ${CONNECTIONS} connections, their bidders at once, before an attack and beside it. Own overhead is the service's own (\`/readyz\`), the worst of its windows, the client's has the load generator's and the attacker's share of their processor in it; both p99 in milliseconds. An attacker has at most ${openFilesLimit()} files open (ulimit -n), so no more connections. Open are those that were left at the end.`,
      table(
        [
          'attack',
          'own before / beside',
          'client before / beside',
          'loop max ms',
          'errors',
          'CPU %',
          'opened / open',
          'MB more',
        ],
        rows,
      ),
    ],
    goals,
  }
}

/**
 * The worst of the windows that a service measures itself in: an attack does most when it begins.
 * @param {import('../types.ts').Server} server
 */
function watchLatency(server) {
  const worst = { own: 0, loop: 0 }
  const look = async () => {
    const { ownOverheadMs, eventLoopDelayMs } = await latencyOf(server)
    worst.own = Math.max(worst.own, ownOverheadMs.p99)
    worst.loop = Math.max(worst.loop, eventLoopDelayMs.max)
  }
  // What cannot be asked now is asked again.
  const timer = setInterval(() => look().catch(() => {}), LOOK_MS)
  return {
    async end() {
      clearInterval(timer)
      await look()
      return worst
    },
  }
}

/** @param {import('../types.ts').Server} server @param {string} name */
async function startAttack({ url, supplies }, name) {
  const child = forkOnLoaderCpu('attacks-process.mjs')
  const ask = async (/** @type {object} */ message) => {
    child.send(message)
    const [answer] = await once(child, 'message')
    return answer
  }
  const ids = Array.from({ length: supplies }, (_, index) => supplyId(index))
  await ask({ name, port: Number(new URL(url).port), supplies: ids })
  return {
    counts: () => ask({}),
    async stop() {
      const exited = once(child, 'exit')
      child.disconnect()
      await exited
    },
  }
}

function openFilesLimit() {
  return fixed(Number(/Max open files\s+(\d+)/.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1]))
}
