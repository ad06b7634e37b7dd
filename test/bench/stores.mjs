import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { Redis } from 'ioredis'
import pg from 'pg'
import { freePort, LOADER_CPU, pinned, runCommand, spawnTied, temporaryFolder } from './server.mjs'

const POSTGRES_URL = process.env.BENCH_DATABASE_URL ?? 'postgresql://postgres@127.0.0.1:5432/postgres'
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
    async stop() {
      const exited = once(child, 'exit')
      child.kill('SIGTERM')
      await exited
      folder.remove()
    },
  }
}

/** A migrated, empty database of the bench's own; undefined where no PostgreSQL server can be reached. */
export async function createDatabase() {
  const name = `auction_bench_${process.pid}_${Math.random().toString(36).slice(2, 8)}`
  try {
    await query(POSTGRES_URL, `CREATE DATABASE ${name}`)
  } catch {
    return undefined
  }
  const url = new URL(POSTGRES_URL)
  url.pathname = `/${name}`
  const stop = () => query(POSTGRES_URL, `DROP DATABASE ${name} WITH (FORCE)`)
  try {
    await runCommand(['migrate', 'up'], { DATABASE_URL: url.href })
  } catch (error) {
    await stop()
    throw error
  }
  return { url: url.href, stop }
}

async function query(connectionString, text) {
  const client = new pg.Client({ connectionString, connectionTimeoutMillis: CONNECT_TIMEOUT_MS })
  await client.connect()
  try {
    return await client.query(text)
  } finally {
    await client.end()
  }
}
