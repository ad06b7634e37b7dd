import type { Bidder } from '../catalog/types.ts'
import { Prisma, type PrismaClient } from '../generated/prisma/client.ts'

/** A page of each bidder's supplies. */
export interface SuppliesPage {
  readonly after?: string | undefined
  readonly before?: string | undefined
  readonly limit: number
  /** Whether it is the last supplies that are wanted, the last one first. */
  readonly inverted: boolean
}

/** The first bidders of each supply. */
export interface BiddersPage {
  readonly country?: string | null | undefined
  readonly limit: number
}

/**
 * Reads a page of each bidder's supplies, by id, in the order of the bidders. Prisma would read all of them, and drop
 * what is beyond the page in this process's memory.
 */
export async function readSuppliesOfBidders(
  prisma: PrismaClient,
  bidderIds: readonly string[],
  { after, before, limit, inverted }: SuppliesPage,
): Promise<{ id: string }[][]> {
  const order = inverted ? Prisma.sql`DESC` : Prisma.sql`ASC`
  const rows = await inBatches(bidderIds, limit, (ids) => {
    // One range and one order of the index by bidder and supply. Said as `bidder_id = parent.id ORDER BY supply_id`, an index
    // by supply has that order as well: where a few bidders have most supplies, it seems the quicker way for any bidder,
    // and is read as a whole for each that has few.
    const from = Prisma.sql`(bidder_id, supply_id) > (parent.id, ${after ?? BEFORE_ALL_IDS})`
    const to =
      before === undefined
        ? Prisma.sql`bidder_id <= parent.id`
        : Prisma.sql`(bidder_id, supply_id) < (parent.id, ${before})`
    return prisma.$queryRaw<{ parent: string; id: string }[]>`
      SELECT parent.id AS parent, page.supply_id AS id
      FROM unnest(${ids}::text[]) AS parent (id)
      CROSS JOIN LATERAL (
        SELECT supply_id FROM supply_bidder WHERE ${from} AND ${to}
        ORDER BY bidder_id ${order}, supply_id ${order} LIMIT ${limit}
      ) AS page`
  })
  return group(bidderIds, rows, ({ id }) => ({ id }))
}

/** Reads the first bidders of each supply, by id, in the order of the supplies. */
export async function readBiddersOfSupplies(
  prisma: PrismaClient,
  supplyIds: readonly string[],
  { country, limit }: BiddersPage,
): Promise<Bidder[][]> {
  const rows = await inBatches(supplyIds, limit, (ids) => {
    const ofCountry = country ? Prisma.sql`AND bidders.country = ${country}` : Prisma.empty
    return prisma.$queryRaw<{ parent: string; id: string; country: string }[]>`
      SELECT parent.id AS parent, page.id, page.country
      FROM unnest(${ids}::text[]) AS parent (id)
      CROSS JOIN LATERAL (
        SELECT bidders.id, bidders.country FROM supply_bidder JOIN bidders ON bidders.id = bidder_id
        WHERE supply_id = parent.id ${ofCountry}
        ORDER BY bidder_id LIMIT ${limit}
      ) AS page`
  })
  return group(supplyIds, rows, ({ id, country: of }) => ({ id, country: of }))
}

/** Asks for some parents at a time, so that what comes back at once takes a few milliseconds. */
async function inBatches<Row>(
  parentIds: readonly string[],
  limit: number,
  read: (parentIds: string[]) => PromiseLike<Row[]>,
): Promise<Row[]> {
  const size = Math.max(1, Math.floor(MAX_ROWS_AT_ONCE / Math.max(1, limit)))
  const rows: Row[] = []
  for (let from = 0; from < parentIds.length; from += size) {
    for (const row of await read(parentIds.slice(from, from + size))) rows.push(row)
  }
  return rows
}

function group<Row extends { readonly parent: string }, Item>(
  parentIds: readonly string[],
  rows: readonly Row[],
  toItem: (row: Row) => Item,
): Item[][] {
  const items = new Map<string, Item[]>(parentIds.map((id) => [id, []]))
  for (const row of rows) items.get(row.parent)?.push(toItem(row))
  return parentIds.map((id) => items.get(id) ?? [])
}

const MAX_ROWS_AT_ONCE = 1000
const BEFORE_ALL_IDS = ''
