import { rm } from 'node:fs/promises'
import type pg from 'pg'
import { codeOf } from '../../db/database-error.ts'
import type { LoggedAuction } from '../types.ts'
import { type ArchivedFile, draftPath, fileOf, publish, verifyFile, writing } from './archive-dir.ts'
import { ArchiveError } from './archive-error.ts'
import { type Day, partitionOf } from './day.ts'
import { createSumsAdder, type DaySums, differences, readSums, sumsQuery } from './day-sums.ts'
import { mergeAuctions } from './merge.ts'
import { readAll } from './read-file.ts'
import { readTable, readTableInPages } from './table-rows.ts'
import { createContentHash, type WrittenFile, writeFile } from './write-file.ts'

export interface ArchivedDay {
  readonly day: Day
  /** Auctions that were in the database, and are no longer. */
  readonly moved: number
  /** The day's file, and all that it has; undefined where the day had no auction. */
  readonly file: { readonly path: string; readonly auctions: number; readonly bytes: number } | undefined
  /** The version that this one has replaced. */
  readonly replaced: ArchivedFile | undefined
}

export interface ArchiveDayOptions {
  readonly client: pg.Client
  readonly embedded: boolean
  readonly directory: string
  readonly day: Day
  /** The day's newest version, where it was archived before. */
  readonly previous: ArchivedFile | undefined
}

/**
 * Moves a day out of the database into its file, together with what the file has already. In this order: the file is
 * written under another name, and read back; then, in one transaction that keeps late auctions out of the day's
 * partition, what PostgreSQL adds up of it is compared with what was written, the file gets its name, and the partition is dropped.
 * Killed anywhere, the auctions are in the partition, in the file, or in both, and the next run makes one of the two.
 * @throws ArchiveError, and then nothing was dropped
 */
export async function archiveDay(options: ArchiveDayOptions): Promise<ArchivedDay> {
  const { directory, day, previous } = options
  const manifest = previous && (await verifyFile(previous))
  const file = fileOf(directory, day, (previous?.version ?? 0) + 1)
  const draft = draftPath(file)
  try {
    const { written, moved, added } = await writeDraft(options, draft)
    if (added > 0) await readBack(draft, written)
    await replacePartition(options, moved, async () => {
      if (added > 0) await writing(directory, () => publish(file, written))
    })
    const kept =
      added > 0 ? { path: file.path, ...written } : previous && manifest && { path: previous.path, ...manifest }
    return {
      day,
      moved: Number(moved.auctions),
      file: kept && { path: kept.path, auctions: Number(kept.sums.auctions), bytes: kept.bytes },
      replaced: added > 0 ? previous : undefined,
    }
  } finally {
    await rm(draft, { force: true })
  }
}

interface Draft {
  readonly written: WrittenFile
  /** What the partition's auctions add up to. */
  readonly moved: DaySums
  /** How many of them the file did not have yet. */
  readonly added: number
}

async function writeDraft(
  { client, embedded, directory, day, previous }: ArchiveDayOptions,
  draft: string,
): Promise<Draft> {
  const sums = createSumsAdder()
  let added = 0
  const archived = previous ? readAll(previous.path) : none()
  const read = embedded ? readTableInPages : readTable
  const logged = addedUp(read(client, partitionOf(day)), sums)
  const all = mergeAuctions(archived, logged, () => {
    added += 1
  })
  const written = await writing(directory, () => writeFile(draft, all))
  return { written, moved: sums.total(), added }
}

/** @throws ArchiveError where what is in the file is not what was written */
async function readBack(draft: string, written: WrittenFile): Promise<void> {
  const sums = createSumsAdder()
  const content = createContentHash()
  for await (const auction of readAll(draft)) {
    sums.add(auction)
    content.add(auction)
  }
  const wrong = differences(sums.total(), written.sums)
  if (wrong.length === 0 && content.digest() === written.contentSha256) return
  throw notVerified(draft, `reads back otherwise than it was written (${wrong.join(', ') || 'in its details'})`)
}

/** Does `work` and drops the partition, both where it still has what it had, or neither. */
async function replacePartition({ client, day }: ArchiveDayOptions, sums: DaySums, work: () => Promise<void>) {
  const partition = partitionOf(day)
  await client.query('BEGIN')
  try {
    await client.query(`SET LOCAL lock_timeout = ${LOCK_TIMEOUT_MS}`)
    // Nobody may add to it any more; everybody may read.
    await lock(client, `LOCK TABLE ${partition} IN SHARE MODE`)
    const { rows } = await client.query<Record<string, string>>(sumsQuery(partition))
    const wrong = differences(readSums(rows[0] ?? {}), sums)
    if (wrong.length > 0) throw notVerified(partition, `has other auctions than were read (${wrong.join(', ')})`)
    await work()
    await lock(client, `DROP TABLE ${partition}`)
    await client.query('COMMIT')
  } catch (error) {
    await client.query('ROLLBACK').catch(() => {})
    throw error
  }
}

/**
 * Waits briefly and often, not once and long: whoever comes after one that waits for the whole log waits as well. Shorter
 * than PostgreSQL takes to find a deadlock with a writer, who would be the one to fail.
 */
async function lock(client: pg.Client, statement: string): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    await client.query('SAVEPOINT before_lock')
    try {
      await client.query(statement)
      return
    } catch (error) {
      if (codeOf(error) !== LOCK_NOT_AVAILABLE) throw error
      await client.query('ROLLBACK TO SAVEPOINT before_lock')
      if (attempt === LOCK_ATTEMPTS) throw busy(error)
    }
  }
}

async function* none(): AsyncGenerator<LoggedAuction> {}

async function* addedUp(auctions: AsyncIterable<LoggedAuction>, sums: { add(auction: LoggedAuction): void }) {
  for await (const auction of auctions) {
    sums.add(auction)
    yield auction
  }
}

function notVerified(what: string, reason: string): ArchiveError {
  return new ArchiveError('ARCHIVE_NOT_VERIFIED', `${what} ${reason}: nothing was dropped; run this again`)
}

function busy(cause: unknown): ArchiveError {
  const message = `auction_log has been in use by long queries for ${(LOCK_ATTEMPTS * LOCK_TIMEOUT_MS) / 1000} s: run this again. Nothing was dropped`
  return new ArchiveError('ARCHIVE_BUSY', message, { cause })
}

const LOCK_TIMEOUT_MS = 500
const LOCK_ATTEMPTS = 40
const LOCK_NOT_AVAILABLE = '55P03'
