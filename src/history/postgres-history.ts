import type { PrismaClient } from '../generated/prisma/client.ts'
import { LOOK_LIMITS, type LookLimits, readAuction, readAuctions } from './read-auctions.ts'
import { readHours } from './read-hours.ts'
import { readMinutes } from './read-minutes.ts'
import type { AuctionHistory } from './types.ts'

export interface PostgresHistoryDependencies {
  readonly prisma: PrismaClient
  /** Milliseconds since 1970. */
  readonly now: () => number
  readonly lookLimits?: LookLimits
}

/** The log as it is read from PostgreSQL: single auctions from its rows, hours and days from the statistics of each hour. */
export function createPostgresHistory({
  prisma,
  now,
  lookLimits = LOOK_LIMITS,
}: PostgresHistoryDependencies): AuctionHistory {
  return {
    auction: (id) => readAuction(prisma, id),
    auctions: (filter, page) => readAuctions(prisma, filter, page, now(), lookLimits),
    stats: (query) => (query.granularity === 'MINUTE' ? readMinutes : readHours)(prisma, query),
  }
}
