import { randomBytes } from 'node:crypto'
import pg from 'pg'

export interface TestDatabase {
  readonly url: string
  dispose(): Promise<void>
}

/** A new, empty database on a server. */
export async function createTestDatabase(serverUrl: string): Promise<TestDatabase> {
  const name = `auction_test_${randomBytes(6).toString('hex')}`
  await query(serverUrl, `CREATE DATABASE ${name}`)
  const url = new URL(serverUrl)
  url.pathname = name
  return {
    url: url.href,
    async dispose() {
      await query(serverUrl, `DROP DATABASE ${name} WITH (FORCE)`)
    },
  }
}

/** Runs one query over a connection of its own; returns its rows. */
export async function query(url: string, sql: string, values?: unknown[]): Promise<Record<string, unknown>[]> {
  const client = await connect(url)
  try {
    return (await client.query<Record<string, unknown>>(sql, values)).rows
  } finally {
    await client.end()
  }
}

/** A connection that may be lost without ending the test. */
export async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => {})
  await client.connect()
  return client
}
