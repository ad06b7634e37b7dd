import { mkdir, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { migrateUp } from '../../src/db/migrations.ts'
import {
  type ArchiveOptions,
  type ArchiveStep,
  archiveDueDays,
  listDueSteps,
} from '../../src/history/archive/archive.ts'
import type { LoggedAuction } from '../../src/history/types.ts'
import { createTestFolder } from '../support/embedded-database.ts'
import { daysAgo, insertAuctions, makeUpAuctions, readAuctions } from '../support/logged-auctions.ts'
import { connect, createTestDatabase, query, type TestDatabase } from '../support/postgres.ts'
import { type PostgresServer, startPostgres } from '../support/postgres-server.ts'
import { hasPostgres } from '../support/services.ts'

const WARM_DAYS = 90
const DUE = daysAgo(WARM_DAYS + 1)
const DAY = new Date(DUE).toISOString().slice(0, 10)
const PARTITION = `auction_log_${DAY.replaceAll('-', '')}`
const FILE = `auctions-${DAY}.parquet`

describe.skipIf(!hasPostgres)('the archive', () => {
  let server: PostgresServer
  let database: TestDatabase
  let folder: Awaited<ReturnType<typeof createTestFolder>>
  let directory: string

  beforeAll(async () => {
    server = await startPostgres()
  })
  afterAll(() => server.dispose())
  beforeEach(async () => {
    database = await createTestDatabase(server.url)
    folder = await createTestFolder()
    directory = join(folder.path, 'archive')
    await migrateUp({ connectionString: database.url })
  })
  afterEach(async () => {
    await database.dispose()
    await folder.dispose()
  })

  async function archive(options: Partial<ArchiveOptions> = {}): Promise<ArchiveStep[]> {
    const steps: ArchiveStep[] = []
    for await (const step of archiveDueDays({ ...defaults(), ...options })) steps.push(step)
    return steps
  }
  function defaults(): ArchiveOptions {
    const { url: connectionString } = database
    return { connectionString, embedded: false, directory, warmDays: WARM_DAYS, coldDays: 2555, nowMs: Date.now() }
  }
  async function logged(): Promise<number> {
    return Number((await query(database.url, 'SELECT count(*) FROM auction_log'))[0]?.count)
  }
  async function archived(name = FILE): Promise<LoggedAuction[]> {
    return (await readAuctions(join(directory, name))).sort((a, b) => (a.id < b.id ? -1 : 1))
  }

  it('should move the days past warm into their files, with everything they have', async () => {
    const due = makeUpAuctions({ count: 3_000, startOfDayMs: DUE })
    const older = makeUpAuctions({ count: 20, startOfDayMs: daysAgo(120), seed: 2 })
    const warm = makeUpAuctions({ count: 10, startOfDayMs: daysAgo(WARM_DAYS), seed: 3 })
    await insertAuctions(database.url, [...due, ...older, ...warm])
    expect(await listDueSteps(defaults())).toEqual([
      { type: 'ARCHIVE', day: new Date(daysAgo(120)).toISOString().slice(0, 10), auctions: 20 },
      { type: 'ARCHIVE', day: DAY, auctions: 3_000 },
    ])

    const steps = await archive()

    expect(steps.map((step) => step.type === 'ARCHIVED' && step.moved)).toEqual([20, 3_000])
    expect(await archived()).toEqual(due)
    expect(await logged()).toBe(10)
    expect(await query(database.url, `SELECT to_regclass('${PARTITION}') AS partition`)).toEqual([{ partition: null }])
    const manifest = JSON.parse(await readFile(join(directory, `auctions-${DAY}.json`), 'utf8'))
    const revenue = due.reduce((sum, { priceMicros }) => sum + priceMicros, 0)
    expect(manifest.sums).toMatchObject({ auctions: '3000', revenueMicros: String(revenue) })
    expect(await archive()).toEqual([])
  })

  it('should order a file by supply, then the newest first, in more than one row group', async () => {
    // Whatever the database's own order is.
    await query(database.url, 'DROP VIEW auction_events')
    await query(database.url, 'ALTER TABLE auction_log ALTER COLUMN supply_id TYPE varchar(128) COLLATE "en-x-icu"')
    await insertAuctions(database.url, makeUpAuctions({ count: 26_000, startOfDayMs: DUE }))
    await archive()

    const auctions = await readAuctions(join(directory, FILE))
    expect(auctions).toHaveLength(26_000)
    const inOrder = auctions.toSorted(
      (a, b) => Buffer.compare(Buffer.from(a.supplyId), Buffer.from(b.supplyId)) || (a.id < b.id ? 1 : -1),
    )
    expect(auctions.findIndex(({ id }, index) => id !== inOrder[index]?.id)).toBe(-1)
  })

  it('should merge what came late for an archived day into a new version of its file', async () => {
    const first = makeUpAuctions({ count: 500, startOfDayMs: DUE })
    await insertAuctions(database.url, first)
    await archive()
    const late = makeUpAuctions({ count: 30, startOfDayMs: DUE, seed: 9 })
    await insertAuctions(database.url, late, true)

    const steps = await archive()

    const all = [...first, ...late].sort((a, b) => (a.id < b.id ? -1 : 1))
    expect(await archived(`auctions-${DAY}.2.parquet`)).toEqual(all)
    expect(steps).toMatchObject([{ type: 'ARCHIVED', day: DAY, moved: 30, file: { auctions: 530 } }])
    expect(await readdir(directory)).toEqual([`auctions-${DAY}.2.json`, `auctions-${DAY}.2.parquet`])
    expect(await logged()).toBe(0)
  })

  it('should count an auction once that is in the file and in the partition', async () => {
    const auctions = makeUpAuctions({ count: 500, startOfDayMs: DUE })
    await insertAuctions(database.url, auctions.slice(0, 300))
    await archive()
    await insertAuctions(database.url, auctions.slice(0, 300))

    expect(await archive()).toMatchObject([{ moved: 300, file: { auctions: 300 } }])
    expect(await readdir(directory)).toEqual([`auctions-${DAY}.json`, FILE])

    await insertAuctions(database.url, auctions)
    expect(await archive()).toMatchObject([{ moved: 500, file: { auctions: 500 } }])
    expect(await archived(`auctions-${DAY}.2.parquet`)).toEqual(auctions)
  })

  it('should drop the partition of a day without auctions, and write no file', async () => {
    await query(database.url, 'SELECT auction_log_make_days($1, 1)', [DAY])

    expect(await archive()).toMatchObject([{ day: DAY, moved: 0 }])
    expect(await readdir(directory)).toEqual([])
  })

  it('should drop nothing where auctions came while the file was written', async () => {
    const auctions = makeUpAuctions({ count: 400, startOfDayMs: DUE })
    await insertAuctions(database.url, auctions.slice(1))
    const writer = await connect(database.url)
    try {
      // Not committed, so not in the file; the archive waits for it, and then finds it.
      await writer.query('BEGIN')
      await writer.query(
        `INSERT INTO ${PARTITION} SELECT started_at, gen_random_uuid(), supply_id, country, tmax_ms, winner_id, price_micros,
           duration_ms, bidder_ids, outcomes, prices_micros, latencies_ms FROM ${PARTITION} LIMIT 1`,
      )
      const archiving = expect(archive()).rejects.toThrow(/has other auctions than were read .*nothing was dropped/)
      await untilWaiting(database.url)
      await writer.query('COMMIT')
      await archiving
    } finally {
      await writer.end()
    }
    expect(await logged()).toBe(400)
    expect(await readdir(directory)).toEqual([])
    expect(await archive()).toMatchObject([{ moved: 400 }])
  })

  it('should name a file that was cut short or altered, and drop nothing', async () => {
    await insertAuctions(database.url, makeUpAuctions({ count: 500, startOfDayMs: DUE }))
    await archive()
    const path = join(directory, FILE)
    const bytes = await readFile(path)
    await insertAuctions(database.url, makeUpAuctions({ count: 5, startOfDayMs: DUE, seed: 2 }), true)

    await truncate(path, bytes.length - 1)
    await expect(archive()).rejects.toThrow(`${path} was altered or cut short (it has`)
    await writeFile(path, bytes.fill(bytes.readUInt8(1_000) ^ 1, 1_000, 1_001))
    await expect(archive()).rejects.toThrow(`${path} was altered or cut short (its checksum is another)`)
    await rm(join(directory, `auctions-${DAY}.json`))
    await expect(archive()).rejects.toThrow(/its manifest \S+ cannot be read/)
    expect(await logged()).toBe(5)
  })

  it('should say that a file is missing', async () => {
    await insertAuctions(database.url, makeUpAuctions({ count: 5, startOfDayMs: DUE }))
    await archive()
    await rm(join(directory, FILE))

    await expect(archive()).rejects.toThrow(`${FILE} is missing in ARCHIVE_DIR ${directory}`)
  })

  it('should remove files past cold', async () => {
    await insertAuctions(database.url, makeUpAuctions({ count: 5, startOfDayMs: DUE }))
    await archive({ coldDays: 91 })
    expect(await readdir(directory)).toHaveLength(2)

    const nowMs = Date.now() + 86_400_000
    expect(await archive({ coldDays: 91, nowMs })).toContainEqual({
      type: 'EXPIRED',
      day: DAY,
      path: join(directory, FILE),
    })
    expect(await readdir(directory)).toEqual([])
    await expect(archive({ coldDays: 89 })).rejects.toThrow('RETENTION_COLD_DAYS=89 cannot be used')
  })

  it('should remove what a killed process has left', async () => {
    await mkdir(directory)
    await writeFile(join(directory, `${FILE}.4711.draft`), 'half')

    await archive()
    expect(await readdir(directory)).toEqual([])
  })

  it('should archive one at a time', async () => {
    const other = await connect(database.url)
    await other.query("SELECT pg_advisory_lock(hashtext('auction_archive'))")
    await expect(archive()).rejects.toThrow('another `auction archive` or a worker is archiving this database')
    await other.end()
  })
})

async function untilWaiting(url: string): Promise<void> {
  for (;;) {
    const rows = await query(
      url,
      "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'LOCK%'",
    )
    if (rows.length > 0) return
  }
}
