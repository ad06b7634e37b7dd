import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { Redis } from 'ioredis'
import pg from 'pg'
import { startPostgres } from './postgres.mjs'
import { cpuNs, freePort, LOADER_CPU, pinned, runCommand, spawnTied, temporaryFolder } from './server.mjs'

/** Where no PostgreSQL was found. */
export const NO_POSTGRES = 'No PostgreSQL is installed, and BENCH_DATABASE_URL names no server'
const CONNECT_TIMEOUT_MS = 3000

export function hasRedis() {
  return spawnSync('redis-server', ['--version']).status === 0
}

/** A redis-server of the bench's own, durable: appendonly, written to disk every second. */
export async function startRedis() {
  const folder = temporaryFolder()
  const port = await freePort()
  const options = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder.path, '--save', '']
  const [command, ...args] = pinned(LOADER_CPU, 'redis-server', [...options, '--appendonly', 'yes'])
  const child = spawnTied(command, args, { stdio: 'ignore' })
  const client = new Redis(port, '127.0.0.1', { retryStrategy: (times) => (times < 100 ? 50 : null) })
  client.on('error', () => {})
  try {
    await client.ping()
  } finally {
    client.disconnect()
  }
  return {
    url: `redis://127.0.0.1:${port}`,
    cpuNs: () => cpuNs(child.pid),
    async stop() {
      const exited = once(child, 'exit')
      child.kill('SIGTERM')
      await exited
      folder.remove()
    },
  }
}

/**
 * A migrated, empty database of the bench's own: on the server that BENCH_DATABASE_URL names, or else on one that is
 * started for it; undefined where there is neither. A server of the bench's own tells its CPU time.
 */
export async function createDatabase() {
  const given = process.env.BENCH_DATABASE_URL
  const database = given ? await createOn(given) : await startPostgres()
  if (!database) return undefined
  try {
    await runCommand(['migrate', 'up'], { DATABASE_URL: database.url })
  } catch (error) {
    await database.stop()
    throw error
  }
  return database
}

/** @returns {Promise<{ url: string, cpuNs?(): number, stop(): Promise<void> }>} */
async function createOn(serverUrl) {
  const name = `auction_bench_${process.pid}_${Math.random().toString(36).slice(2, 8)}`
  await query(serverUrl, `CREATE DATABASE ${name}`)
  const url = new URL(serverUrl)
  url.pathname = `/${name}`
  return {
    url: url.href,
    async stop() {
      await query(serverUrl, `DROP DATABASE ${name} WITH (FORCE)`)
    },
  }
}

export async function query(connectionString, text) {
  const client = new pg.Client({ connectionString, connectionTimeoutMillis: CONNECT_TIMEOUT_MS })
  await client.connect()
  try {
    return await client.query(text)
  } finally {
    await client.end()
  }
}
