import { randomUUID } from 'node:crypto'
import type pg from 'pg'
import { sha256 } from './migration-files.ts'

/** What Prisma's record says of a migration that was begun and not taken back. */
export interface RecordedMigration {
  readonly migration_name: string
  readonly checksum: string
  /** Null: it has failed half way, or is being applied. */
  readonly finished_at: Date | null
}

/** Every migration of the record, in the order in which they were begun. */
export async function readRecord(client: pg.Client): Promise<RecordedMigration[]> {
  // Asked for first, since a failed query would end the transaction that this may be part of; and not by to_regclass,
  // which in a transaction may answer from before another process has made the table.
  const table = await client.query<{ exists: boolean }>(
    `SELECT EXISTS (SELECT FROM pg_class WHERE relname = '_prisma_migrations' AND pg_table_is_visible(oid)) AS exists`,
  )
  if (table.rows[0]?.exists !== true) return []
  const { rows } = await client.query<RecordedMigration>(
    `SELECT migration_name, checksum, finished_at FROM _prisma_migrations
     WHERE rolled_back_at IS NULL ORDER BY started_at, migration_name`,
  )
  return rows
}

/** Writes down that a migration is being applied, as Prisma does it; gives the entry's id. */
export async function recordStart(client: pg.Client, name: string, script: string): Promise<string> {
  await client.query(CREATE_TABLE)
  const id = randomUUID()
  await client.query(
    `INSERT INTO _prisma_migrations (id, checksum, logs, migration_name, started_at) VALUES ($1, $2, NULL, $3, clock_timestamp())`,
    [id, sha256(script), name],
  )
  return id
}

export async function recordFinish(client: pg.Client, id: string): Promise<void> {
  await client.query(
    'UPDATE _prisma_migrations SET finished_at = clock_timestamp(), applied_steps_count = 1 WHERE id = $1',
    [id],
  )
}

export async function removeRecord(client: pg.Client, name: string): Promise<void> {
  await client.query('DELETE FROM _prisma_migrations WHERE migration_name = $1', [name])
}

/** Prisma's own words, so that it finds the table as it would have made it. */
const CREATE_TABLE = `CREATE TABLE IF NOT EXISTS _prisma_migrations (
    id                      VARCHAR(36) PRIMARY KEY NOT NULL,
    checksum                VARCHAR(64) NOT NULL,
    finished_at             TIMESTAMPTZ,
    migration_name          VARCHAR(255) NOT NULL,
    logs                    TEXT,
    rolled_back_at          TIMESTAMPTZ,
    started_at              TIMESTAMPTZ NOT NULL DEFAULT now(),
    applied_steps_count     INTEGER NOT NULL DEFAULT 0
)`
