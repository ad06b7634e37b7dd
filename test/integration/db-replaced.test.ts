import { rename } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type EmbeddedDatabase, openEmbedded, SERVE_COMMAND } from '../../src/db/embedded/embedded.ts'
import { createTestFolder } from '../support/embedded-database.ts'
import { makeMigratedDataDir } from '../support/migrated-data-dir.ts'
import { connect, query } from '../support/postgres.ts'

/** Longer than a busy machine takes for an answer. */
const ANSWER_TIMEOUT_MS = 5_000
const ENDLESS = 'DO $$ BEGIN LOOP END LOOP; END $$'

describe('the thread of the embedded database', { timeout: 120_000 }, () => {
  let folder: Awaited<ReturnType<typeof createTestFolder>>
  let dataDir: string
  let database: EmbeddedDatabase

  beforeEach(async () => {
    folder = await createTestFolder()
    dataDir = join(folder.path, 'data')
    await makeMigratedDataDir(dataDir)
    database = await openEmbedded({ dataDir, command: SERVE_COMMAND, answerTimeoutMs: ANSWER_TIMEOUT_MS })
    await query(database.connectionString, 'CREATE TABLE t AS SELECT 1 AS n')
  })
  afterEach(async () => {
    await database.dispose()
    await folder.dispose()
  })

  it('should be replaced where it hangs, and hold up nobody but its clients', async () => {
    let ticks = 0
    const timer = setInterval(() => ticks++, 10)
    const hanging = await connect(database.connectionString)
    await expect(hanging.query(ENDLESS)).rejects.toMatchObject({
      code: '57P02',
      message: `it gave no answer in ${ANSWER_TIMEOUT_MS} ms`,
    })
    clearInterval(timer)
    expect(ticks).toBeGreaterThan(ANSWER_TIMEOUT_MS / 100)
    expect(await query(database.connectionString, 'SELECT n FROM t')).toEqual([{ n: 1 }])
    expect(await database.problem()).toBeUndefined()
  })

  it('should be replaced where PostgreSQL panics, as often as it takes, and say why meanwhile', async () => {
    const log = join(dataDir, 'postgres', 'pg_wal')
    await rename(log, `${log}.away`)
    const client = await connect(database.connectionString)
    await client.query('INSERT INTO t VALUES (2)')
    await expect(client.query('SELECT pg_switch_wal(); INSERT INTO t VALUES (3)')).rejects.toMatchObject({
      code: '57P02',
      message: expect.stringContaining('pg_wal'),
    })
    expect(await database.problem()).toContain('pg_wal')
    await rename(`${log}.away`, log)
    await vi.waitFor(
      async () => expect(await query(database.connectionString, 'SELECT n FROM t')).toEqual([{ n: 1 }, { n: 2 }]),
      { timeout: 60_000, interval: 200 },
    )
    expect(await database.problem()).toBeUndefined()
  })

  it('should not keep a process that ends while it hangs', async () => {
    const hanging = await connect(database.connectionString)
    const lost = expect(hanging.query(ENDLESS)).rejects.toThrow()
    await database.dispose()
    await lost
  })
})
