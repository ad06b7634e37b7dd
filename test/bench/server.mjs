import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { dataFile, supplyId } from './catalog.mjs'
import { DIST } from './dist.mjs'

/** @type {typeof import('../../src/load-test/answer.ts')} */
const { readHttpAnswer } = await import(`${DIST}load-test/answer.js`)
/** @type {typeof import('../../src/load-test/requests.ts')} */
const { toGraphQLBody } = await import(`${DIST}load-test/requests.js`)

/** Whether servers and loaders are kept on a processor each. */
export const PINNED = availableParallelism() > 1 && spawnSync('taskset', ['--version']).status === 0
export const SERVER_CPU = 0
export const LOADER_CPU = 1
/** As bin/auction.mjs and `npm start` have it. */
export const SERVE_FLAGS = ['--max-semi-space-size=32']
const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url))
const READY_TIMEOUT_MS = 300_000
const STOP_TIMEOUT_MS = 15_000
const MAX_SAID = 4000

/** However the bench ends: nothing it started goes on, nothing it wrote stays. */
const leftovers = new Set()
process.on('exit', () => {
  // The newest first: a process ends before its folder goes.
  for (const remove of [...leftovers].reverse()) remove()
})

/**
 * Starts a process that ends with the bench at the latest.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {import('node:child_process').SpawnOptions} options
 */
export function spawnTied(command, args, options) {
  const child = spawn(command, args, options)
  const kill = () => child.kill('SIGKILL')
  leftovers.add(kill)
  child.once('exit', () => leftovers.delete(kill))
  return child
}

/** A folder that is removed with the bench at the latest. */
export function temporaryFolder() {
  const path = mkdtempSync(join(tmpdir(), 'auction-bench-'))
  const remove = () => {
    rmSync(path, { recursive: true, force: true })
    leftovers.delete(remove)
  }
  leftovers.add(remove)
  return { path, remove }
}

/**
 * Starts a peer by its file's name in peers/.
 * @param {string} name
 * @param {import('./types.ts').ServerOptions} [options]
 */
export function startPeer(name, options = {}) {
  const file = fileURLToPath(new URL(`peers/${name}.mjs`, import.meta.url))
  const args = [...hook(options.memory), ...(options.flags ?? []), file]
  return start({ name, args, body: name === 'raw' ? 'raw' : 'graphql', ...options })
}

/**
 * Starts the service as its users do, embedded and in memory unless `env` says otherwise, but without the auction log,
 * which no peer has (the section on the log measures what it costs), and without shedding, which would answer less.
 * @param {import('./types.ts').ServerOptions & { data?: string, loaded?: boolean }} [options] env: further settings, such
 *   as DATABASE_URL; memory: whether it tells its memory, which needs --expose-gc; data: a data file's text in place of the
 *   usual one's; loaded: whether its database has the catalogue already
 */
export async function startService(options = {}) {
  const { name = 'us', supplies = 20, env = {}, memory = false, data = dataFile(supplies), loaded = false } = options
  const folder = temporaryFolder()
  const fullEnv = { AUCTION_LOG: 'off', MAX_EVENT_LOOP_DELAY_MS: '0', ...env, DATA_DIR: join(folder.path, 'data') }
  if (!loaded) {
    const file = join(folder.path, 'bench.json')
    writeFileSync(file, data)
    await runCommand(['load-data', '--input', file, '--prune'], fullEnv)
  }
  const args = [...hook(memory), ...SERVE_FLAGS, MAIN, 'serve']
  const server = await start({ name, args, body: 'graphql', supplies, env: fullEnv, memory })
  const stop = async () => {
    await server.stop()
    folder.remove()
  }
  return { ...server, stop }
}

/**
 * Starts `auction worker` beside the load generator.
 * @param {Readonly<Record<string, string>>} env
 */
export function startWorker(env) {
  const [command, ...args] = pinned(LOADER_CPU, process.execPath, [MAIN, 'worker'])
  const child = spawnTied(command, args, { env: { ...environment(), LOG_LEVEL: 'warn', ...env }, stdio: 'ignore' })
  return {
    cpuNs: () => cpuNs(child.pid),
    async stop() {
      const exited = once(child, 'exit')
      child.kill('SIGTERM')
      await exited
    },
  }
}

/**
 * Runs one `auction` command to its end.
 * @param {readonly string[]} args
 * @param {Readonly<Record<string, string>>} env
 */
export async function runCommand(args, env) {
  const child = spawnTied(process.execPath, [MAIN, ...args], {
    env: { ...environment(), ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let problem = ''
  child.stderr?.on('data', (chunk) => {
    problem += chunk
  })
  const [code] = await once(child, 'exit')
  if (code !== 0) throw new Error(`auction ${args.join(' ')} failed: ${problem}`)
}

/**
 * A command line that runs on one processor, where that can be had.
 * @param {number} cpu
 * @param {string} command
 * @param {readonly string[]} args
 * @returns {[command: string, ...args: string[]]}
 */
export function pinned(cpu, command, args) {
  return PINNED ? ['taskset', '-c', String(cpu), command, ...args] : [command, ...args]
}

/**
 * @param {import('./types.ts').ServerOptions & { name: string, args: readonly string[], body: 'graphql' | 'raw' }} options
 * @returns {Promise<import('./types.ts').Server>}
 */
async function start({ name, args, body, supplies = 20, env = {}, memory = false }) {
  const port = await freePort()
  const [command, ...rest] = pinned(SERVER_CPU, process.execPath, args)
  const startedAt = performance.now()
  const child = spawnTied(command, rest, {
    env: {
      ...environment(),
      PORT: String(port),
      HOST: '127.0.0.1',
      LOG_LEVEL: 'warn',
      SIMULATED_LATENCY_FACTOR: '0',
      BENCH_SUPPLIES: String(supplies),
      ...env,
    },
    stdio: memory ? ['ignore', 'ignore', 'pipe', 'ipc'] : ['ignore', 'ignore', 'pipe'],
  })
  let said = ''
  child.stderr?.on('data', (chunk) => {
    said = `${said}${chunk}`.slice(-MAX_SAID)
  })
  const server = {
    name,
    /** The end of what it wrote to stderr. */
    said: () => said,
    body,
    supplies,
    pid: child.pid ?? 0,
    url: `http://127.0.0.1:${port}/graphql`,
    /** How long it took from its start to its first auction, in milliseconds. */
    readyMs: 0,
    /** CPU time used so far by all its threads, user and system, in nanoseconds. */
    cpuNs: () => cpuNs(child.pid),
    mainThreadCpuNs: () => threadCpuNs(child.pid, child.pid),
    oneAuction: () => oneAuction(server),
    /** Resident memory, in bytes. */
    rss: () => residentBytes(child.pid),
    /** process.memoryUsage() after a garbage collection. */
    async memory() {
      child.send('memory')
      const [usage] = await once(child, 'message')
      return usage
    },
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return
      const exited = once(child, 'exit')
      child.kill('SIGTERM')
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS)
      await exited
      clearTimeout(timer)
    },
  }
  try {
    await untilReady(server, child)
  } catch (error) {
    await server.stop()
    throw error
  }
  server.readyMs = performance.now() - startedAt
  return server
}

/**
 * Node's options for a server that tells its memory.
 * @param {boolean} [memory]
 */
function hook(memory) {
  return memory ? ['--expose-gc', '--import', new URL('memory-hook.mjs', import.meta.url).href] : []
}

/** What of this process's environment servers get: no setting of the service's own. */
function environment() {
  return { PATH: process.env.PATH, HOME: process.env.HOME, NODE_ENV: 'production', NO_COLOR: '1' }
}

/** Ready is a server that has answered one auction. */
async function untilReady(server, child) {
  const deadline = performance.now() + READY_TIMEOUT_MS
  let problem
  while (performance.now() < deadline) {
    if (child.exitCode !== null) {
      throw new Error(`${server.name} ended with exit code ${child.exitCode} before it was ready: ${server.said()}`)
    }
    try {
      return await oneAuction(server)
    } catch (error) {
      problem = error
    }
    await sleep(25)
  }
  throw new Error(`${server.name} was not ready in time: ${server.said()}`, { cause: problem })
}

/** @throws where the server does not answer one auction as it should */
async function oneAuction({ url, body }) {
  const input = { supplyId: supplyId(0), ip: `192.0.2.${Math.floor(Math.random() * 256)}`, country: 'US', tmax: 200 }
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json' },
    body: body === 'raw' ? JSON.stringify(input) : toGraphQLBody(input),
  })
  const text = await response.text()
  const { resultType } = readHttpAnswer(response.status, text, input.tmax)
  if (resultType !== 'Auction' && resultType !== 'NoBidsError') throw new Error(text.slice(0, 500))
}

/** CPU time used so far by all threads of a process, in nanoseconds. */
export function cpuNs(pid) {
  return readdirSync(`/proc/${pid}/task`).reduce((sum, thread) => sum + threadCpuNs(pid, thread), 0)
}

/** As `cpuNs`, of its children together, of whom none may end meanwhile. */
export function childrenCpuNs(pid) {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean)
  return children.reduce((sum, child) => sum + cpuNs(child), 0)
}

/** The thread that a process begins with has the process's id. */
function threadCpuNs(pid, thread) {
  return Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ', 1)[0])
}

function residentBytes(pid) {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024
}

export async function freePort() {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = /** @type {import('node:net').AddressInfo} */ (probe.address())
  probe.close()
  await once(probe, 'close')
  return port
}
