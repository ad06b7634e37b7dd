import { Prisma, type PrismaClient } from '../generated/prisma/client.ts'
import { BIDDER_IDS, JOIN_BIDDER_SETS } from './bidder-sets.ts'
import { BUCKET_MS, timesOf } from './buckets.ts'
import { readInSlices } from './slices.ts'
import { type BucketRow, groupColumns, isOfBidders, namedConditions } from './stats-sql.ts'
import { timestamp } from './timestamp.ts'
import { HistoryError, type StatsBucket, type StatsQuery } from './types.ts'

/** Minutes are added up from so many auctions at most. */
export const MINUTE_AUCTIONS_MAX = 1_000_000
/** As many of them in one statement, about: some hundred milliseconds. */
const AUCTIONS_AT_ONCE = 100_000

/**
 * Reads statistics by minutes, which nothing is kept of: they are added up from the auctions' rows. How many these are is
 * asked of the statistics of each hour, so that what would take too long is refused, and the rest is read some at a time.
 */
export async function readMinutes(prisma: PrismaClient, query: StatsQuery): Promise<StatsBucket[]> {
  const auctions = await countAuctions(prisma, query)
  if (auctions > MINUTE_AUCTIONS_MAX) throw tooManyAuctions(auctions)
  const statements = Math.ceil(auctions / AUCTIONS_AT_ONCE)
  const timesMax = Math.ceil(timesOf(query) / Math.max(1, statements))
  return readInSlices(query, timesMax, (slice) => readSlice(prisma, slice))
}

/** How many auctions the range has, about: a part of an hour counts as that part of the hour's auctions. */
async function countAuctions(prisma: PrismaClient, { supplyIds, fromMs, toMs }: StatsQuery): Promise<number> {
  const table = Prisma.raw(supplyIds === undefined ? 'exchange_stats_hourly' : 'supply_stats_hourly')
  const ofSupplies =
    supplyIds === undefined ? Prisma.empty : Prisma.sql`AND supply_id = ANY (${[...supplyIds]}::text[])`
  const [from, to] = [timestamp(fromMs), timestamp(toMs)]
  const [row] = await prisma.$queryRaw<{ auctions: number | null }[]>`
    SELECT sum(requests * extract(epoch FROM least(hour + interval '1 hour', ${to}) - greatest(hour, ${from})) / 3600)::float8
      AS auctions
    FROM ${table} WHERE hour > ${timestamp(fromMs - BUCKET_MS.HOUR)} AND hour < ${to} ${ofSupplies}`
  return row?.auctions ?? 0
}

function readSlice(prisma: PrismaClient, query: StatsQuery): Promise<BucketRow[]> {
  const { fromMs, toMs, bucketsMax } = query
  const columns = [Prisma.sql`date_trunc('minute', started_at, 'UTC') AS start`, ...groupColumns(query)]
  const conditions = [
    Prisma.sql`started_at >= ${timestamp(fromMs)} AND started_at < ${timestamp(toMs)}`,
    ...namedConditions(query),
  ]
  const places = Prisma.raw(columns.map((_, index) => index + 1).join(', '))
  const ofBidders = isOfBidders(query)
  return prisma.$queryRaw<BucketRow[]>`
    SELECT ${Prisma.join(columns)}, ${ofBidders ? BIDDER_SUMS : AUCTION_SUMS}
    FROM auction_log ${ofBidders ? RESPONSES : Prisma.empty} WHERE ${Prisma.join(conditions, ' AND ')}
    GROUP BY ${places} LIMIT ${bucketsMax + 1}`
}

function tooManyAuctions(auctions: number): HistoryError {
  return new HistoryError(
    'RANGE_TOO_LARGE',
    `By minutes an answer is added up from ${MINUTE_AUCTIONS_MAX} auctions at most, and this range has some ${Math.round(auctions)}: take HOUR, a shorter range, or name fewer in supplyIds.`,
  )
}

/** "char" is compared as such: as text it would be converted for each. */
const AUCTION_SUMS = Prisma.sql`
  count(*)::float8 AS requests, count(winner_id)::float8 AS sold,
  sum(${occurrences('w')} + ${occurrences('l')})::float8 AS bids,
  sum(${occurrences('n')})::float8 AS no_bids, sum(${occurrences('t')})::float8 AS timeouts,
  sum(${occurrences('e')})::float8 AS errors, sum(${occurrences('s')})::float8 AS skipped,
  sum(price_micros)::float8 AS revenue_micros`
const RESPONSES = Prisma.raw(
  `${JOIN_BIDDER_SETS} CROSS JOIN LATERAL unnest(${BIDDER_IDS}, outcomes) AS response (bidder_id, outcome)`,
)
const BIDDER_SUMS = Prisma.sql`
  ${count('w', 'l', 'n', 't', 'e')} AS requests, ${count('w')} AS sold, ${count('w', 'l')} AS bids, ${count('n')} AS no_bids,
  ${count('t')} AS timeouts, ${count('e')} AS errors, ${count('s')} AS skipped,
  coalesce(sum(price_micros) FILTER (WHERE outcome = 'w'::"char"), 0)::float8 AS revenue_micros`

function occurrences(outcome: string): Prisma.Sql {
  return Prisma.raw(`cardinality(array_positions(outcomes, '${outcome}'::"char"))`)
}

function count(...outcomes: string[]): Prisma.Sql {
  const conditions = outcomes.map((outcome) => `outcome = '${outcome}'::"char"`).join(' OR ')
  return Prisma.raw(`(count(*) FILTER (WHERE ${conditions}))::float8`)
}
