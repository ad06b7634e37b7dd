import type pg from 'pg'
import { createPgClient } from '../../db/client.ts'
import { type ArchivedDay, archiveDay } from './archive-day.ts'
import { listFiles, lostFiles, prepareDirectory, removeFile, removeLeftovers, writing } from './archive-dir.ts'
import { ArchiveError } from './archive-error.ts'
import { DAY_MS, type Day, dayOf, isPast, startOf } from './day.ts'

export interface ArchiveOptions {
  readonly connectionString: string
  /** PGlite, whose clients share a session. */
  readonly embedded: boolean
  /** Made where it is missing. */
  readonly directory: string
  /** Days that stay in the database after they have ended. */
  readonly warmDays: number
  /** Days after whose end a day's file is removed; not less than `warmDays`. */
  readonly coldDays: number
  /** Milliseconds since 1970. */
  readonly nowMs: number
  /** Ends it at once: the day under way stays in the database. */
  readonly signal?: AbortSignal
}

/** What was done, one thing after the other. */
export type ArchiveStep =
  | ({ readonly type: 'ARCHIVED' } & ArchivedDay)
  | { readonly type: 'EXPIRED'; readonly day: Day; readonly path: string }

/** What is to be done: the auctions of a day that are in the database, or a file that is to be removed. */
export type DueStep =
  | { readonly type: 'ARCHIVE'; readonly day: Day; readonly auctions: number }
  | { readonly type: 'EXPIRE'; readonly day: Day; readonly path: string }

/**
 * Moves every day that is past warm from the database into its file, the oldest first, and removes files that are past
 * cold. What came late for a day that was moved before joins its file. One process does so at a time; killed anywhere, the next run goes on.
 * @throws ArchiveError where a day cannot be moved; it, and the days after it, stay in the database
 */
export async function* archiveDueDays(options: ArchiveOptions): AsyncGenerator<ArchiveStep> {
  const { embedded, directory, warmDays, coldDays, nowMs, signal } = options
  checkRetention(options)
  const client = await connect(options)
  const stop = () => void client.end().catch(() => {})
  signal?.addEventListener('abort', stop)
  try {
    await takeTurn(client)
    await writing(directory, async () => {
      await prepareDirectory(directory)
      await removeLeftovers(directory)
    })
    await giveStraysTheirDays(client, startOf(dayOf(nowMs)) - warmDays * DAY_MS)
    const files = new Map((await listFiles(directory)).map((file) => [file.day, file]))
    for (const day of await partitionedDays(client)) {
      if (!isPast(day, warmDays, nowMs)) continue
      const archived = await archiveDay({ client, embedded, directory, day, previous: files.get(day) })
      const { replaced } = archived
      if (replaced) await writing(directory, () => removeFile(replaced))
      yield { type: 'ARCHIVED', ...archived }
    }
    for (const file of (await listFiles(directory)).reverse()) {
      if (!isPast(file.day, coldDays, nowMs)) continue
      await writing(directory, () => removeFile(file))
      yield { type: 'EXPIRED', day: file.day, path: file.path }
    }
    const [lost] = await lostFiles(directory)
    if (lost !== undefined) throw new ArchiveError('ARCHIVE_FILE_DAMAGED', lostMessage(directory, lost))
  } finally {
    signal?.removeEventListener('abort', stop)
    await client.end().catch(() => {})
  }
}

/** What `archiveDueDays` would do. Changes nothing. */
export async function listDueSteps(options: ArchiveOptions): Promise<DueStep[]> {
  const { directory, warmDays, coldDays, nowMs } = options
  checkRetention(options)
  const client = await connect(options)
  try {
    const steps: DueStep[] = []
    const before = startOf(dayOf(nowMs)) - warmDays * DAY_MS
    const days = new Set([...(await partitionedDays(client)), ...(await strayDays(client, before))])
    for (const day of [...days].sort().filter((day) => isPast(day, warmDays, nowMs))) {
      const { rows } = await client.query<{ auctions: string }>(COUNT, [
        toDate(startOf(day)),
        toDate(startOf(day) + DAY_MS),
      ])
      steps.push({ type: 'ARCHIVE', day, auctions: Number(rows[0]?.auctions) })
    }
    const files = await listFiles(directory).catch(() => [])
    for (const { day, path } of files.reverse()) {
      if (isPast(day, coldDays, nowMs)) steps.push({ type: 'EXPIRE', day, path })
    }
    return steps
  } finally {
    await client.end().catch(() => {})
  }
}

async function connect({ connectionString }: ArchiveOptions): Promise<pg.Client> {
  const client = createPgClient(connectionString, STATEMENT_TIMEOUT_MS)
  await client.connect()
  return client
}

function checkRetention({ warmDays, coldDays }: ArchiveOptions): void {
  if (coldDays >= warmDays) return
  const message = `RETENTION_COLD_DAYS=${coldDays} cannot be used: it must be at least RETENTION_WARM_DAYS=${warmDays}.`
  throw new ArchiveError('ARCHIVE_RETENTION_INVALID', message)
}

/**
 * For as long as the connection lasts. All clients of an embedded database are of one session, which has every lock that
 * one of them has: there the transaction that drops a partition is what keeps two from spoiling each other's work.
 */
async function takeTurn(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ taken: boolean }>(
    "SELECT pg_try_advisory_lock(hashtext('auction_archive')) AS taken",
  )
  if (rows[0]?.taken === true) return
  const message = 'another `auction archive` or a worker is archiving this database: wait until it is done'
  throw new ArchiveError('ARCHIVE_BUSY', message)
}

/** Auctions that came for a day without a partition, because it was archived before, get one. */
async function giveStraysTheirDays(client: pg.Client, beforeMs: number): Promise<void> {
  for (const day of await strayDays(client, beforeMs)) await client.query('SELECT auction_log_make_days($1, 1)', [day])
}

async function strayDays(client: pg.Client, beforeMs: number): Promise<Day[]> {
  const { rows } = await client.query<{ day: Day }>(STRAY_DAYS, [toDate(beforeMs)])
  return rows.map(({ day }) => day)
}

/** The oldest first. */
async function partitionedDays(client: pg.Client): Promise<Day[]> {
  const { rows } = await client.query<{ day: Day }>(PARTITIONED_DAYS)
  return rows.map(({ day }) => day)
}

function toDate(ms: number): string {
  return new Date(ms).toISOString()
}

function lostMessage(directory: string, name: string): string {
  return `${name} is missing in ARCHIVE_DIR ${directory}, and its manifest is there: bring the file back from a backup`
}

const PARTITIONED_DAYS = `
  SELECT to_char(to_date(right(relname, 8), 'YYYYMMDD'), 'YYYY-MM-DD') AS day
  FROM pg_inherits JOIN pg_class ON oid = inhrelid
  WHERE inhparent = 'auction_log'::regclass AND relname ~ '^auction_log_[0-9]{8}$'
  ORDER BY relname`
const STRAY_DAYS = `
  SELECT DISTINCT to_char(started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS day
  FROM auction_log_default WHERE started_at < $1 ORDER BY day`
const COUNT = 'SELECT count(*) AS auctions FROM auction_log WHERE started_at >= $1 AND started_at < $2'

/** How long one statement may take, in milliseconds: PostgreSQL sorts a day of tens of millions of auctions in one. */
const STATEMENT_TIMEOUT_MS = 3_600_000
