import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { migrateUp } from '../../src/db/migrations.ts'
import { createDailyArchive, type DailyArchiveOptions } from '../../src/history/archive/daily-archive.ts'
import { createTestFolder } from '../support/embedded-database.ts'
import { daysAgo, insertAuctions, makeUpAuctions } from '../support/logged-auctions.ts'
import { connect, createTestDatabase, query, type TestDatabase } from '../support/postgres.ts'
import { type PostgresServer, startPostgres } from '../support/postgres-server.ts'
import { hasPostgres } from '../support/services.ts'

const DUE = daysAgo(91)
const PARTITION = `auction_log_${new Date(DUE).toISOString().slice(0, 10).replaceAll('-', '')}`

describe.skipIf(!hasPostgres)('archiving each day', () => {
  let server: PostgresServer
  let database: TestDatabase
  let folder: Awaited<ReturnType<typeof createTestFolder>>
  let events: unknown[]

  beforeAll(async () => {
    server = await startPostgres()
  })
  afterAll(() => server.dispose())
  beforeEach(async () => {
    database = await createTestDatabase(server.url)
    folder = await createTestFolder()
    events = []
    await migrateUp({ connectionString: database.url })
    await insertAuctions(database.url, makeUpAuctions({ count: 50, startOfDayMs: DUE }))
  })
  afterEach(async () => {
    await database.dispose()
    await folder.dispose()
  })

  function start(options: Partial<DailyArchiveOptions> = {}) {
    return createDailyArchive({
      connectionString: database.url,
      embedded: false,
      directory: join(folder.path, 'archive'),
      warmDays: 90,
      coldDays: 2555,
      now: Date.now,
      onStep: (step) => events.push(step.type === 'ARCHIVED' ? step.moved : step.type),
      onError: (error) => events.push(error instanceof Error ? error.message : error),
      intervalMs: 20,
      ...options,
    })
  }

  it('should archive what is due, and later what is due by then', async () => {
    const archive = start()
    await vi.waitFor(() => expect(events).toEqual([50]))
    await insertAuctions(database.url, makeUpAuctions({ count: 7, startOfDayMs: DUE, seed: 2 }), true)
    await vi.waitFor(() => expect(events).toEqual([50, 7]))
    await archive.dispose()
  })

  it('should tell an error, and try again', async () => {
    const other = await connect(database.url)
    await other.query("SELECT pg_advisory_lock(hashtext('auction_archive'))")
    const archive = start()
    await vi.waitFor(() => expect(events[0]).toMatch(/^another `auction archive`/))
    await other.end()
    await vi.waitFor(() => expect(events.at(-1)).toBe(50))
    await archive.dispose()
  })

  it('should end at once when it is told to, and leave the day as it was', async () => {
    const writer = await connect(database.url)
    await writer.query('BEGIN')
    await writer.query(`LOCK TABLE ${PARTITION} IN ROW EXCLUSIVE MODE`)
    const archive = start()
    const waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'LOCK%'"
    await vi.waitFor(async () => expect(await query(database.url, waiting)).toHaveLength(1))

    const toldAt = performance.now()
    await archive.dispose()
    expect(performance.now() - toldAt).toBeLessThan(5_000)
    await writer.end()
    expect(events).toEqual([])
    expect(await readdir(join(folder.path, 'archive'))).toEqual([])
    expect(await query(database.url, 'SELECT count(*)::int FROM auction_log')).toEqual([{ count: 50 }])
  })
})
