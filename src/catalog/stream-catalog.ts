import { setImmediate as nextTurn } from 'node:timers/promises'
import type pg from 'pg'
import { to } from 'pg-copy-streams'
import { createPgClient } from '../db/client.ts'
import { type BidderRow, bidderOf } from './bidder-http.ts'
import { type ByteDictionary, createByteDictionary, HASH_START, hashStep } from './byte-dictionary.ts'
import { createCopyRows, type OnCopyRow } from './copy-rows.ts'
import type { CatalogTable } from './table.ts'

export interface StreamOptions {
  /** Of a PostgreSQL server. */
  readonly serverUrl: string
  /** An empty one, which is filled. */
  readonly table: CatalogTable
}

export interface StreamedRevision {
  readonly revision: bigint
  /** Of the change that has made it, where that was written down. */
  readonly mark: string | undefined
}

/**
 * Fills a table with the catalogue as it stands at one moment, by one query over a connection of its own, which is read
 * as it arrives: a million supplies take some three seconds, most of them the server's.
 * @throws where the server is away, not migrated, or silent for STALL_TIMEOUT_MS
 */
export async function streamCatalog({ serverUrl, table }: StreamOptions): Promise<StreamedRevision> {
  const client = createPgClient(serverUrl, STATEMENT_TIMEOUT_MS)
  await client.connect()
  // With a query under way this closes the connection, which fails the query.
  const stall = setTimeout(() => void client.end(), STALL_TIMEOUT_MS)
  try {
    await client.query(BEGIN)
    const newest = await client.query<{ revision: string; mark: string | null }>(NEWEST)
    const bidders = await client.query<BidderRow>('SELECT id, country, http FROM bidders ORDER BY id')
    for (const row of bidders.rows) table.setBidder(bidderOf(row))
    const dictionary = createByteDictionary(bidders.rows.map(({ id }, number) => [id, number]))
    await readSupplies(client, createRowReader(table, dictionary), () => stall.refresh())
    const { revision = '0', mark } = newest.rows[0] ?? {}
    return { revision: BigInt(revision), mark: mark ?? undefined }
  } finally {
    clearTimeout(stall)
    await client.end()
  }
}

/** How long the server may be silent, in milliseconds. The first row takes longest, where it sorts. */
export const STALL_TIMEOUT_MS = 60_000
const STATEMENT_TIMEOUT_MS = 300_000
/** How long packing may keep the event loop, in milliseconds. */
const TURN_MS = 4

/**
 * Tables that were just filled have no planner statistics, and an estimate that is far off makes the server hash or sort
 * ten million rows: the indexes give them in order, from the first one on.
 */
const BEGIN = `
  BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
  SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_sort = off;
  SET LOCAL enable_hashagg = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_nestloop = off; SET LOCAL jit = off`
const NEWEST = `
  SELECT revision, (SELECT mark::text FROM catalog_changes AS change WHERE change.revision = catalog_revision.revision)
  FROM catalog_revision WHERE id = 1`
const COPY_SUPPLIES = `
  COPY (
    SELECT id, coalesce(bidders, ''), settings::text
    FROM supplies
    LEFT JOIN (SELECT supply_id, string_agg(bidder_id, E'\\n') AS bidders FROM supply_bidder GROUP BY supply_id) AS lists
      ON supply_id = id
    ORDER BY id
  ) TO STDOUT (FORMAT binary)`
const SEPARATOR = 10

async function readSupplies(client: pg.Client, onRow: OnCopyRow, onChunk: () => void): Promise<void> {
  const readRows = createCopyRows(onRow)
  let turnStart = performance.now()
  for await (const chunk of client.query(to(COPY_SUPPLIES))) {
    onChunk()
    readRows(chunk)
    if (performance.now() - turnStart < TURN_MS) continue
    await nextTurn()
    turnStart = performance.now()
  }
}

/** Puts a row of a supply's id, its bidders' ids with line breaks between them, and its settings, into the table. */
function createRowReader(table: CatalogTable, dictionary: ByteDictionary): OnCopyRow {
  const numbers: number[] = []
  return (bytes, idStart, idEnd, listStart, listEnd, settingsStart, settingsEnd) => {
    let count = 0
    let start = listStart
    let hashed = HASH_START
    for (let at = listStart; at <= listEnd; at++) {
      const byte = at < listEnd ? (bytes[at] as number) : SEPARATOR
      if (byte !== SEPARATOR) {
        hashed = hashStep(hashed, byte)
        continue
      }
      const number = dictionary.numberOf(bytes, start, at, hashed)
      if (number >= 0) numbers[count++] = number
      start = at + 1
      hashed = HASH_START
    }
    const settings = settingsEnd < settingsStart ? undefined : bytes.toString('utf8', settingsStart, settingsEnd)
    table.setSupply(bytes.toString('utf8', idStart, idEnd), numbers, count, settings)
  }
}
