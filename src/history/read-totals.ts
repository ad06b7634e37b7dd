import type { PrismaClient } from '../generated/prisma/client.ts'
import type { SupplyTotals } from './types.ts'

/** What the statistics of all hours come to, a supply after the other. Sums that are no safe integers lose their last digits. */
export async function* readTotals(prisma: PrismaClient): AsyncGenerator<SupplyTotals> {
  for await (const supplyIds of loggedSupplyIds(prisma)) yield* await readTotalsOf(prisma, supplyIds)
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

/** What the statistics of all hours come to of these supplies, of those that have some. */
export async function readTotalsOf(prisma: PrismaClient, supplyIds: readonly string[]): Promise<SupplyTotals[]> {
  const supplies = new Map<
    string,
    { countries: SupplyTotals['countries'][number][]; bidders: SupplyTotals['bidders'][number][] }
  >()
  const countries = await prisma.$queryRaw<CountryRow[]>`
    SELECT supply_id, country, sum(requests)::float8 AS requests
    FROM supply_stats_hourly WHERE supply_id = ANY(${supplyIds}) GROUP BY supply_id, country`
  for (const { supply_id, country, requests } of countries) {
    const supply = supplies.get(supply_id) ?? { countries: [], bidders: [] }
    supplies.set(supply_id, supply)
    supply.countries.push({ country, requests })
  }
  const bidders = await prisma.$queryRaw<BidderRow[]>`
    SELECT supply_id, country, bidder_id, sum(wins)::float8 AS wins, sum(losses)::float8 AS losses,
      sum(no_bids)::float8 AS no_bids, sum(timeouts)::float8 AS timeouts, sum(errors)::float8 AS errors,
      sum(skipped)::float8 AS skipped, sum(revenue_micros)::float8 AS revenue_micros
    FROM bidder_stats_hourly WHERE supply_id = ANY(${supplyIds})
    GROUP BY supply_id, country, bidder_id ORDER BY supply_id, country, bidder_id`
  for (const { supply_id, bidder_id, no_bids, revenue_micros, ...counters } of bidders) {
    supplies.get(supply_id)?.bidders.push({
      ...counters,
      bidderId: bidder_id,
      noBids: no_bids,
      revenueMicros: revenue_micros,
    })
  }
  return [...supplies].map(([supplyId, totals]) => ({ supplyId, ...totals }))
}

interface CountryRow {
  readonly supply_id: string
  readonly country: string
  readonly requests: number
}

interface BidderRow {
  readonly supply_id: string
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
