import pg from 'pg'
import { DatabaseError } from './database-error.ts'
import { type Migration, matchesChecksum, readMigrations } from './migration-files.ts'
import { readRecord, recordFinish, recordStart, removeRecord } from './migration-record.ts'
import { halfDone, inMigration } from './migration-transaction.ts'
import { unreachable } from './unavailable.ts'

const CONNECT_TIMEOUT_MS = 5_000

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
  return withClient(options, async (client) => readStates(client, await readMigrations(options.directory)))
}

/**
 * Sees that nothing is left to apply. A database that is ahead of this program is fine: while a new version is rolled
 * out, it is.
 * @throws DatabaseError MIGRATION_PENDING, DATABASE_UNREACHABLE
 */
export async function assertMigrated(options: MigrateOptions): Promise<void> {
  const applied = await withClient(options, readRecord)
  const names = applied.filter(({ finished_at }) => finished_at !== null).map(({ migration_name }) => migration_name)
  const pending = (await readMigrations(options.directory)).filter(({ name }) => !names.includes(name))
  if (pending.length === 0) return
  const message = `the database lacks ${pending.map(({ name }) => name).join(', ')}: run \`auction migrate up\``
  throw new DatabaseError('MIGRATION_PENDING', message)
}

/**
 * Applies what is not applied yet: everything, or as many steps, or up to a migration. Each step is a transaction of
 * migration.sql and Prisma's record of it. Where several processes do this at once, one does and the others find it done.
 * @returns the names of the migrations that this call has applied
 * @throws DatabaseError MIGRATION_DIVERGED, MIGRATION_FAILED, MIGRATION_BUSY, MIGRATION_NOT_FOUND, DATABASE_UNREACHABLE
 */
export async function migrateUp(options: MigrateStepsOptions): Promise<string[]> {
  const { steps, to } = options
  const migrations = await readMigrations(options.directory)
  const last = to === undefined ? migrations.length - 1 : findMigration(migrations, to)
  return withClient(options, async (client) => {
    const applied = appliedNames(await readStates(client, migrations))
    const pending = migrations.slice(0, last + 1).filter(({ name }) => !applied.includes(name))
    const done: string[] = []
    for (const { name, up } of pending.slice(0, steps)) {
      await inMigration(client, name, async () => {
        if (appliedNames(await readStates(client, migrations)).includes(name)) return
        // Before the script: one that commits by itself and then fails is on record as half done.
        const id = await recordStart(client, name, up)
        await client.query(up)
        await recordFinish(client, id)
        done.push(name)
      })
    }
    return done
  })
}

/**
 * What `migrateDown` would undo, the newest first: the last one, or as many steps, or all after a migration.
 * @throws DatabaseError as `migrateUp`
 */
export async function planMigrateDown(options: MigrateStepsOptions): Promise<string[]> {
  const migrations = await readMigrations(options.directory)
  return withClient(options, async (client) => planDown(await readStates(client, migrations), migrations, options))
}

/**
 * Undoes migrations, as `planMigrateDown` names them, by their down.sql, which usually drops data, and takes them off
 * Prisma's record. Each step is a transaction. What another process has undone in the meantime is left as it is.
 * @returns the names of the migrations undone, the newest first
 * @throws DatabaseError as `migrateUp`
 */
export async function migrateDown(options: MigrateOptions & { readonly names: readonly string[] }): Promise<string[]> {
  const migrations = await readMigrations(options.directory)
  return withClient(options, async (client) => {
    const undone: string[] = []
    for (const name of options.names) {
      const script = migrations.find((migration) => migration.name === name)?.down
      if (script === undefined) {
        throw new DatabaseError('MIGRATION_NOT_FOUND', `${name} cannot be undone: it has no down.sql`)
      }
      await inMigration(client, name, async () => {
        if (!appliedNames(await readStates(client, migrations)).includes(name)) return
        await client.query(script)
        await removeRecord(client, name)
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
  const names = appliedNames(states.slice(kept)).reverse()
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

function appliedNames(states: readonly MigrationState[]): string[] {
  return states.filter(({ appliedAt }) => appliedAt !== undefined).map(({ name }) => name)
}

/** Compares the folder with Prisma's record. */
async function readStates(client: pg.Client, migrations: readonly Migration[]): Promise<MigrationState[]> {
  const rows = await readRecord(client)
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

/** One connection, closed afterwards: transactions and locks belong to it. */
async function withClient<T>(options: MigrateOptions, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const { connectionString } = options
  const client = new pg.Client({
    connectionString,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    application_name: 'auction migrate',
  })
  // Queries fail as well where the connection does.
  client.on('error', () => {})
  try {
    await client.connect().catch((error) => {
      throw unreachable(connectionString, error)
    })
    return await work(client)
  } finally {
    await client.end().catch(() => {})
  }
}

function unknownMigration(name: string): DatabaseError {
  const remedy = 'use the version of this program that has it, or bring its folder back'
  return new DatabaseError('MIGRATION_DIVERGED', `the database has ${name}, which prisma/migrations lacks: ${remedy}`)
}

function edited(name: string): DatabaseError {
  const remedy = 'bring the file back as it was, and make the change in a new migration'
  return new DatabaseError('MIGRATION_DIVERGED', `${name}/migration.sql was changed after it was applied: ${remedy}`)
}
