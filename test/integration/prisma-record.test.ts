import { execFile } from 'node:child_process'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type EmbeddedDatabase, openEmbedded, SERVE_COMMAND } from '../../src/db/embedded/embedded.ts'
import { readMigrations } from '../../src/db/migration-files.ts'
import { migrateUp, readMigrationStates } from '../../src/db/migrations.ts'
import { createDisposer, type Disposer } from '../../src/disposer.ts'
import { EXTERNAL_TABLES } from '../../tools/external-tables.ts'
import { copyCheckout } from '../support/checkout.ts'
import { createTestFolder } from '../support/embedded-database.ts'
import { createTestDatabase, query } from '../support/postgres.ts'
import { startPostgres } from '../support/postgres-server.ts'
import { hasPostgres, hasScript } from '../support/services.ts'

const PRISMA = fileURLToPath(new URL('../../node_modules/.bin/prisma', import.meta.url))
/** Each test starts the Prisma CLI several times, one after the other. */
const TIMEOUT_MS = 180_000
const DRIFT = ['migrate', 'diff', '--from-migrations', 'prisma/migrations', '--to-config-datasource', '--exit-code']
const TO_SCHEMA = [
  ...DRIFT.slice(0, 2),
  '--from-config-datasource',
  '--to-schema',
  'prisma/schema.prisma',
  '--exit-code',
]

interface Outcome {
  readonly code: number
  readonly output: string
}

/** A checkout whose files a test may change, and a database. */
interface Bed {
  readonly url: string
  readonly env: Readonly<Record<string, string>>
  dispose(): Promise<void>
}

describe('on the embedded database', () => {
  describeRecord('embedded', async (folder) => {
    const dataDir = join(folder, 'data')
    const database: EmbeddedDatabase = await openEmbedded({ dataDir, command: SERVE_COMMAND })
    return { url: database.connectionString, env: { DATA_DIR: dataDir }, dispose: () => database.dispose() }
  })
})

describe.runIf(hasPostgres)('on a server', () => {
  describeRecord('server', async () => {
    const server = await startPostgres()
    const { url } = await createTestDatabase(server.url)
    return { url, env: { DATABASE_URL: url }, dispose: () => server.dispose() }
  })
})

/** What both databases must show; the server, which is quicker, all the rest. */
function describeRecord(kind: 'embedded' | 'server', open: (folder: string) => Promise<Bed>): void {
  let disposer: Disposer
  let checkout: string
  let bed: Bed
  let target: { connectionString: string; directory: string }

  beforeEach(async () => {
    disposer = createDisposer()
    const folder = await createTestFolder()
    disposer.add(() => folder.dispose())
    checkout = join(folder.path, 'checkout')
    await mkdir(checkout)
    await copyCheckout(checkout)
    bed = await open(folder.path)
    disposer.add(() => bed.dispose())
    target = { connectionString: bed.url, directory: join(checkout, 'prisma/migrations') }
  })
  afterEach(() => disposer.dispose())

  function prisma(...args: string[]): Promise<Outcome> {
    return run(PRISMA, args)
  }

  function run(program: string, args: readonly string[]): Promise<Outcome> {
    const { PATH = '', HOME = '' } = process.env
    return new Promise((resolve) => {
      const env = { PATH, HOME, CHECKPOINT_DISABLE: '1', ...bed.env }
      const child = execFile(program, args, { cwd: checkout, env }, (_error, stdout, stderr) =>
        resolve({ code: child.exitCode ?? -1, output: stdout + stderr }),
      )
      child.stdin?.end()
    })
  }

  async function addMigration(name: string, script: string): Promise<void> {
    await mkdir(join(target.directory, name), { recursive: true })
    await writeFile(join(target.directory, name, 'migration.sql'), script)
  }

  /** Prisma's table, its columns, and what it says, but for ids and times. */
  async function describeRecordTable(): Promise<unknown> {
    const columns = await query(
      bed.url,
      `SELECT column_name, data_type, character_maximum_length, is_nullable, column_default, ordinal_position
       FROM information_schema.columns WHERE table_name = '_prisma_migrations' ORDER BY ordinal_position`,
    )
    const constraints = await query(
      bed.url,
      `SELECT conname, pg_get_constraintdef(oid) AS definition FROM pg_constraint
       WHERE conrelid = '_prisma_migrations'::regclass AND contype <> 'n' ORDER BY 1`,
    )
    const rows = await query(
      bed.url,
      `SELECT migration_name, checksum, logs, rolled_back_at, applied_steps_count, length(id) AS id_length,
              started_at <= finished_at AND finished_at <= clock_timestamp() AS in_order
       FROM _prisma_migrations ORDER BY started_at`,
    )
    return { columns, constraints, rows }
  }

  it('should be what Prisma writes, and find nothing to do after each other', { timeout: TIMEOUT_MS }, async () => {
    await migrateUp(target)
    const ours = await describeRecordTable()
    expect((await prisma('migrate', 'deploy')).output).toContain('No pending migrations to apply.')
    expect(await describeRecordTable()).toEqual(ours)

    await query(bed.url, 'DROP SCHEMA public CASCADE')
    await query(bed.url, 'CREATE SCHEMA public')
    expect((await prisma('migrate', 'deploy')).code).toBe(0)
    expect(await describeRecordTable()).toEqual(ours)
    expect(await migrateUp(target)).toEqual([])
  })

  if (kind === 'embedded') return

  it('should pass over tables that are named as not Prisma’s, and no others', { timeout: TIMEOUT_MS }, async () => {
    const external = join(checkout, 'tools/external-tables.ts')
    const nameAlso = (tables: string[]) =>
      writeFile(
        external,
        `export const EXTERNAL_TABLES: readonly string[] = ${JSON.stringify([...EXTERNAL_TABLES, ...tables])}\n`,
      )
    await migrateUp(target)
    // A day of the auction log that the service has made.
    await query(bed.url, `SELECT auction_log_make_days('2020-01-01', 2)`)
    expect(await prisma(...TO_SCHEMA)).toMatchObject({ code: 0, output: expect.stringContaining('No difference') })
    await query(
      bed.url,
      `CREATE TABLE auctions (id int, at date) PARTITION BY RANGE (at);
       CREATE TABLE auctions_1 PARTITION OF auctions FOR VALUES FROM ('2026-01-01') TO ('2026-01-02');
       CREATE TABLE other (id int)`,
    )
    await nameAlso(['public.auctions'])
    const drift = await prisma(...DRIFT)
    expect(drift).toMatchObject({ code: 2, output: expect.stringContaining('other') })
    expect(drift.output).not.toContain('auctions')
    await nameAlso(['public.auctions', 'public.other'])
    expect(await prisma(...DRIFT)).toMatchObject({ code: 0, output: expect.stringContaining('No difference') })
  })

  it('should refuse what Prisma has left half done, until that is resolved', { timeout: TIMEOUT_MS }, async () => {
    await migrateUp(target)
    const name = '30000101000000_bad'
    await addMigration(name, 'SELECT 1 / 0;')
    expect((await prisma('migrate', 'deploy')).output).toContain('division by zero')
    for (const attempt of [migrateUp, readMigrationStates]) {
      await expect(attempt(target)).rejects.toMatchObject({
        code: 'MIGRATION_FAILED',
        message: expect.stringContaining(
          `${name} has failed before and may be half done: put the database right, then run`,
        ),
      })
    }
    expect((await prisma('migrate', 'resolve', '--rolled-back', name)).code).toBe(0)
    await addMigration(name, 'SELECT 1;')
    expect(await migrateUp(target)).toEqual([name])
    expect((await prisma('migrate', 'status')).output).toContain('Database schema is up to date!')
  })

  it('should tell Prisma of a file that was changed since, too', { timeout: TIMEOUT_MS }, async () => {
    await migrateUp(target)
    const name = (await readMigrations(target.directory)).at(-1)?.name ?? ''
    const file = join(target.directory, name, 'migration.sql')
    await writeFile(file, `${await readFile(file, 'utf8')}-- changed\n`)
    await expect(migrateUp(target)).rejects.toMatchObject({
      code: 'MIGRATION_DIVERGED',
      message: `${name}/migration.sql was changed after it was applied: bring the file back as it was, and make the change in a new migration`,
    })
    const { output } = await run('script', ['-qec', `${PRISMA} migrate dev`, '/dev/null'])
    if (hasScript) expect(output).toMatch(/modified after (it was|they were) applied/)
  })

  it.runIf(hasScript)('should let `prisma migrate dev` go on from it', { timeout: TIMEOUT_MS }, async () => {
    const dev = (...args: string[]) =>
      run('script', ['-qec', [PRISMA, 'migrate', 'dev', ...args].join(' '), '/dev/null'])
    await migrateUp({ ...target, steps: 1 })
    const schema = join(checkout, 'prisma/schema.prisma')
    await writeFile(schema, `${await readFile(schema, 'utf8')}\nmodel Extra {\n  id Int @id\n}\n`)
    expect((await dev('--name', 'extra')).output).toContain('Your database is now in sync with your schema.')
    const written = (await readMigrations(target.directory)).at(-1)
    expect(written?.name).toMatch(/_extra$/)
    // Between the migrations and the schema as they were, it has found nothing.
    expect(written?.up.match(/^\w+ .*/gm)).toEqual(['CREATE TABLE "Extra" ('])
    expect(await migrateUp(target)).toEqual([])
    expect(await query(bed.url, 'SELECT * FROM "Extra"')).toEqual([])
  })

  it('should write no migration that drops a table so named', { timeout: TIMEOUT_MS }, async () => {
    const write = () => run(process.execPath, ['--import', 'tsx', 'tools/new-migration.ts', 'next'])
    await addMigration('30000101000000_auctions', 'CREATE TABLE auctions (id int);')
    await writeFile(
      join(checkout, 'tools/external-tables.ts'),
      "export const EXTERNAL_TABLES: readonly string[] = ['public.auction_log', 'public.auctions']\n",
    )
    expect((await write()).output).toContain('Nothing to do')
    await writeFile(
      join(checkout, 'tools/external-tables.ts'),
      "export const EXTERNAL_TABLES: readonly string[] = ['public.auction_log']\n",
    )
    expect((await write()).output).toContain('Wrote ')
    const last = (await readMigrations(target.directory)).find(({ name }) => name.endsWith('_next'))
    expect(last?.up).toContain('DROP TABLE "auctions"')
  })
}
