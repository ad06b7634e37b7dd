import { Prisma, type PrismaClient } from '../generated/prisma/client.ts'
import { timesOf, tooManyBuckets } from './buckets.ts'
import { type BucketRow, groupColumns, isOfBidders, namedConditions, toBucket } from './stats-sql.ts'
import { timestamp } from './timestamp.ts'
import type { StatsBucket, StatsQuery } from './types.ts'

/** Reads statistics by hours or days, from the statistics of each hour. */
export async function readHours(prisma: PrismaClient, query: StatsQuery): Promise<StatsBucket[]> {
  const ofSupplies = query.supplyIds !== undefined || query.groupBy.includes('SUPPLY')
  if (!ofSupplies) return readSums(prisma, query, false)
  const supplyIds = query.supplyIds ?? (await findSupplies(prisma, query))
  return readSums(prisma, { ...query, supplyIds }, true)
}

async function readSums(prisma: PrismaClient, query: StatsQuery, ofSupplies: boolean): Promise<StatsBucket[]> {
  const ofBidders = isOfBidders(query)
  const table = Prisma.raw(tableOf(ofBidders, ofSupplies))
  const unit = Prisma.raw(query.granularity === 'DAY' ? "'day'" : "'hour'")
  const columns = [Prisma.sql`date_trunc(${unit}, hour, 'UTC') AS start`, ...groupColumns(query)]
  const conditions = [
    Prisma.sql`hour >= ${timestamp(query.fromMs)} AND hour < ${timestamp(query.toMs)}`,
    ...namedConditions(query),
  ]
  const places = Prisma.raw(columns.map((_, index) => index + 1).join(', '))
  const rows = await prisma.$queryRaw<BucketRow[]>`
    SELECT ${Prisma.join(columns)}, ${ofBidders ? BIDDER_SUMS : SUPPLY_SUMS}
    FROM ${table} WHERE ${Prisma.join(conditions, ' AND ')}
    GROUP BY ${places} LIMIT ${query.bucketsMax + 1}`
  if (rows.length > query.bucketsMax) throw tooManyBuckets(query, Math.ceil(rows.length / timesOf(query)))
  return rows.map(toBucket)
}

/** Those of all supplies together have few rows: a question about all of them is not about each. */
function tableOf(ofBidders: boolean, ofSupplies: boolean): string {
  if (ofSupplies) return ofBidders ? 'bidder_stats_hourly' : 'supply_stats_hourly'
  return ofBidders ? 'exchange_bidder_stats_hourly' : 'exchange_stats_hourly'
}

/**
 * The supplies that have anything in the range. The keys begin with them, so the index is asked for one after the other,
 * and of each whether it has an hour of the range: the hours before, of years, are not read.
 */
async function findSupplies(prisma: PrismaClient, query: StatsQuery): Promise<string[]> {
  const groupsMax = Math.floor(query.bucketsMax / timesOf(query))
  const rows = await prisma.$queryRaw<{ supply_id: string }[]>`
    WITH RECURSIVE known AS (
      (SELECT supply_id FROM supply_stats_hourly ORDER BY supply_id LIMIT 1)
      UNION ALL
      SELECT (SELECT supply_id FROM supply_stats_hourly WHERE supply_id > known.supply_id ORDER BY supply_id LIMIT 1)
      FROM known WHERE known.supply_id IS NOT NULL
    )
    SELECT supply_id FROM known WHERE supply_id IS NOT NULL AND EXISTS (
      SELECT FROM supply_stats_hourly AS hours WHERE hours.supply_id = known.supply_id
        AND hour >= ${timestamp(query.fromMs)} AND hour < ${timestamp(query.toMs)}
    ) LIMIT ${groupsMax + 1}`
  if (rows.length > groupsMax) throw tooManyBuckets(query, rows.length)
  return rows.map(({ supply_id }) => supply_id)
}

const SUPPLY_SUMS = Prisma.sql`
  sum(requests)::float8 AS requests, sum(sold)::float8 AS sold, sum(bids)::float8 AS bids,
  sum(no_bids)::float8 AS no_bids, sum(timeouts)::float8 AS timeouts, sum(revenue_micros)::float8 AS revenue_micros`
const BIDDER_SUMS = Prisma.sql`
  sum(asked)::float8 AS requests, sum(wins)::float8 AS sold, sum(wins + losses)::float8 AS bids,
  sum(no_bids)::float8 AS no_bids, sum(timeouts)::float8 AS timeouts, sum(revenue_micros)::float8 AS revenue_micros`
