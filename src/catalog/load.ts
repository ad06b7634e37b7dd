import { Prisma, type PrismaClient } from '../generated/prisma/client.ts'
import { httpText } from './bidder-http.ts'
import type { CatalogData } from './data-file.ts'
import { idsLacking, loadBeside } from './load-beside.ts'
import { loadByCopy, loadByCopyIntoEmpty } from './load-by-copy.ts'
import { changedRows, type LoadCounts, pages } from './load-counts.ts'
import { settingsText } from './supply-settings.ts'

export type { LoadCounts } from './load-counts.ts'

export interface LoadOptions {
  readonly prisma: PrismaClient
  readonly data: CatalogData
  /** Whether supplies and bidders that the file lacks are removed; by default they stay. */
  readonly prune?: boolean
  /**
   * Whether the database is the embedded one, which answers one client at a time and has no autovacuum: then a large load
   * goes in short turns, and a small one is vacuumed after.
   */
  readonly embedded?: boolean
  /** Of the database, where it is a server: what is loaded is handed over much quicker over a connection of its own. */
  readonly serverUrl?: string | undefined
  /** Told how many of the file's supplies are done, after each statement's worth of them. */
  readonly onProgress?: (done: number, total: number) => void
}

/**
 * Makes the catalogue agree with a data file, all at once or not at all: adds what is new, updates bidders, makes each
 * supply in the file sell as the file says, and to the bidders that it says. Loading the same file again changes nothing. Running
 * services see the change through the catalogue's revision, which grows only where something changed. Loads at the
 * same time wait for each other.
 */
export async function loadCatalog(options: LoadOptions): Promise<LoadCounts> {
  const { prisma, data, prune = false, embedded = false, serverUrl, onProgress } = options
  if (serverUrl !== undefined) {
    return loadByCopy({ serverUrl, data, prune, onProgress, timeoutMs: LOAD_TIMEOUT_MS })
  }
  if (embedded && (await rowsConcerned(options)) > ROWS_PER_STATEMENT) {
    return loadBeside({ prisma, data, prune, onProgress, timeoutMs: LOAD_TIMEOUT_MS })
  }
  const counts = await inTurn(prisma, (transaction) => load(transaction, options))
  if (embedded && changedRows(counts) > 0) await vacuum(prisma)
  return counts
}

/** As `loadCatalog` where there is no supply; undefined, and nothing is changed, where there is one. */
export async function loadIntoEmpty(options: LoadOptions): Promise<LoadCounts | undefined> {
  const { prisma, data, prune = false, serverUrl, onProgress } = options
  if (serverUrl !== undefined) {
    return loadByCopyIntoEmpty({ serverUrl, data, prune, onProgress, timeoutMs: LOAD_TIMEOUT_MS })
  }
  return inTurn(prisma, async (transaction) => {
    if ((await transaction.supply.count()) > 0) return undefined
    return load(transaction, options)
  })
}

async function load(transaction: Transaction, options: LoadOptions): Promise<LoadCounts> {
  const { data, prune = false, onProgress } = options
  const bidders = await loadBidders(transaction, data)
  const loaded = await loadSupplies(transaction, data, onProgress)
  const pruned = prune ? await pruneCatalog(transaction, data) : NOTHING_PRUNED
  const counts = await countRows(transaction, {
    supplies: { added: loaded.suppliesAdded, updated: loaded.suppliesUpdated, removed: pruned.supplies },
    bidders: { ...bidders, removed: pruned.bidders },
    links: { added: loaded.linksAdded, removed: loaded.linksRemoved + pruned.links },
  })
  const changed = changedRows(counts)
  // A server's autovacuum would do this in a minute; the embedded database has none.
  if (changed > ROWS_PER_STATEMENT) await transaction.$executeRaw`ANALYZE supplies, bidders, supply_bidder`
  if (changed > 0) await transaction.$executeRaw`UPDATE catalog_revision SET revision = revision + 1 WHERE id = 1`
  return counts
}

/** At most how many rows a load may write or remove. */
async function rowsConcerned({ prisma, data, prune = false }: LoadOptions): Promise<number> {
  let rows = data.supplies.size + data.bidders.size
  for (const bidderIds of data.supplies.values()) rows += bidderIds.length
  return prune ? rows + (await prisma.supplyBidder.count()) : rows
}

/** So that the next load writes where this one, or one that was killed, has left dead rows, and the planner knows what is there. */
async function vacuum(prisma: PrismaClient): Promise<void> {
  await prisma.$executeRaw`VACUUM (ANALYZE) supplies`
  await prisma.$executeRaw`VACUUM (ANALYZE) bidders`
  await prisma.$executeRaw`VACUUM (ANALYZE) supply_bidder`
}

type Transaction = Prisma.TransactionClient

/** How long a load may wait for a connection of the pool. */
const CONNECTION_TIMEOUT_MS = 10_000
/** How long a load may take, the wait for another one included. On a server a million supplies of 8 bidders take about a minute. */
export const LOAD_TIMEOUT_MS = 3_600_000
/** The most rows that one statement handles. */
const ROWS_PER_STATEMENT = 20_000
const NOTHING_PRUNED = { supplies: 0, bidders: 0, links: 0 }

/** Loads are one after the other: the revision's row is locked until the transaction's end. */
async function inTurn<T>(prisma: PrismaClient, work: (transaction: Transaction) => Promise<T>): Promise<T> {
  return prisma.$transaction(
    async (transaction) => {
      await transaction.$executeRaw`INSERT INTO catalog_revision (id, revision) VALUES (1, 0) ON CONFLICT DO NOTHING`
      await transaction.$queryRaw`SELECT revision FROM catalog_revision WHERE id = 1 FOR UPDATE`
      return work(transaction)
    },
    { maxWait: CONNECTION_TIMEOUT_MS, timeout: LOAD_TIMEOUT_MS },
  )
}

async function loadBidders(transaction: Transaction, { bidders, http }: CatalogData) {
  let added = 0
  let updated = 0
  for (const page of pages(bidders, ROWS_PER_STATEMENT, () => 1)) {
    const ids = page.map(([id]) => id)
    const countries = page.map(([, country]) => country)
    const https = page.map(([id]) => httpText(http.get(id)) ?? '')
    const file = Prisma.sql`(
      SELECT id, country, nullif(http, '')::jsonb AS http
      FROM unnest(${ids}::varchar[], ${countries}::varchar[], ${https}::text[]) AS file (id, country, http)
    ) AS file`
    added += await transaction.$executeRaw`
      INSERT INTO bidders (id, country, http) SELECT id, country, http FROM ${file} ON CONFLICT DO NOTHING`
    updated += await transaction.$executeRaw`
      UPDATE bidders SET country = file.country, http = file.http FROM ${file}
      WHERE bidders.id = file.id AND (bidders.country, bidders.http) IS DISTINCT FROM (file.country, file.http)`
  }
  return { added, updated }
}

async function loadSupplies(
  transaction: Transaction,
  { supplies, settings }: CatalogData,
  onProgress: LoadOptions['onProgress'],
) {
  const counts = { suppliesAdded: 0, suppliesUpdated: 0, linksAdded: 0, linksRemoved: 0 }
  let done = 0
  // In the order of the indexes, which then grow at their end instead of everywhere.
  const ordered = [...supplies].sort(([a], [b]) => (a < b ? -1 : 1))
  for (const page of pages(ordered, ROWS_PER_STATEMENT, ([, bidderIds]) => Math.max(bidderIds.length, 1))) {
    const ids = page.map(([id]) => id)
    const supplyIds = page.flatMap(([id, bidderIds]) => bidderIds.map(() => id))
    const bidderIds = page.flatMap(([, ids]) => ids)
    const texts = ids.map((id) => settingsText(settings.get(id)) ?? '')
    const file = Prisma.sql`(
      SELECT id, nullif(settings, '')::jsonb AS settings
      FROM unnest(${ids}::varchar[], ${texts}::text[]) AS file (id, settings)
    ) AS file`
    const added = await transaction.$executeRaw`
      INSERT INTO supplies (id, settings) SELECT id, settings FROM ${file} ON CONFLICT DO NOTHING`
    // Supplies that are all new have nothing to change, and no bidders to take away.
    if (added < ids.length) {
      counts.suppliesUpdated += await transaction.$executeRaw`
        UPDATE supplies SET settings = file.settings FROM ${file}
        WHERE supplies.id = file.id AND supplies.settings IS DISTINCT FROM file.settings`
      counts.linksRemoved += await transaction.$executeRaw`
        DELETE FROM supply_bidder
        WHERE supply_id = ANY (${ids}::varchar[])
          AND NOT EXISTS (
            SELECT FROM unnest(${supplyIds}::varchar[], ${bidderIds}::varchar[]) AS file (supply_id, bidder_id)
            WHERE file.supply_id = supply_bidder.supply_id AND file.bidder_id = supply_bidder.bidder_id
          )`
    }
    counts.linksAdded += await transaction.$executeRaw`
      INSERT INTO supply_bidder (supply_id, bidder_id)
      SELECT * FROM unnest(${supplyIds}::varchar[], ${bidderIds}::varchar[])
      ON CONFLICT DO NOTHING`
    counts.suppliesAdded += added
    done += page.length
    onProgress?.(done, supplies.size)
  }
  return counts
}

/** Removes supplies, then bidders, that the file lacks; the file's own supplies name no such bidder any more. */
async function pruneCatalog(transaction: Transaction, data: CatalogData) {
  const removed = { supplies: 0, bidders: 0, links: 0 }
  for await (const ids of idsLacking(data.supplies, (after) => supplyIdsAfter(transaction, after))) {
    removed.links += await transaction.$executeRaw`DELETE FROM supply_bidder WHERE supply_id = ANY (${ids}::varchar[])`
    removed.supplies += await transaction.$executeRaw`DELETE FROM supplies WHERE id = ANY (${ids}::varchar[])`
  }
  for await (const ids of idsLacking(data.bidders, (after) => bidderIdsAfter(transaction, after))) {
    removed.bidders += await transaction.$executeRaw`DELETE FROM bidders WHERE id = ANY (${ids}::varchar[])`
  }
  return removed
}

function supplyIdsAfter(transaction: Transaction, after: string): Promise<{ id: string }[]> {
  return transaction.supply.findMany({
    where: { id: { gt: after } },
    orderBy: { id: 'asc' },
    take: ROWS_PER_STATEMENT,
  })
}

function bidderIdsAfter(transaction: Transaction, after: string): Promise<{ id: string }[]> {
  return transaction.bidder.findMany({
    where: { id: { gt: after } },
    orderBy: { id: 'asc' },
    take: ROWS_PER_STATEMENT,
  })
}

async function countRows(
  transaction: Transaction,
  changes: {
    supplies: { added: number; removed: number; updated: number }
    bidders: { added: number; removed: number; updated: number }
    links: { added: number; removed: number }
  },
): Promise<LoadCounts> {
  const { supplies, bidders, links } = changes
  return {
    supplies: { ...supplies, left: (await transaction.supply.count()) - supplies.added - supplies.updated },
    bidders: { ...bidders, left: (await transaction.bidder.count()) - bidders.added - bidders.updated },
    links: { ...links, left: (await transaction.supplyBidder.count()) - links.added },
  }
}
