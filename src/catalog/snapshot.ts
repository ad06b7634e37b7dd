import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Prisma, PrismaClient } from '../generated/prisma/client.ts'
import { applyChanges, readChanges, type SupplyRow, setSupply, supplyOf } from './apply-changes.ts'
import { type BidderRow, bidderOf } from './bidder-http.ts'
import { LIST_SEPARATOR } from './copy-in.ts'
import { streamCatalog } from './stream-catalog.ts'
import { settingsText } from './supply-settings.ts'
import { type CatalogTable, createCatalogTable } from './table.ts'
import type { Bidder, CatalogSnapshot, SupplySettings } from './types.ts'

/** What a snapshot is built from, in any order. */
export interface CatalogRows {
  readonly revision: bigint
  readonly bidders: Iterable<Bidder>
  /** Each supply's id and its bidders' ids. */
  readonly supplies: Iterable<readonly [id: string, bidderIds: readonly string[]]>
  /** How supplies sell; those without an entry by default. */
  readonly settings?: ReadonlyMap<string, SupplySettings>
}

export interface CatalogSource {
  readonly prisma: PrismaClient
  /** The embedded database answers one client at a time: others have their turn between the pages. */
  readonly embedded?: boolean
  /** Of the database, where it is a server: a large catalogue is read much quicker over a connection of its own. */
  readonly serverUrl?: string | undefined
}

/** Builds a snapshot from rows at hand, all at once. A bidder id without a bidder is passed over. */
export function buildSnapshot({ revision, bidders, supplies, settings }: CatalogRows): CatalogSnapshot {
  const table = createCatalogTable()
  for (const bidder of bidders) table.setBidder(bidder)
  for (const [id, bidderIds] of supplies) setSupply(table, id, { bidderIds, settings: settingsText(settings?.get(id)) })
  return table.snapshot(revision)
}

/** A catalogue that was read, and what it takes to keep it new. */
export interface LoadedCatalog {
  readonly snapshot: CatalogSnapshot
  readonly table: CatalogTable
  /** Of the change that has made the snapshot's revision, where it can be told what comes after it. */
  readonly mark: string | undefined
}

/** As `readCatalog`, for those who look at it once. */
export async function loadSnapshot(source: CatalogSource): Promise<CatalogSnapshot> {
  return (await readCatalog(source)).snapshot
}

/**
 * Reads the catalogue as it stands at one moment into memory, giving the event loop its turns.
 * @throws whatever Prisma or pg throw where the database is away or not migrated
 */
export async function readCatalog({ prisma, embedded, serverUrl }: CatalogSource): Promise<LoadedCatalog> {
  if (serverUrl !== undefined) {
    const table = createCatalogTable()
    const { revision, mark } = await streamCatalog({ serverUrl, table })
    return { snapshot: table.snapshot(revision), table, mark }
  }
  for (let tries = 0; embedded && tries < MAX_TRIES_IN_TURNS; tries++) {
    const loaded = await readInPages(prisma)
    // Every load makes it grow, so between the pages there was none.
    if ((await readRevision(prisma)) === loaded.snapshot.revision) return loaded
  }
  return prisma.$transaction(readInPages, {
    isolationLevel: 'RepeatableRead',
    maxWait: CONNECTION_TIMEOUT_MS,
    timeout: SNAPSHOT_TIMEOUT_MS,
  })
}

/**
 * Makes a catalogue new: reads what has changed alone, where that can be told, and puts it into the table in use; reads
 * the whole into another where it cannot, as after a restore.
 */
export async function renewCatalog(
  source: CatalogSource,
  { snapshot, table, mark }: LoadedCatalog,
): Promise<LoadedCatalog> {
  const isAllDue = mark === undefined || table.isWasteful()
  const changes = isAllDue ? undefined : await readChanges(source.prisma, { revision: snapshot.revision, mark })
  if (changes === undefined) {
    const loaded = await readCatalog(source)
    loaded.table.keepHttp(snapshot.bidders)
    return loaded
  }
  await applyChanges(table, changes)
  return { snapshot: table.snapshot(changes.revision), table, mark: changes.mark }
}

/** The catalogue's newest revision; a change of the catalogue makes it grow. */
export async function readRevision(prisma: Prisma.TransactionClient): Promise<bigint> {
  const row = await prisma.catalogRevision.findUnique({ where: { id: 1 } })
  return row?.revision ?? 0n
}

/** Supplies read by one query; packing so many takes a few milliseconds. */
const SUPPLIES_PER_PAGE = 2000
const CONNECTION_TIMEOUT_MS = 10_000
/** How often the catalogue may change while it is read, before it is read in one transaction. */
const MAX_TRIES_IN_TURNS = 3
/** A million supplies take some ten seconds. */
const SNAPSHOT_TIMEOUT_MS = 300_000

/** In pages: the embedded database does nothing else while it answers, and holds each answer in memory. */
async function readInPages(transaction: Prisma.TransactionClient): Promise<LoadedCatalog> {
  const table = createCatalogTable()
  const revision = await readRevision(transaction)
  const bidders = await transaction.$queryRaw<BidderRow[]>`SELECT id, country, http FROM bidders ORDER BY id`
  for (const row of bidders) table.setBidder(bidderOf(row))
  for (let after: string | undefined = ''; after !== undefined; ) {
    const page: SupplyRow[] = await readPage(transaction, after)
    for (const row of page) setSupply(table, row.id, supplyOf(row))
    after = page.at(-1)?.id
    await nextTurn()
  }
  return { snapshot: table.snapshot(revision), table, mark: undefined }
}

/** A subquery, not a join: its plan stays good on tables that were just filled and have no planner statistics yet. */
function readPage(transaction: Prisma.TransactionClient, after: string): Promise<SupplyRow[]> {
  return transaction.$queryRaw<SupplyRow[]>`
    SELECT id, coalesce(
      (SELECT string_agg(bidder_id, ${LIST_SEPARATOR}) FROM supply_bidder WHERE supply_id = supplies.id),
      ''
    ) AS list, settings::text
    FROM supplies WHERE id > ${after} ORDER BY id LIMIT ${SUPPLIES_PER_PAGE}`
}
