import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { LOADER_CPU, pinned, SERVE_FLAGS, spawnTied } from './server.mjs'

/** Of all requests so many may fail before a run counts for nothing. */
const MAX_ERROR_SHARE = 0.001
export const CONNECTIONS = 64
/** As the service itself: with a thousand requests in flight they halve what the generator's collections take. */
const FLAGS = [...SERVE_FLAGS, '--no-allocation-site-pretenuring']

/**
 * Starts a module of this folder in a process of its own, beside the load generator, with an IPC channel.
 * @param {string} module
 * @param {readonly string[]} [flags] Node's own options
 */
export function forkOnLoaderCpu(module, flags) {
  return forkOn(LOADER_CPU, module, flags)
}

/**
 * The same on any processor.
 * @param {number} cpu
 * @param {string} module
 * @param {readonly string[]} [flags]
 */
export function forkOn(cpu, module, flags = []) {
  const file = fileURLToPath(new URL(module, import.meta.url))
  const [command, ...args] = pinned(cpu, process.execPath, [...flags, file])
  return spawnTied(command, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
}

/**
 * Starts a load generator in a process of its own.
 * @returns {import('./types.ts').Loader}
 */
export function startLoader() {
  const child = forkOnLoaderCpu('loader-process.mjs', FLAGS)

  /**
   * @param {import('./types.ts').Server} server
   * @param {import('./types.ts').LoadOptions} options
   * @returns {Promise<import('./types.ts').GeneratorReport>}
   */
  async function run(server, options) {
    child.send({
      url: server.url,
      body: server.body,
      supplies: server.supplies,
      protocol: 'http',
      connections: CONNECTIONS,
      pace: { concurrency: CONNECTIONS },
      tmaxMs: 200,
      ...options,
    })
    const [report] = await once(child, 'message')
    const total = report.answers + report.errors
    if (total === 0 || report.errors / total > (options.maxErrorShare ?? MAX_ERROR_SHARE)) {
      throw new Error(
        `${server.name}: ${report.errors} of ${total} requests failed: ${JSON.stringify(report.errorsByCode)}`,
      )
    }
    return report
  }

  return {
    /** Loads a server for a time; the report, with the server's CPU time per answer in microseconds. */
    async measure(server, options) {
      const before = server.cpuNs()
      const report = await run(server, options)
      return { ...report, cpuUs: (server.cpuNs() - before) / 1000 / report.answers }
    },
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return
      const exited = once(child, 'exit')
      child.disconnect()
      await exited
    },
  }
}

/**
 * Measures several cases in turn, round by round, so that what else the machine does meets all alike.
 * @param {import('./types.ts').Loader} loader
 * @param {readonly import('./types.ts').Case[]} cases
 * @param {import('./types.ts').Settings} settings
 * @returns {Promise<Map<string, import('./types.ts').Report[]>>} its rounds' reports, by a case's name
 */
export async function interleave(loader, cases, { rounds, seconds, warmUpSeconds = Math.max(2, seconds), progress }) {
  /** @type {Map<string, import('./types.ts').Report[]>} */
  const results = new Map(cases.map(({ name }) => [name, []]))
  for (const { name, server, options } of cases) {
    progress?.(`warm-up: ${name}`)
    await loader.measure(server, { durationMs: warmUpSeconds * 1000, ...options })
  }
  for (let round = 1; round <= rounds; round++) {
    progress?.(`round ${round} of ${rounds}`)
    for (const { name, server, options } of cases) {
      results.get(name)?.push(await loader.measure(server, { durationMs: seconds * 1000, ...options }))
    }
  }
  return results
}
