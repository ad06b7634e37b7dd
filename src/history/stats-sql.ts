import { Prisma } from '../generated/prisma/client.ts'
import type { StatsBucket, StatsQuery } from './types.ts'

/** Whether a question is about bidders: then requests are those in which they were asked. */
export function isOfBidders({ bidderIds, groupBy }: StatsQuery): boolean {
  return bidderIds !== undefined || groupBy.includes('BIDDER')
}

/** The columns of what buckets are grouped by. */
export function groupColumns({ groupBy }: StatsQuery): Prisma.Sql[] {
  return [
    ...(groupBy.includes('SUPPLY') ? [Prisma.sql`supply_id`] : []),
    ...(groupBy.includes('BIDDER') ? [Prisma.sql`bidder_id`] : []),
    ...(groupBy.includes('COUNTRY') ? [Prisma.sql`country`] : []),
  ]
}

/** What a question names of these columns. */
export function namedConditions({ supplyIds, bidderIds, countries }: StatsQuery): Prisma.Sql[] {
  return [
    ...(supplyIds === undefined ? [] : [Prisma.sql`supply_id = ANY (${[...supplyIds]}::text[])`]),
    ...(bidderIds === undefined ? [] : [Prisma.sql`bidder_id = ANY (${[...bidderIds]}::text[])`]),
    ...(countries === undefined ? [] : [Prisma.sql`country = ANY (${[...countries]}::text[])`]),
  ]
}

/** A bucket as statements give it; sums as float8, which is exact up to 2^53. */
export interface BucketRow {
  readonly start: Date
  readonly supply_id?: string
  readonly bidder_id?: string
  readonly country?: string
  readonly requests: number
  readonly sold: number
  readonly bids: number
  readonly no_bids: number
  readonly timeouts: number
  readonly errors: number
  readonly skipped: number
  readonly revenue_micros: number
}

export function toBucket(row: BucketRow): StatsBucket {
  return {
    startMs: row.start.getTime(),
    ...(row.supply_id !== undefined && { supplyId: row.supply_id }),
    ...(row.bidder_id !== undefined && { bidderId: row.bidder_id }),
    ...(row.country !== undefined && { country: row.country }),
    requests: row.requests,
    sold: row.sold,
    bids: row.bids,
    noBids: row.no_bids,
    timeouts: row.timeouts,
    errors: row.errors,
    skipped: row.skipped,
    revenueMicros: row.revenue_micros,
  }
}
