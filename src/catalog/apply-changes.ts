import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Prisma, PrismaClient } from '../generated/prisma/client.ts'
import { type BidderRow, bidderOf } from './bidder-http.ts'
import { CHANGES_KEPT, MAX_CHANGED_IDS } from './changes.ts'
import { LIST_SEPARATOR } from './copy-in.ts'
import { pages } from './load-counts.ts'
import type { CatalogTable } from './table.ts'
import type { Bidder } from './types.ts'

/** A revision, and the mark of the change that has made it. */
export interface CatalogMark {
  readonly revision: bigint
  readonly mark: string
}

/** What was changed up to a revision, as it stands at that. */
export interface CatalogChanges extends CatalogMark {
  /** Each bidder; undefined where it was removed. */
  readonly bidders: ReadonlyMap<string, Bidder | undefined>
  /** Each supply; undefined where it was removed. */
  readonly supplies: ReadonlyMap<string, ReadSupply | undefined>
}

/** What the table takes of a supply. */
export interface ReadSupply {
  readonly bidderIds: readonly string[]
  /** How it sells, as it is stored; undefined: by default. */
  readonly settings?: string | undefined
}

export interface SupplyRow {
  readonly id: string
  /** Its bidders' ids, joined: one text a row is much less to carry and to parse than a row a bidder. */
  readonly list: string
  readonly settings: string | null
}

/** Reads what was changed since; undefined where that cannot be told, or is so much that the whole is better read. */
export function readChanges(prisma: PrismaClient, since: CatalogMark): Promise<CatalogChanges | undefined> {
  return prisma.$transaction(
    async (transaction) => {
      const newest = await readChain(transaction, since)
      if (newest === undefined) return undefined
      const bidders = new Map<string, Bidder | undefined>()
      const supplies = new Map<string, ReadSupply | undefined>()
      const changes = await transaction.catalogChange.findMany({ where: { revision: { gt: since.revision } } })
      for (const page of pages(new Set(changes.flatMap(({ bidderIds }) => bidderIds)), IDS_PER_PAGE, () => 1)) {
        for (const id of page) bidders.set(id, undefined)
        for (const row of await readBidders(transaction, page)) bidders.set(row.id, bidderOf(row))
      }
      for (const page of pages(new Set(changes.flatMap(({ supplyIds }) => supplyIds)), IDS_PER_PAGE, () => 1)) {
        for (const id of page) supplies.set(id, undefined)
        for (const row of await readSupplies(transaction, page)) supplies.set(row.id, supplyOf(row))
      }
      return { ...newest, bidders, supplies }
    },
    { isolationLevel: 'RepeatableRead', maxWait: CONNECTION_TIMEOUT_MS, timeout: READ_TIMEOUT_MS },
  )
}

/**
 * Puts changes into the table, giving the event loop its turns. Auctions meanwhile find each supply as it was or as it
 * is: bidders come before the supplies that name them, and go after those have let go of them.
 */
export async function applyChanges(table: CatalogTable, { bidders, supplies }: CatalogChanges): Promise<void> {
  for (const bidder of bidders.values()) if (bidder !== undefined) table.setBidder(bidder)
  for (const page of pages(supplies, ROWS_PER_TURN, ([, supply]) => 1 + (supply?.bidderIds.length ?? 0))) {
    for (const [id, supply] of page) {
      if (supply === undefined) table.deleteSupply(id)
      else setSupply(table, id, supply)
    }
    await nextTurn()
  }
  for (const [id, bidder] of bidders) if (bidder === undefined) table.deleteBidder(id)
}

export function supplyOf({ list, settings }: SupplyRow): ReadSupply {
  return { bidderIds: list === '' ? [] : list.split(LIST_SEPARATOR), settings: settings ?? undefined }
}

/** A bidder id without a bidder is passed over. */
export function setSupply(table: CatalogTable, id: string, { bidderIds, settings }: ReadSupply): void {
  const numbers: number[] = []
  for (const bidderId of bidderIds) {
    const number = table.bidderNumber(bidderId)
    if (number !== undefined) numbers.push(number)
  }
  table.setSupply(id, numbers, numbers.length, settings)
}

const IDS_PER_PAGE = 1000
/** Supplies and links that are packed without a turn for others: a millisecond of work. */
const ROWS_PER_TURN = 2000
const CONNECTION_TIMEOUT_MS = 10_000
const READ_TIMEOUT_MS = 60_000

interface Change {
  readonly revision: bigint
  readonly mark: string
  readonly follows: string | null
  readonly isWhole: boolean
  readonly size: number
}

/** The newest change, where each follows the one before, from the one since on, up to the catalogue's revision. */
async function readChain(transaction: Prisma.TransactionClient, since: CatalogMark): Promise<CatalogMark | undefined> {
  const newest = await transaction.catalogRevision.findUnique({ where: { id: 1 } })
  const changes = await transaction.$queryRaw<Change[]>`
    SELECT revision, mark::text, follows::text, is_whole AS "isWhole",
      cardinality(supply_ids) + cardinality(bidder_ids) AS size
    FROM catalog_changes WHERE revision > ${since.revision} ORDER BY revision LIMIT ${CHANGES_KEPT + 1}`
  let last = since
  let size = 0
  for (const change of changes) {
    size += change.size
    if (change.follows !== last.mark || change.isWhole || size > MAX_CHANGED_IDS) return undefined
    last = { revision: change.revision, mark: change.mark }
  }
  return last !== since && last.revision === newest?.revision ? last : undefined
}

function readBidders(transaction: Prisma.TransactionClient, ids: readonly string[]) {
  return transaction.$queryRaw<BidderRow[]>`
    SELECT id, country, http FROM bidders WHERE id = ANY (${ids}::varchar[])`
}

/** A subquery, not a join: its plan stays good on tables that were just filled and have no planner statistics yet. */
function readSupplies(transaction: Prisma.TransactionClient, ids: readonly string[]) {
  return transaction.$queryRaw<SupplyRow[]>`
    SELECT id, coalesce(
      (SELECT string_agg(bidder_id, ${LIST_SEPARATOR}) FROM supply_bidder WHERE supply_id = supplies.id),
      ''
    ) AS list, settings::text
    FROM supplies WHERE id = ANY (${ids}::varchar[])`
}
