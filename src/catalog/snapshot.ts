import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Prisma, PrismaClient } from '../generated/prisma/client.ts'
import type { Bidder, CatalogSnapshot, Supply } from './types.ts'

/** What a snapshot is built from, in any order. */
export interface CatalogRows {
  readonly revision: bigint
  readonly bidders: Iterable<Bidder>
  /** Each supply's id and its bidders' ids. */
  readonly supplies: Iterable<readonly [id: string, bidderIds: readonly string[]]>
}

/** Builds a snapshot from rows at hand, all at once. A bidder id without a bidder is passed over. */
export function buildSnapshot({ revision, bidders, supplies }: CatalogRows): CatalogSnapshot {
  const sorted = [...bidders].sort((a, b) => Buffer.compare(Buffer.from(a.id), Buffer.from(b.id)))
  const ranks = new Map(sorted.map(({ id }, rank) => [id, rank]))
  const rank = (id: string) => ranks.get(id) ?? -1
  const builder = createSnapshotBuilder(revision, sorted)
  for (const [id, bidderIds] of supplies) {
    builder.add(id, [...bidderIds].sort((a, b) => rank(a) - rank(b)).join(SEPARATOR))
  }
  return builder.snapshot()
}

export interface LoadSnapshotOptions {
  readonly prisma: PrismaClient
  /** The embedded database answers one client at a time: others have their turn between the pages. */
  readonly embedded?: boolean
}

/**
 * Reads the catalogue as it stands at one moment into memory, in pages, giving the event loop a turn between them.
 * @throws whatever Prisma throws where the database is away or not migrated
 */
export async function loadSnapshot({ prisma, embedded = false }: LoadSnapshotOptions): Promise<CatalogSnapshot> {
  for (let tries = 0; embedded && tries < MAX_TRIES_IN_TURNS; tries++) {
    const snapshot = await readSnapshot(prisma)
    // Every load makes it grow, so between the pages there was none.
    if ((await readRevision(prisma)) === snapshot.revision) return snapshot
  }
  return prisma.$transaction(readSnapshot, {
    isolationLevel: 'RepeatableRead',
    maxWait: CONNECTION_TIMEOUT_MS,
    timeout: SNAPSHOT_TIMEOUT_MS,
  })
}

/** The catalogue's newest revision; a change of the catalogue makes it grow. */
export async function readRevision(prisma: Prisma.TransactionClient): Promise<bigint> {
  const row = await prisma.catalogRevision.findUnique({ where: { id: 1 } })
  return row?.revision ?? 0n
}

/** Supplies read by one query; building so many takes a few milliseconds. */
const SUPPLIES_PER_PAGE = 2000
const CONNECTION_TIMEOUT_MS = 10_000
/** How often the catalogue may change while it is read, before it is read in one transaction. */
const MAX_TRIES_IN_TURNS = 3
/** A million supplies take some ten seconds. */
const SNAPSHOT_TIMEOUT_MS = 300_000
/** Between the ids of a joined list: no id that was loaded has a line break. */
const SEPARATOR = '\n'

async function readSnapshot(transaction: Prisma.TransactionClient): Promise<CatalogSnapshot> {
  const builder = createSnapshotBuilder(
    await readRevision(transaction),
    await transaction.bidder.findMany({ orderBy: { id: 'asc' } }),
  )
  for (let after: string | undefined = ''; after !== undefined; ) {
    const page: SupplyRow[] = await readPage(transaction, after)
    for (const { id, bidders } of page) builder.add(id, bidders)
    after = page.at(-1)?.id
    await nextTurn()
  }
  return builder.snapshot()
}

interface SupplyRow {
  readonly id: string
  /** Its bidders' ids in order, joined: one text a row is much less to carry and to parse than a row a bidder. */
  readonly bidders: string
}

/** A subquery, not a join: its plan stays good on tables that were just filled and have no planner statistics yet. */
function readPage(transaction: Prisma.TransactionClient, after: string): Promise<SupplyRow[]> {
  return transaction.$queryRaw<SupplyRow[]>`
    SELECT id, coalesce(
      (SELECT string_agg(bidder_id, ${SEPARATOR} ORDER BY bidder_id) FROM supply_bidder WHERE supply_id = supplies.id),
      ''
    ) AS bidders
    FROM supplies WHERE id > ${after} ORDER BY id LIMIT ${SUPPLIES_PER_PAGE}`
}

/**
 * Supplies that sell to the same bidders share one map, and maps share the lists of the same bidders: many supplies
 * have few distinct sets between them.
 */
function createSnapshotBuilder(revision: bigint, bidderRows: Iterable<Bidder>) {
  const countries = new Map<string, string>()
  const bidders = new Map<string, Bidder>()
  const supplies = new Map<string, Supply>()
  const bySet = new Map<string, ReadonlyMap<string, readonly Bidder[]>>()
  const lists = new Map<string, readonly Bidder[]>()

  for (const { id, country } of bidderRows) {
    // One copy of each country's text.
    if (!countries.has(country)) countries.set(country, country)
    bidders.set(id, { id, country: countries.get(country) ?? country })
  }

  return {
    /** @param joinedIds the bidders' ids, sorted, with SEPARATOR between them */
    add(id: string, joinedIds: string): void {
      let biddersByCountry = bySet.get(joinedIds)
      if (biddersByCountry === undefined) {
        biddersByCountry = groupByCountry(joinedIds.split(SEPARATOR))
        bySet.set(joinedIds, biddersByCountry)
      }
      supplies.set(id, { id, biddersByCountry })
    },
    snapshot(): CatalogSnapshot {
      return { revision, supplies, bidders }
    },
  }

  function groupByCountry(bidderIds: readonly string[]): ReadonlyMap<string, readonly Bidder[]> {
    const groups = new Map<string, Bidder[]>()
    for (const bidderId of bidderIds) {
      const bidder = bidders.get(bidderId)
      if (bidder === undefined) continue
      const group = groups.get(bidder.country)
      if (group === undefined) groups.set(bidder.country, [bidder])
      else group.push(bidder)
    }
    const shared = new Map<string, readonly Bidder[]>()
    for (const [country, group] of groups) shared.set(country, shareList(group))
    return shared
  }

  function shareList(group: readonly Bidder[]): readonly Bidder[] {
    const key = group.map(({ id }) => id).join(SEPARATOR)
    const known = lists.get(key)
    if (known !== undefined) return known
    lists.set(key, group)
    return group
  }
}
