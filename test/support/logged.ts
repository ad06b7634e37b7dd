import { createAuctionIds } from '../../src/auction/auction-id.ts'
import { REASONS, type ReasonName } from '../../src/bidders/reasons.ts'
import type { BidderOutcome } from '../../src/bidders/types.ts'
import type { PrismaClient } from '../../src/generated/prisma/client.ts'
import type { LoggedAuction } from '../../src/history/types.ts'

const newAuctionId = createAuctionIds()

export type Answers = Readonly<Record<string, readonly [BidderOutcome, number?]>>

/**
 * An auction as it is logged.
 * @param answers of each bidder the outcome, and the price bid in millionths
 */
export function loggedAuction(
  startedAt: string | number,
  supplyId: string,
  country: string,
  answers: Answers = {},
): LoggedAuction {
  const startedAtMs = typeof startedAt === 'number' ? startedAt : Date.parse(startedAt)
  const responses = Object.entries(answers).map(([bidderId, [outcome, priceMicros = null]]) => ({
    bidderId,
    outcome,
    priceMicros,
    latencyMs: outcome === 'TIMED_OUT' || outcome === 'SKIPPED' ? null : 12.5,
    reason: REASON_OF[outcome],
  }))
  const winner = responses.find(({ outcome }) => outcome === 'WON')
  return {
    // Ids of one maker only rise; those of a test come in any order.
    id: idAt(startedAtMs),
    supplyId,
    country,
    tmaxMs: 200,
    winnerId: winner?.bidderId ?? null,
    priceMicros: winner?.priceMicros ?? 0,
    startedAtMs,
    durationMs: 150.25,
    responses,
  }
}

/** Writes auctions into the log of a migrated database, as it would have them itself, and the statistics of each hour. */
export async function logAuctions(prisma: PrismaClient, auctions: readonly LoggedAuction[]): Promise<void> {
  const days = new Set(auctions.map(({ startedAtMs }) => new Date(startedAtMs).toISOString().slice(0, 10)))
  for (const day of days) await prisma.$queryRaw`SELECT auction_log_make_days(${day}::date, 1)`
  await prisma.$executeRawUnsafe(INSERT, JSON.stringify(auctions.map(withReasons)))
  for (const statement of NAME_SETS) await prisma.$executeRawUnsafe(statement)
  await prisma.$executeRawUnsafe(`TRUNCATE ${Object.keys(ROLLUPS).join(', ')}`)
  for (const [table, counted] of Object.entries(ROLLUPS)) {
    await prisma.$executeRawUnsafe(`INSERT INTO ${table} ${counted}`)
  }
}

function withReasons(auction: LoggedAuction) {
  return { ...auction, reasons: reasonCodes(auction) }
}

/** As a row has them. */
export function reasonCodes({ responses }: Pick<LoggedAuction, 'responses'>): number[] | null {
  const codes = responses.map(({ reason }) => (reason ? REASONS[reason].code : 0))
  return codes.some((code) => code > 0) ? codes : null
}

const REASON_OF: Readonly<Partial<Record<BidderOutcome, ReasonName>>> = {
  ERROR: 'INVALID_JSON',
  SKIPPED: 'CIRCUIT_OPEN',
}

/** An id as the service makes it at this moment, in milliseconds since 1970. */
export function idAt(ms: number): string {
  const hex = ms.toString(16).padStart(12, '0')
  return `${hex.slice(0, 8)}-${hex.slice(8)}-${newAuctionId(Date.now()).slice(14)}`
}

const INSERT = `
  INSERT INTO auction_log
  SELECT to_timestamp((a->>'startedAtMs')::float8 / 1000), (a->>'id')::uuid, a->>'supplyId', a->>'country',
    (a->>'tmaxMs')::int, a->>'winnerId', (a->>'priceMicros')::bigint, (a->>'durationMs')::real,
    ARRAY(SELECT r->>'bidderId' FROM jsonb_array_elements(a->'responses') AS r),
    ARRAY(SELECT lower(left(r->>'outcome', 1))::"char" FROM jsonb_array_elements(a->'responses') AS r),
    ARRAY(SELECT (r->>'priceMicros')::bigint FROM jsonb_array_elements(a->'responses') AS r),
    ARRAY(SELECT (r->>'latencyMs')::real FROM jsonb_array_elements(a->'responses') AS r),
    NULL, CASE WHEN jsonb_typeof(a->'reasons') = 'array' THEN
      ARRAY(SELECT code::smallint FROM jsonb_array_elements_text(a->'reasons') AS code) END
  FROM jsonb_array_elements($1::jsonb) AS a`

/** Has some rows name their bidders' set, as new ones do, while others have the bidders themselves. */
export const NAME_SETS = [
  `INSERT INTO auction_log_bidder_sets SELECT DISTINCT md5(bidder_ids::text)::uuid, bidder_ids FROM auction_log
    WHERE bidder_ids <> '{}' ON CONFLICT DO NOTHING`,
  `UPDATE auction_log SET bidder_set_id = md5(bidder_ids::text)::uuid, bidder_ids = NULL
    WHERE bidder_ids <> '{}' AND hashtext(id::text) % 2 = 0`,
] as const

const HOUR = `date_trunc('hour', started_at, 'UTC')`
const SUPPLY_COUNTS = `count(*), count(winner_id),
  sum((SELECT count(*) FROM unnest(outcomes) AS o WHERE o IN ('w', 'l'))),
  sum((SELECT count(*) FROM unnest(outcomes) AS o WHERE o = 'n')),
  sum((SELECT count(*) FROM unnest(outcomes) AS o WHERE o = 't')), sum(price_micros),
  sum((SELECT count(*) FROM unnest(outcomes) AS o WHERE o = 'e')),
  sum((SELECT count(*) FROM unnest(outcomes) AS o WHERE o = 's'))`
const BIDDER_COUNTS = `min(country), count(*) FILTER (WHERE o <> 's'), count(*) FILTER (WHERE o = 'w'), count(*) FILTER (WHERE o = 'l'),
  count(*) FILTER (WHERE o = 'n'), count(*) FILTER (WHERE o = 't'),
  coalesce(sum(price_micros) FILTER (WHERE o = 'w'), 0), coalesce(sum(p), 0),
  count(*) FILTER (WHERE o = 'e'), count(*) FILTER (WHERE o = 's')`
const RESPONSES = `auction_log LEFT JOIN auction_log_bidder_sets USING (bidder_set_id),
  unnest(coalesce(bidder_ids, member_ids), outcomes, prices_micros) AS r (b, o, p)`
/** The statistics of each hour, by table, as the rows have them. */
export const ROLLUPS = {
  supply_stats_hourly: `SELECT supply_id, ${HOUR}, country, ${SUPPLY_COUNTS} FROM auction_log GROUP BY 1, 2, 3`,
  exchange_stats_hourly: `SELECT ${HOUR}, country, ${SUPPLY_COUNTS} FROM auction_log GROUP BY 1, 2`,
  bidder_stats_hourly: `SELECT supply_id, ${HOUR}, b, ${BIDDER_COUNTS} FROM ${RESPONSES} GROUP BY 1, 2, 3`,
  exchange_bidder_stats_hourly: `SELECT ${HOUR}, b, ${BIDDER_COUNTS} FROM ${RESPONSES} GROUP BY 1, 2`,
} as const
