import type pg from 'pg'
import { codeOf } from '../db/database-error.ts'

/**
 * Writes supplies and links without their indexes and keys, which are then made anew: for millions of new rows a tenth of
 * the work. Nobody can query them until the transaction's end. Where others use the tables, where they are not this
 * user's or where something else hangs on them, the work is done with all in place.
 */
export async function inBulk<T>(client: pg.Client, work: () => Promise<T>): Promise<T> {
  const definitions = await readDefinitions(client)
  if (!(await dropped(client, definitions))) return work()
  const result = await work()
  for (const { make } of definitions) await client.query(make)
  return result
}

/** How long others may use the tables before they are left as they are, which keeps those waiting that come after. */
const LOCK_TIMEOUT_MS = 1_000
const LOCK_NOT_AVAILABLE = '55P03'
const INSUFFICIENT_PRIVILEGE = '42501'
const DEPENDENT_OBJECTS = '2BP01'
const REASONS = [LOCK_NOT_AVAILABLE, INSUFFICIENT_PRIVILEGE, DEPENDENT_OBJECTS]

interface Definition {
  readonly drop: string
  readonly make: string
}

/** In the order in which they can be made: primary keys, other indexes, foreign keys. */
async function readDefinitions(client: pg.Client): Promise<Definition[]> {
  const { rows } = await client.query<Definition>(`
    SELECT
      format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname) AS drop,
      format('ALTER TABLE %s ADD CONSTRAINT %I %s', conrelid::regclass, conname, pg_get_constraintdef(oid)) AS make,
      CASE contype WHEN 'p' THEN 1 ELSE 3 END AS place
    FROM pg_constraint
    WHERE (conrelid, contype) IN (('supplies'::regclass, 'p'), ('supply_bidder'::regclass, 'p'), ('supply_bidder'::regclass, 'f'))
    UNION ALL
    SELECT format('DROP INDEX %s', indexrelid::regclass), pg_get_indexdef(indexrelid), 2
    FROM pg_index
    WHERE indrelid = 'supply_bidder'::regclass AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
    ORDER BY place`)
  return rows
}

async function dropped(client: pg.Client, definitions: readonly Definition[]): Promise<boolean> {
  await client.query(`SAVEPOINT with_indexes; SET LOCAL lock_timeout = ${LOCK_TIMEOUT_MS}`)
  try {
    for (const { drop } of definitions.toReversed()) await client.query(drop)
    await client.query('SET LOCAL lock_timeout TO DEFAULT; RELEASE SAVEPOINT with_indexes')
    return true
  } catch (error) {
    if (!REASONS.includes(codeOf(error) ?? '')) throw error
    await client.query('ROLLBACK TO SAVEPOINT with_indexes')
    return false
  }
}
