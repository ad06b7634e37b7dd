import { execFile, spawnSync } from 'node:child_process'
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { openPostgres } from '../../src/db/database.ts'
import { migrateUp } from '../../src/db/migrations.ts'
import { createTestFolder } from '../support/embedded-database.ts'
import { daysAgo, insertAuctions, makeUpAuctions, readAuctions } from '../support/logged-auctions.ts'
import { makeMigratedDataDir } from '../support/migrated-data-dir.ts'
import { createTestDatabase, query, type TestDatabase } from '../support/postgres.ts'
import { type PostgresServer, startPostgres } from '../support/postgres-server.ts'
import { canMount, hasPostgres } from '../support/services.ts'

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url))
const COMMAND_TIMEOUT_MS = 60_000
const DUE = daysAgo(91)
const DAY = new Date(DUE).toISOString().slice(0, 10)

interface Finished {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

function auction(env: Readonly<Record<string, string>>, ...args: readonly string[]): Promise<Finished> {
  const { PATH = '', HOME = '' } = process.env
  const options = { timeout: COMMAND_TIMEOUT_MS, env: { PATH, HOME, ...env } }
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [MAIN, 'archive', ...args], options, (_error, stdout, stderr) => {
      resolve({ code: child.exitCode ?? -1, stdout, stderr })
    })
  })
}

describe('auction archive', { timeout: 2 * COMMAND_TIMEOUT_MS }, () => {
  let folder: Awaited<ReturnType<typeof createTestFolder>>
  let directory: string

  beforeEach(async () => {
    folder = await createTestFolder()
    directory = join(folder.path, 'archive')
  })
  afterEach(() => folder.dispose())

  it('should archive the embedded database while others use it and leave', async () => {
    const dataDir = join(folder.path, 'data')
    await makeMigratedDataDir(dataDir)
    const postgres = await openPostgres({ databaseUrl: undefined, dataDir }, { command: 'test' })
    try {
      const auctions = makeUpAuctions({ count: 20_000, startOfDayMs: DUE })
      await insertAuctions(postgres.connectionString, auctions)
      let isDone = false
      const archiving = auction({ DATA_DIR: dataDir, ARCHIVE_DIR: directory }).finally(() => {
        isDone = true
      })
      while (!isDone) await query(postgres.connectionString, 'SELECT 1')

      expect(await archiving).toMatchObject({ code: 0, stderr: '' })
      const archived = await readAuctions(join(directory, `auctions-${DAY}.parquet`))
      const ids = auctions.map(({ id }) => id).sort()
      expect(
        archived
          .map(({ id }) => id)
          .sort()
          .findIndex((id, index) => id !== ids[index]),
      ).toBe(-1)
      expect(archived).toHaveLength(20_000)
    } finally {
      await postgres.dispose()
    }
  })

  it('should archive the embedded database, a line for each day, and remove what is past cold', async () => {
    const dataDir = join(folder.path, 'data')
    await makeMigratedDataDir(dataDir)
    const postgres = await openPostgres({ databaseUrl: undefined, dataDir }, { command: 'test' })
    await insertAuctions(postgres.connectionString, makeUpAuctions({ count: 200, startOfDayMs: DUE }))
    await postgres.dispose()
    const env = { DATA_DIR: dataDir, ARCHIVE_DIR: directory }

    const { code, stdout, stderr } = await auction(env)
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout).toMatch(
      new RegExp(`^${DAY}  200 auctions moved to auctions-${DAY}.parquet: [\\d,]+ bytes, [\\d.]+ an auction\n$`),
    )
    expect(await auction({ ...env, RETENTION_COLD_DAYS: '90' })).toEqual({
      code: 0,
      stdout: `${DAY}  past 90 days: auctions-${DAY}.parquet was removed\n`,
      stderr: '',
    })
  })

  it('should do nothing without ARCHIVE_DIR', async () => {
    const stderr =
      'error: ARCHIVE_DIR is not set, so nothing is archived and nothing dropped: set it to the folder of the archive\n'
    expect(await auction({ DATA_DIR: folder.path })).toEqual({ code: 1, stdout: '', stderr })
    expect(await readdir(folder.path)).toEqual([])
  })

  describe.skipIf(!hasPostgres)('on a server', () => {
    let server: PostgresServer
    let database: TestDatabase
    let env: Record<string, string>

    beforeAll(async () => {
      server = await startPostgres()
    })
    afterAll(() => server.dispose())
    beforeEach(async () => {
      database = await createTestDatabase(server.url)
      env = { DATABASE_URL: database.url, ARCHIVE_DIR: directory }
      await migrateUp({ connectionString: database.url })
      await insertAuctions(database.url, makeUpAuctions({ count: 12_000, startOfDayMs: DUE }))
    })
    afterEach(() => database.dispose())

    async function logged(): Promise<number> {
      return Number((await query(database.url, 'SELECT count(*) FROM auction_log'))[0]?.count)
    }

    it('should only say what it would do with --dry-run', async () => {
      const stdout = `${DAY}  12,000 auctions would be archived\n`
      expect(await auction(env, '--dry-run')).toEqual({ code: 0, stdout, stderr: '' })
      expect(await logged()).toBe(12_000)
      expect(await readdir(folder.path)).toEqual([])
    })

    it('should say in one line that the folder cannot be written, and drop nothing', async () => {
      await writeFile(directory, 'a file')
      const { code, stdout, stderr } = await auction(env)
      expect([code, stdout]).toEqual([1, ''])
      expect(stderr).toMatch(
        /^error: ARCHIVE_DIR \S+ cannot be written \(EEXIST[^\n]*\): set it to a folder that this user may write\. What is not archived stays in the database\n$/,
      )
      expect(await logged()).toBe(12_000)
    })

    it.runIf(canMount)('should say in one line that the disk is full, drop nothing, and go on with room', async () => {
      await mkdir(directory)
      expect(spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', directory]).status).toBe(0)
      try {
        const { code, stdout, stderr } = await auction(env)
        expect([code, stdout]).toEqual([1, ''])
        expect(stderr).toMatch(
          /^error: ARCHIVE_DIR \S+ cannot be written \(ENOSPC[^\n]*\): make room there and run this again\. [^\n]*\n$/,
        )
        expect(await logged()).toBe(12_000)
        expect(await readdir(directory)).toEqual([])
        spawnSync('mount', ['-o', 'remount,size=16m', directory])
        expect(await auction(env)).toMatchObject({ code: 0, stderr: '' })
        expect(await logged()).toBe(0)
      } finally {
        spawnSync('umount', [directory])
      }
    })

    it('should say in one line that the database went away, and archive the day the next time', async () => {
      await server.stop()
      const { code, stdout, stderr } = await auction(env)
      await server.start()
      expect([code, stdout]).toEqual([1, ''])
      expect(stderr).toMatch(/^error: PostgreSQL at [^\n]*\n$/)
      await rm(directory, { recursive: true, force: true })
      expect(await auction(env)).toMatchObject({ code: 0, stderr: '' })
      expect((await auction(env)).stdout).toBe('Nothing to archive: no day is past 90 days.\n')
    })
  })
})
