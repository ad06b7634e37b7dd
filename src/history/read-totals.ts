import { Prisma, type PrismaClient } from '../generated/prisma/client.ts'
import { hourOf } from './rollups.ts'
import type { SupplyTotals } from './types.ts'

/** What the statistics of all hours come to, a supply after the other. Sums that are no safe integers lose their last digits. */
export async function* readTotals(prisma: PrismaClient): AsyncGenerator<SupplyTotals> {
  for await (const supplyIds of loggedSupplyIds(prisma)) yield* await readTotalsOf(prisma, supplyIds)
}

/** What the statistics of each hour from `fromMs` on are, a supply after the other. */
export async function* readHourTotals(prisma: PrismaClient, fromMs: number): AsyncGenerator<HourTotals> {
  for await (const supplyIds of loggedSupplyIds(prisma)) yield* await readHourTotalsOf(prisma, supplyIds, fromMs)
}

/** The same of these supplies. */
export async function readHourTotalsOf(
  prisma: PrismaClient,
  supplyIds: readonly string[],
  fromMs: number,
): Promise<HourTotals[]> {
  const rows = await readSums(prisma, supplyIds, fromMs, Prisma.sql`hour`)
  return rows.map(({ start, ...totals }) => ({ hour: hourOf(start.getTime()), ...totals }))
}

/** A supply's auctions of one hour, since 1970. */
export interface HourTotals extends SupplyTotals {
  readonly hour: number
}

/** The ids of all supplies that have statistics of an hour, a page after the other. */
export async function* loggedSupplyIds(prisma: PrismaClient): AsyncGenerator<string[]> {
  for (let after = ''; ; ) {
    const rows = await prisma.$queryRaw<{ supply_id: string }[]>`
      SELECT DISTINCT supply_id FROM supply_stats_hourly WHERE supply_id > ${after} ORDER BY supply_id LIMIT ${PAGE}`
    const supplyIds = rows.map(({ supply_id }) => supply_id)
    if (supplyIds.length > 0) yield supplyIds
    if (supplyIds.length < PAGE) return
    after = supplyIds.at(-1) ?? after
  }
}

/** What the statistics of all hours, or of those from `fromMs` on, come to of these supplies, of those that have some. */
export async function readTotalsOf(
  prisma: PrismaClient,
  supplyIds: readonly string[],
  fromMs = 0,
): Promise<SupplyTotals[]> {
  const rows = await readSums(prisma, supplyIds, fromMs, Prisma.sql`to_timestamp(0)`)
  return rows.map(({ start: _, ...totals }) => totals)
}

/** @param start the column or constant that hours are added up by */
async function readSums(
  prisma: PrismaClient,
  supplyIds: readonly string[],
  fromMs: number,
  start: Prisma.Sql,
): Promise<(SupplyTotals & { readonly start: Date })[]> {
  const from = new Date(fromMs)
  const sums = new Map<string, Sums>()
  const countries = await prisma.$queryRaw<CountryRow[]>`
    SELECT supply_id, ${start} AS start, country, sum(requests)::float8 AS requests
    FROM supply_stats_hourly WHERE supply_id = ANY(${supplyIds}) AND hour >= ${from} GROUP BY 1, 2, 3 ORDER BY 1, 2, 3`
  for (const { supply_id, start, country, requests } of countries) {
    const key = `${start.getTime()} ${supply_id}`
    const supply = sums.get(key) ?? { supplyId: supply_id, start, countries: [], bidders: [] }
    sums.set(key, supply)
    supply.countries.push({ country, requests })
  }
  const bidders = await prisma.$queryRaw<BidderRow[]>`
    SELECT supply_id, ${start} AS start, country, bidder_id, sum(wins)::float8 AS wins, sum(losses)::float8 AS losses,
      sum(no_bids)::float8 AS no_bids, sum(timeouts)::float8 AS timeouts, sum(errors)::float8 AS errors,
      sum(skipped)::float8 AS skipped, sum(revenue_micros)::float8 AS revenue_micros
    FROM bidder_stats_hourly WHERE supply_id = ANY(${supplyIds}) AND hour >= ${from}
    GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4`
  for (const { supply_id, start, bidder_id, no_bids, revenue_micros, ...counters } of bidders) {
    sums.get(`${start.getTime()} ${supply_id}`)?.bidders.push({
      ...counters,
      bidderId: bidder_id,
      noBids: no_bids,
      revenueMicros: revenue_micros,
    })
  }
  return [...sums.values()]
}

interface Sums extends SupplyTotals {
  readonly start: Date
  readonly countries: SupplyTotals['countries'][number][]
  readonly bidders: SupplyTotals['bidders'][number][]
}

interface CountryRow {
  readonly supply_id: string
  readonly start: Date
  readonly country: string
  readonly requests: number
}

interface BidderRow {
  readonly supply_id: string
  readonly start: Date
  readonly country: string
  readonly bidder_id: string
  readonly wins: number
  readonly losses: number
  readonly no_bids: number
  readonly timeouts: number
  readonly errors: number
  readonly skipped: number
  readonly revenue_micros: number
}

/** Supplies that are read in one go. */
const PAGE = 1000
