import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Redis } from 'ioredis'
import { freePort } from './free-port.ts'

const READY_TIMEOUT_MS = 30_000

/** A Redis process of a test's own. */
export interface RedisServer {
  readonly port: number
  readonly url: string
  readonly pid: () => number
  /** Ends it without warning, as a crash does. */
  kill(): Promise<void>
  /** Starts it again on the same port and files; resolves when it answers, which is after it has loaded its data. */
  start(moreArgs?: readonly string[]): Promise<void>
  /** Sends one command over a connection of its own. */
  command(name: string, ...args: string[]): Promise<unknown>
  dispose(): Promise<void>
}

/**
 * Starts a redis-server on a free port.
 * @param appendonly whether it keeps its data over a kill: all of it, as it writes before it answers, and only a machine that loses its power needs more
 * @param args further arguments for redis-server
 */
export async function startRedis({
  appendonly = false,
  args = [],
}: {
  readonly appendonly?: boolean
  readonly args?: readonly string[]
} = {}): Promise<RedisServer> {
  const directory = await mkdtemp(join(tmpdir(), 'auction-redis-'))
  const port = await freePort()
  const options = ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', directory, '--save', '']
  options.push('--appendonly', appendonly ? 'yes' : 'no', '--appendfsync', 'no', ...args)
  let child: ChildProcess | undefined

  const server: RedisServer = {
    port,
    url: `redis://127.0.0.1:${port}`,
    pid: () => child?.pid ?? 0,
    kill: async () => {
      if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
      child.kill('SIGKILL')
      await once(child, 'exit')
    },
    start: async (moreArgs = []) => {
      child = spawn('redis-server', [...options, ...moreArgs], { stdio: 'ignore' })
      await untilAnswering(port)
    },
    command: async (name, ...commandArgs) => {
      const client = new Redis(port, '127.0.0.1')
      try {
        return await client.call(name, ...commandArgs)
      } finally {
        client.disconnect()
      }
    },
    dispose: async () => {
      await server.kill()
      await rm(directory, { recursive: true, force: true })
    },
  }
  await server.start()
  return server
}

/** A Redis Cluster of three nodes with appendonly and without replicas; `url` names all three. */
export async function startRedisCluster(): Promise<{
  readonly url: string
  readonly nodes: readonly RedisServer[]
  dispose(): Promise<void>
}> {
  const nodes: RedisServer[] = []
  const dispose = async () => void (await Promise.all(nodes.map((node) => node.dispose())))
  try {
    for (let index = 0; index < 3; index += 1) {
      const busPort = await freePort()
      const args = ['--cluster-enabled', 'yes', '--cluster-port', `${busPort}`, '--cluster-node-timeout', '2000']
      nodes.push(await startRedis({ appendonly: true, args }))
    }
    const addresses = nodes.map((node) => `127.0.0.1:${node.port}`)
    await promisify(execFile)('redis-cli', ['--cluster', 'create', ...addresses, '--cluster-yes'])
    await Promise.all(nodes.map(untilClusterOk))
  } catch (error) {
    await dispose()
    throw error
  }
  return { url: nodes.map((node) => node.url).join(','), nodes, dispose }
}

async function untilAnswering(port: number): Promise<void> {
  const client = new Redis(port, '127.0.0.1', {
    retryStrategy: () => 20,
    maxRetriesPerRequest: null,
    maxLoadingRetryTime: 20,
  })
  client.on('error', () => {})
  const late = setTimeout(() => client.disconnect(), READY_TIMEOUT_MS)
  try {
    await client.ping()
  } finally {
    clearTimeout(late)
    client.disconnect()
  }
}

async function untilClusterOk(node: RedisServer): Promise<void> {
  const deadline = Date.now() + READY_TIMEOUT_MS
  while (!String(await node.command('cluster', 'info')).includes('cluster_state:ok')) {
    if (Date.now() > deadline) throw new Error('The Redis cluster did not become ready.')
  }
}
