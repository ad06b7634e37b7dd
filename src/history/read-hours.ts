import { Prisma, type PrismaClient } from '../generated/prisma/client.ts'
import { BUCKET_MS, timesOf, tooManyBuckets } from './buckets.ts'
import { readInSlices } from './slices.ts'
import { type BucketRow, groupColumns, isOfBidders, namedConditions } from './stats-sql.ts'
import { timestamp } from './timestamp.ts'
import { HistoryError, type StatsBucket, type StatsQuery } from './types.ts'

/** The hours of all supplies that are named, added up, that one answer is made of: a month of a thousand, or a year of a hundred. */
export const SUPPLY_HOURS_MAX = 1_000_000
/** As many of them in one statement: some ten milliseconds. */
const SUPPLY_HOURS_AT_ONCE = 20_000
/** What an hour of all supplies together weighs where it has a row for each bidder. */
const BIDDERS_EXPECTED = 100

/** Reads statistics by hours or days, from the statistics of each hour. */
export async function readHours(prisma: PrismaClient, query: StatsQuery): Promise<StatsBucket[]> {
  const ofSupplies = query.supplyIds !== undefined || query.groupBy.includes('SUPPLY')
  if (!ofSupplies) return readSums(prisma, query, isOfBidders(query) ? BIDDERS_EXPECTED : 1)
  const supplyIds = query.supplyIds ?? (await findSupplies(prisma, query))
  const supplyHours = (supplyIds.length * (query.toMs - query.fromMs)) / BUCKET_MS.HOUR
  if (supplyHours > SUPPLY_HOURS_MAX) throw tooManyHours(supplyHours)
  return readSums(prisma, { ...query, supplyIds }, supplyIds.length)
}

function readSums(prisma: PrismaClient, query: StatsQuery, weightOfHour: number): Promise<StatsBucket[]> {
  const weight = (weightOfHour * BUCKET_MS[query.granularity]) / BUCKET_MS.HOUR
  const timesMax = Math.max(1, Math.floor(SUPPLY_HOURS_AT_ONCE / weight))
  return readInSlices(query, timesMax, (slice) => readSlice(prisma, slice))
}

function readSlice(prisma: PrismaClient, query: StatsQuery): Promise<BucketRow[]> {
  const ofBidders = isOfBidders(query)
  const table = Prisma.raw(tableOf(ofBidders, query.supplyIds !== undefined))
  const unit = Prisma.raw(query.granularity === 'DAY' ? "'day'" : "'hour'")
  const columns = [Prisma.sql`date_trunc(${unit}, hour, 'UTC') AS start`, ...groupColumns(query)]
  const conditions = [
    Prisma.sql`hour >= ${timestamp(query.fromMs)} AND hour < ${timestamp(query.toMs)}`,
    ...namedConditions(query),
  ]
  const places = Prisma.raw(columns.map((_, index) => index + 1).join(', '))
  return prisma.$queryRaw<BucketRow[]>`
    SELECT ${Prisma.join(columns)}, ${ofBidders ? BIDDER_SUMS : SUPPLY_SUMS}
    FROM ${table} WHERE ${Prisma.join(conditions, ' AND ')}
    GROUP BY ${places} LIMIT ${query.bucketsMax + 1}`
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

function tooManyHours(supplyHours: number): HistoryError {
  return new HistoryError(
    'RANGE_TOO_LARGE',
    `An answer is added up from ${SUPPLY_HOURS_MAX} hours of supplies at most, and these are ${supplyHours}: take a shorter range, or name fewer in supplyIds.`,
  )
}

const SUPPLY_SUMS = Prisma.sql`
  sum(requests)::float8 AS requests, sum(sold)::float8 AS sold, sum(bids)::float8 AS bids,
  sum(no_bids)::float8 AS no_bids, sum(timeouts)::float8 AS timeouts, sum(errors)::float8 AS errors,
  sum(skipped)::float8 AS skipped, sum(revenue_micros)::float8 AS revenue_micros`
const BIDDER_SUMS = Prisma.sql`
  sum(asked)::float8 AS requests, sum(wins)::float8 AS sold, sum(wins + losses)::float8 AS bids,
  sum(no_bids)::float8 AS no_bids, sum(timeouts)::float8 AS timeouts, sum(errors)::float8 AS errors,
  sum(skipped)::float8 AS skipped, sum(revenue_micros)::float8 AS revenue_micros`
