import type pg from 'pg'
import { codeOf, DatabaseError, messageOf } from './database-error.ts'
import { readRecord } from './migration-record.ts'

/**
 * Runs one step of a migration in a transaction that no other migration of this database overlaps, Prisma's neither.
 * @throws DatabaseError MIGRATION_BUSY, MIGRATION_FAILED with the migration's name and what the database said
 */
export async function inMigration(client: pg.Client, name: string, work: () => Promise<void>): Promise<void> {
  try {
    await client.query('BEGIN')
    await client.query(`SET LOCAL lock_timeout = ${MIGRATION_LOCK_TIMEOUT_MS}`)
    await client.query(`SELECT pg_advisory_xact_lock(${PRISMA_MIGRATE_LOCK})`).catch((error) => {
      throw codeOf(error) === LOCK_NOT_AVAILABLE ? busy() : error
    })
    await work()
    await client.query('COMMIT')
  } catch (error) {
    const isRolledBack = await client.query('ROLLBACK').then(
      () => true,
      () => false,
    )
    if (error instanceof DatabaseError) throw error
    throw isRolledBack ? await failed(client, name, error) : interrupted(name, error)
  }
}

export function halfDone(name: string, error?: unknown): DatabaseError {
  const what =
    error === undefined ? 'has failed before' : `failed after it had committed by itself (${messageOf(error)})`
  const remedy = `put the database right, then run \`npx prisma migrate resolve --applied ${name}\` or \`--rolled-back ${name}\``
  return new DatabaseError('MIGRATION_FAILED', `${name} ${what} and may be half done: ${remedy}`)
}

async function failed(client: pg.Client, name: string, error: unknown): Promise<DatabaseError> {
  const record = await readRecord(client)
  if (record.some((row) => row.migration_name === name && row.finished_at === null)) return halfDone(name, error)
  const needsNoTransaction = codeOf(error) === ACTIVE_SQL_TRANSACTION
  const remedy = needsNoTransaction ? ': a migration is one transaction, so run this by hand before it' : ''
  const message = `${name} failed and was rolled back, nothing of it is left: ${messageOf(error)}${remedy}`
  return new DatabaseError('MIGRATION_FAILED', message, { cause: error })
}

function interrupted(name: string, error: unknown): DatabaseError {
  const message = `the connection was lost during ${name} (${messageOf(error)}): see \`auction migrate status\`, then run this again`
  return new DatabaseError('MIGRATION_FAILED', message, { cause: error })
}

function busy(): DatabaseError {
  const message = `another process has been migrating this database for ${MIGRATION_LOCK_TIMEOUT_MS / 1000} s: try again when it is done`
  return new DatabaseError('MIGRATION_BUSY', message)
}

/** How long to wait for another process that is migrating, or using a table to be changed, in milliseconds. */
const MIGRATION_LOCK_TIMEOUT_MS = 30_000
/** The advisory lock that Prisma Migrate takes, so that `prisma migrate` and this take turns. */
const PRISMA_MIGRATE_LOCK = 72_707_369

const LOCK_NOT_AVAILABLE = '55P03'
/** PostgreSQL refuses a statement inside a transaction, such as CREATE INDEX CONCURRENTLY. */
const ACTIVE_SQL_TRANSACTION = '25001'
