import type pg from 'pg'
import { codeOf, DatabaseError, messageOf } from './database-error.ts'
import { MIGRATIONS_DIR, type Migration, matchesChecksum, readMigrations, toMigrationList } from './migration-files.ts'
import { createSchemaEnginePool, openSchemaEngine } from './schema-engine.ts'
import { unreachable } from './unavailable.ts'

/** How long to wait for another process that is migrating the same database, in milliseconds. */
export const MIGRATION_LOCK_TIMEOUT_MS = 30_000
const CONNECT_TIMEOUT_MS = 5_000
/** The advisory lock that Prisma Migrate takes, so that `prisma migrate` and this take turns. */
const PRISMA_MIGRATE_LOCK = 72_707_369

const LOCK_NOT_AVAILABLE = '55P03'

/** The revision before the first migration. */
export const BASE = 'base'

export interface MigrationState {
  readonly name: string
  /** Undefined: not applied. */
  readonly appliedAt: Date | undefined
}

export interface MigrateOptions {
  readonly connectionString: string
  readonly directory?: string
}

/** How far to go; one of them at most. */
export interface MigrateStepsOptions extends MigrateOptions {
  readonly steps?: number | undefined
  /** A migration's name or an unambiguous beginning of it; `base` for before the first. */
  readonly to?: string | undefined
}

/**
 * Every migration in order, and when it was applied.
 * @throws DatabaseError MIGRATION_DIVERGED, MIGRATION_FAILED, DATABASE_UNREACHABLE
 */
export async function readMigrationStates(options: MigrateOptions): Promise<MigrationState[]> {
  return withPool(options, async (pool) => readStates(pool, await readMigrations(options.directory)))
}

/**
 * Sees that nothing is left to apply. A database that is ahead of this program is fine: while a new version is rolled
 * out, it is.
 * @throws DatabaseError MIGRATION_PENDING, DATABASE_UNREACHABLE
 */
export async function assertMigrated(options: MigrateOptions): Promise<void> {
  const applied = await withPool(options, readApplied)
  const names = applied.filter(({ finished_at }) => finished_at !== null).map(({ migration_name }) => migration_name)
  const pending = (await readMigrations(options.directory)).filter(({ name }) => !names.includes(name))
  if (pending.length === 0) return
  const message = `the database lacks ${pending.map(({ name }) => name).join(', ')}: run \`auction migrate up\``
  throw new DatabaseError('MIGRATION_PENDING', message)
}

/**
 * Applies what is not applied yet, by Prisma's schema engine: everything, or as many steps, or up to a migration. Each
 * step is a transaction. Where several processes do this at once, one does and the others find it done.
 * @returns the names of the migrations that this call has applied
 * @throws DatabaseError MIGRATION_DIVERGED, MIGRATION_FAILED, MIGRATION_BUSY, MIGRATION_NOT_FOUND, DATABASE_UNREACHABLE
 */
export async function migrateUp(options: MigrateStepsOptions): Promise<string[]> {
  const { directory = MIGRATIONS_DIR, steps, to } = options
  const migrations = await readMigrations(directory)
  const last = to === undefined ? migrations.length - 1 : findMigration(migrations, to)
  return withPool(options, async (pool) => {
    const states = await readStates(pool, migrations)
    const pending = states.slice(0, last + 1).filter(({ appliedAt }) => appliedAt === undefined)
    const applied: string[] = []
    for (const { name } of pending.slice(0, steps)) {
      const list = toMigrationList(directory, migrations.slice(0, migrations.findIndex((m) => m.name === name) + 1))
      await inStep(pool, migrations, name, async (states) => {
        if (states.find((state) => state.name === name)?.appliedAt !== undefined) return
        const { engine, explain, dispose } = await openSchemaEngine({ pool })
        try {
          const filters = { externalTables: [], externalEnums: [] }
          const { appliedMigrationNames } = await engine.applyMigrations({ migrationsList: list, filters })
          applied.push(...appliedMigrationNames)
        } catch (error) {
          throw explain(error)
        } finally {
          await dispose()
        }
      })
    }
    return applied
  })
}

/**
 * What `migrateDown` would undo, the newest first: the last one, or as many steps, or all after a migration.
 * @throws DatabaseError as `migrateUp`
 */
export async function planMigrateDown(options: MigrateStepsOptions): Promise<string[]> {
  const migrations = await readMigrations(options.directory)
  return withPool(options, async (pool) => planDown(await readStates(pool, migrations), migrations, options))
}

/**
 * Undoes migrations, as `planMigrateDown` names them, by their down.sql, which usually drops data, and takes them off
 * Prisma's record. Each step is a transaction. What another process has undone in the meantime is left as it is.
 * @returns the names of the migrations undone, the newest first
 * @throws DatabaseError as `migrateUp`
 */
export async function migrateDown(options: MigrateOptions & { readonly names: readonly string[] }): Promise<string[]> {
  const migrations = await readMigrations(options.directory)
  return withPool(options, async (pool) => {
    const undone: string[] = []
    for (const name of options.names) {
      const script = migrations.find((migration) => migration.name === name)?.down
      if (script === undefined) {
        throw new DatabaseError('MIGRATION_NOT_FOUND', `${name} cannot be undone: it has no down.sql`)
      }
      await inStep(pool, migrations, name, async (states) => {
        if (states.find((state) => state.name === name)?.appliedAt === undefined) return
        await pool.query(script)
        await pool.query('DELETE FROM _prisma_migrations WHERE migration_name = $1', [name])
        undone.push(name)
      })
    }
    return undone
  })
}

function planDown(
  states: readonly MigrationState[],
  migrations: readonly Migration[],
  { steps, to }: MigrateStepsOptions,
): string[] {
  const kept = to === undefined ? 0 : findMigration(migrations, to) + 1
  const applied = states.slice(kept).filter(({ appliedAt }) => appliedAt !== undefined)
  const names = applied.map(({ name }) => name).reverse()
  return names.slice(0, to === undefined ? (steps ?? 1) : steps)
}

/** The index of the migration; -1 for `base`. */
function findMigration(migrations: readonly Migration[], beginning: string): number {
  if (beginning === BASE) return -1
  const names = migrations.map(({ name }) => name)
  const exact = names.indexOf(beginning)
  if (exact !== -1) return exact
  const found = names.filter((name) => name.startsWith(beginning))
  if (found.length === 1) return names.indexOf(String(found[0]))
  const problem = found.length === 0 ? 'no migration begins' : `${found.length} migrations begin`
  const choice = (found.length === 0 ? names : found).join(', ') || 'none'
  throw new DatabaseError('MIGRATION_NOT_FOUND', `${problem} with ${JSON.stringify(beginning)}; there is: ${choice}`)
}

interface AppliedRow {
  readonly migration_name: string
  readonly checksum: string
  readonly finished_at: Date | null
}

/** Compares the folder with Prisma's record. */
async function readStates(pool: pg.Pool, migrations: readonly Migration[]): Promise<MigrationState[]> {
  const rows = await readApplied(pool)
  for (const { migration_name: name, checksum, finished_at } of rows) {
    if (finished_at === null) throw halfDone(name)
    const migration = migrations.find((candidate) => candidate.name === name)
    if (migration === undefined) throw unknownMigration(name)
    if (!matchesChecksum(migration.up, checksum)) throw edited(name)
  }
  return migrations.map(({ name }) => ({
    name,
    appliedAt: rows.find((row) => row.migration_name === name)?.finished_at ?? undefined,
  }))
}

async function readApplied(pool: pg.Pool): Promise<AppliedRow[]> {
  // Asked for first, since a failed query would end the transaction that this may be part of.
  const table = await pool.query<{ exists: boolean }>(`SELECT to_regclass('_prisma_migrations') IS NOT NULL AS exists`)
  if (table.rows[0]?.exists !== true) return []
  const { rows } = await pool.query<AppliedRow>(
    `SELECT migration_name, checksum, finished_at FROM _prisma_migrations
     WHERE rolled_back_at IS NULL ORDER BY started_at, migration_name`,
  )
  return rows
}

/** Runs a step in a transaction that no other migration overlaps; `work` learns the states as of then. */
async function inStep(
  pool: pg.Pool,
  migrations: readonly Migration[],
  name: string,
  work: (states: readonly MigrationState[]) => Promise<void>,
): Promise<void> {
  await pool.query('BEGIN')
  try {
    await pool.query(`SET LOCAL lock_timeout = ${MIGRATION_LOCK_TIMEOUT_MS}`)
    await pool.query(`SELECT pg_advisory_xact_lock(${PRISMA_MIGRATE_LOCK})`)
    await work(await readStates(pool, migrations))
    await pool.query('COMMIT')
  } catch (error) {
    await pool.query('ROLLBACK').catch(() => {})
    if (error instanceof DatabaseError) throw error
    throw codeOf(error) === LOCK_NOT_AVAILABLE ? busy() : failed(name, error)
  }
}

/** One connection, which is closed afterwards; also what holds the locks that the engine takes for a session. */
async function withPool<T>(options: MigrateOptions, work: (pool: pg.Pool) => Promise<T>): Promise<T> {
  const pool = createSchemaEnginePool(options.connectionString, CONNECT_TIMEOUT_MS)
  try {
    await pool.query('SELECT 1').catch((error) => {
      throw unreachable(options.connectionString, error)
    })
    return await work(pool)
  } finally {
    await pool.end()
  }
}

function halfDone(name: string): DatabaseError {
  const remedy = `put the database right, then run \`npx prisma migrate resolve --applied ${name}\` or \`--rolled-back ${name}\``
  return new DatabaseError('MIGRATION_FAILED', `${name} has failed before and may be half done: ${remedy}`)
}

function unknownMigration(name: string): DatabaseError {
  const remedy = 'use the version of this program that has it, or bring its folder back'
  return new DatabaseError('MIGRATION_DIVERGED', `the database has ${name}, which prisma/migrations lacks: ${remedy}`)
}

function edited(name: string): DatabaseError {
  const remedy = 'bring the file back as it was, and make the change in a new migration'
  return new DatabaseError('MIGRATION_DIVERGED', `${name}/migration.sql was changed after it was applied: ${remedy}`)
}

function busy(): DatabaseError {
  const message = `another process has been migrating this database for ${MIGRATION_LOCK_TIMEOUT_MS / 1000} s: try again when it is done`
  return new DatabaseError('MIGRATION_BUSY', message)
}

function failed(name: string, error: unknown): DatabaseError {
  const message = `${name} failed and was rolled back, nothing of it is left: ${messageOf(error)}`
  return new DatabaseError('MIGRATION_FAILED', message, { cause: error })
}
