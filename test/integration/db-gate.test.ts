import { createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { PGlite } from '@electric-sql/pglite'
import pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { createBackend } from '../../src/db/embedded/backend.ts'
import { createGate, type Gate } from '../../src/db/embedded/gate.ts'
import { createTestFolder } from '../support/embedded-database.ts'
import { connect, query } from '../support/postgres.ts'

/** Longer than a busy machine keeps a client that is not idle. */
const IDLE_TIMEOUT_MS = 2000

describe('createGate', () => {
  let folder: Awaited<ReturnType<typeof createTestFolder>>
  let pglite: PGlite
  let gate: Gate
  let server: Server
  let url: string

  beforeAll(async () => {
    folder = await createTestFolder()
    pglite = await PGlite.create()
    gate = createGate({ backend: createBackend(pglite), idleInTransactionTimeoutMs: IDLE_TIMEOUT_MS })
    server = createServer(gate.serve)
    await new Promise<void>((resolve) => server.listen(join(folder.path, '.s.PGSQL.5432'), resolve))
    url = `postgresql://postgres@localhost/postgres?host=${encodeURIComponent(folder.path)}`
  })

  beforeEach(() => query(url, 'DROP TABLE IF EXISTS t; CREATE TABLE t (id int PRIMARY KEY)'))

  afterAll(async () => {
    await gate.dispose()
    await new Promise((resolve) => server.close(resolve))
    await pglite.close()
    await folder.dispose()
  })

  async function ids(): Promise<unknown[]> {
    return (await query(url, 'SELECT id FROM t ORDER BY id')).map(({ id }) => id)
  }

  it('should give each of many clients the answers to its own queries', async () => {
    const pool = new pg.Pool({ connectionString: url, max: 8 })
    const answers = await Promise.all(
      Array.from({ length: 400 }, async (_, n) =>
        n % 10 === 0
          ? pool.query('SELECT 1 / $1::int', [0]).catch((error: pg.DatabaseError) => error.code)
          : (await pool.query<{ n: number }>(`SELECT $1::int AS n -- ${n % 7}`, [n])).rows[0]?.n,
      ),
    )
    await pool.end()
    expect(answers).toEqual(answers.map((_, n) => (n % 10 === 0 ? '22012' : n)))
  })

  it('should keep others out of a transaction until it ends', async () => {
    const [one, other] = [await connect(url), await connect(url)]
    await one.query('BEGIN')
    await one.query('INSERT INTO t VALUES ($1)', [1])
    let answered = false
    const insert = other.query('INSERT INTO t VALUES (2)').then(() => {
      answered = true
    })
    await expect(one.query('INSERT INTO t VALUES ($1)', [1])).rejects.toMatchObject({ code: '23505' })
    await expect(one.query('SELECT 1')).rejects.toMatchObject({ code: '25P02' })
    expect(answered).toBe(false)
    await one.query('ROLLBACK')
    await insert
    expect(await ids()).toEqual([2])
    await one.end()
    await other.end()
  })

  it('should run transactions of several clients one after the other', async () => {
    await query(url, 'CREATE TABLE counter AS SELECT 0 AS n')
    const pool = new pg.Pool({ connectionString: url, max: 6 })
    async function increment(index: number): Promise<void> {
      const client = await pool.connect()
      await client.query('BEGIN')
      const { rows } = await client.query<{ n: number }>('SELECT n FROM counter')
      await client.query('UPDATE counter SET n = $1', [Number(rows[0]?.n) + 1])
      await client.query(index % 3 === 0 ? 'ROLLBACK' : 'COMMIT')
      client.release()
    }
    await Promise.all(Array.from({ length: 30 }, (_, index) => increment(index)))
    await pool.end()
    expect(await query(url, 'SELECT n FROM counter')).toEqual([{ n: 20 }])
  })

  it('should roll back for a client that vanishes in a transaction', async () => {
    const client = await connect(url)
    await client.query('BEGIN')
    await client.query('INSERT INTO t VALUES (1)')
    breakOff(client)
    expect(await ids()).toEqual([])
  })

  it('should go on after a client that vanishes in the middle of an extended query', async () => {
    const client = await connect(url)
    // A Parse with a syntax error and a Flush: PostgreSQL then ignores everything up to a Sync, which never comes.
    const { stream } = connectionOf(client)
    const greeted = stream.bytesRead
    stream.write(Buffer.from('P\0\0\0\x0d\0selec\0\0\0H\0\0\0\x04', 'latin1'))
    await vi.waitFor(() => expect(stream.bytesRead).toBeGreaterThan(greeted))
    breakOff(client)
    expect(await ids()).toEqual([])
  })

  it('should leave nothing of a client’s session to the next one', async () => {
    const client = await connect(url)
    await client.query(`SET search_path = nowhere; CREATE TEMP TABLE mine (id int)`)
    await client.query({ name: 'same', text: 'SELECT 1 AS n' })
    await client.end()
    const next = await connect(url)
    expect((await next.query('SHOW search_path')).rows).toEqual([{ search_path: 'public' }])
    expect((await next.query({ name: 'same', text: 'SELECT 2 AS n' })).rows).toEqual([{ n: 2 }])
    await next.end()
  })

  it('should roll back, and say so to, a client that is idle in a transaction for too long', async () => {
    const client = await connect(url)
    const farewell = new Promise<Error>((resolve) => client.once('error', resolve))
    await client.query('BEGIN')
    await client.query('INSERT INTO t VALUES (1)')
    expect(await ids()).toEqual([])
    expect(await farewell).toMatchObject({ code: '25P03' })
  })

  it('should refuse a copy from the client, which PGlite would wait for forever', async () => {
    const client = await connect(url)
    await expect(client.query('COPY t FROM STDIN')).rejects.toMatchObject({ code: '08P01' })
    expect(await ids()).toEqual([])
  })

  it('should carry large queries and answers', async () => {
    const text = 'x'.repeat(3_000_000)
    const [row] = await query(url, `SELECT $1 || repeat('y', 5000000) AS text`, [text])
    expect(String(row?.text).length).toBe(8_000_000)
  })

  it('should turn new clients away and let the present ones finish when it is disposed', async () => {
    const closing = createGate({ backend: createBackend(pglite), drainTimeoutMs: 5_000 })
    const listener = createServer(closing.serve)
    const own = await createTestFolder()
    await new Promise<void>((resolve) => listener.listen(join(own.path, '.s.PGSQL.5432'), resolve))
    const ownUrl = `postgresql://postgres@localhost/postgres?host=${encodeURIComponent(own.path)}`
    const client = await connect(ownUrl)
    await client.query('BEGIN')
    const disposed = closing.dispose()
    await expect(connect(ownUrl)).rejects.toMatchObject({ code: '57P03' })
    await client.query('INSERT INTO t VALUES (7)')
    await client.query('COMMIT')
    await client.end()
    await disposed
    listener.close()
    await own.dispose()
    expect(await ids()).toEqual([7])
  })
})

interface Connection {
  readonly stream: import('node:net').Socket
}

/** What node-postgres keeps to itself: needed to misbehave. */
function connectionOf(client: pg.Client): Connection {
  return Reflect.get(client, 'connection') as unknown as Connection
}

function breakOff(client: pg.Client): void {
  connectionOf(client).stream.destroy()
}
