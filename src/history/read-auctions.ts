import { timeOfAuctionId } from '../auction/auction-id.ts'
import { reasonOfCode } from '../bidders/reasons.ts'
import { Prisma, type PrismaClient } from '../generated/prisma/client.ts'
import { BIDDER_IDS, JOIN_BIDDER_SETS } from './bidder-sets.ts'
import { OUTCOMES } from './packed-auction.ts'
import { timestamp } from './timestamp.ts'
import { type AuctionFilter, type AuctionPage, type FoundAuctions, HistoryError, type LoggedAuction } from './types.ts'

/** Without a beginning, auctions are sought in so many days before now. */
export const SEARCHED_DAYS = 90
/** How many auctions are looked at, whether they fit or not. */
export interface LookLimits {
  /** In one statement. */
  readonly once: number
  /** For one page; a multiple of that. */
  readonly max: number
}

/** Ten thousand take some ten milliseconds. */
export const LOOK_LIMITS: LookLimits = { once: 10_000, max: 100_000 }

/** Reads an auction from the one partition that its id tells, by the index on the time. */
export async function readAuction(prisma: PrismaClient, id: string): Promise<LoggedAuction | undefined> {
  const startedAtMs = timeOfAuctionId(id)
  if (startedAtMs === undefined) return undefined
  const [row] = await prisma.$queryRaw<AuctionRow[]>`
    SELECT ${COLUMNS} FROM auction_log ${JOINED} WHERE started_at = ${timestamp(startedAtMs)} AND id = ${id}::uuid`
  return row && toAuction(row)
}

/**
 * Reads a page of auctions, going back in time by windows of days that grow, so that the plan of each statement has few
 * partitions; and by a bounded number of auctions at a time, so that a filter which fits few takes no longer than the
 * statements' timeout. Where the bound is met, the page is shorter and the next one goes on from its last auction.
 */
export async function readAuctions(
  prisma: PrismaClient,
  filter: AuctionFilter,
  { first, after }: AuctionPage,
  nowMs: number,
  limits: LookLimits,
): Promise<FoundAuctions> {
  const wanted = first + 1
  const found: AuctionRow[] = []
  const fromMs = filter.fromMs ?? nowMs - SEARCHED_DAYS * DAY_MS
  const step = { ...filter, after, ...firstWindow(filter, after, nowMs) }
  let days = 1
  let lookedAt = 0
  step.fromMs = Math.max(fromMs, step.fromMs)
  while (step.toMs > fromMs) {
    const rows = await readStep(prisma, step, wanted - found.length, limits.once)
    for (const row of rows) if (row.fits) found.push(row)
    if (found.length === wanted) break
    const last = rows.at(-1)
    if (last?.place === limits.once) {
      step.after = last.id
      step.toMs = last.started_at.getTime() + 1
      lookedAt += limits.once
      if (lookedAt < limits.max) continue
      if (found.length === 0) throw nothingFound(limits.max, step.toMs)
      return { auctions: found.map(toAuction), hasMore: true }
    }
    days *= 2
    step.toMs = step.fromMs
    step.fromMs = Math.max(fromMs, step.fromMs - days * DAY_MS)
  }
  return { auctions: found.slice(0, first).map(toAuction), hasMore: found.length > first }
}

/** A window, read from its end backwards or from an auction in it. */
interface Step extends AuctionFilter {
  fromMs: number
  toMs: number
  after: string | undefined
}

/** Today, and what a clock that runs ahead may have dated later; or the day in which the page begins. */
function firstWindow({ toMs }: AuctionFilter, after: string | undefined, nowMs: number): Pick<Step, 'fromMs' | 'toMs'> {
  const afterMs = after === undefined ? undefined : timeOfAuctionId(after)
  const end = Math.min(toMs ?? Infinity, afterMs === undefined ? Infinity : afterMs + 1, nowMs + DAY_MS)
  return { fromMs: Math.floor(Math.min(end - 1, nowMs) / DAY_MS) * DAY_MS, toMs: end }
}

/**
 * Looks at so many auctions of a window at most, and gives those that fit. The last one that is looked at comes as well,
 * whether it fits or not, for the next step to go on from.
 */
function readStep(prisma: PrismaClient, step: Step, limit: number, lookedAtMax: number): Promise<StepRow[]> {
  const { supplyId, bidderId, country, isSold, fromMs, toMs, after } = step
  const within = [
    Prisma.sql`started_at >= ${timestamp(fromMs)} AND started_at < ${timestamp(toMs)}`,
    ...(supplyId === undefined ? [] : [Prisma.sql`supply_id = ${supplyId}`]),
    ...(after === undefined ? [] : [Prisma.sql`(started_at, id) < (${timeOf(after)}, ${after}::uuid)`]),
  ]
  const fitting = [
    Prisma.sql`true`,
    ...(bidderId === undefined ? [] : [Prisma.sql`${ASKED} @> ARRAY[${bidderId}]::text[]`]),
    ...(country === undefined ? [] : [Prisma.sql`country = ${country}`]),
    ...(isSold === undefined ? [] : [Prisma.sql`(winner_id IS NOT NULL) = ${isSold}`]),
  ]
  return prisma.$queryRaw<StepRow[]>`
    SELECT ${COLUMNS}, fits, place FROM (
      SELECT *, ${Prisma.join(fitting, ' AND ')} AS fits,
        (row_number() OVER (ORDER BY started_at DESC, id DESC))::int AS place
      FROM auction_log WHERE ${Prisma.join(within, ' AND ')}
      ORDER BY started_at DESC, id DESC LIMIT ${lookedAtMax}
    ) AS looked_at ${JOINED}
    WHERE fits OR place = ${lookedAtMax}
    ORDER BY looked_at.started_at DESC, looked_at.id DESC LIMIT ${limit}`
}

function timeOf(id: string): Prisma.Sql {
  return timestamp(timeOfAuctionId(id) ?? 0)
}

function nothingFound(lookedAt: number, beforeMs: number): HistoryError {
  const before = new Date(beforeMs).toISOString()
  return new HistoryError(
    'RANGE_TOO_LARGE',
    `None of the newest ${lookedAt} auctions of this range fits: name a supplyId, or go on with to: ${before}.`,
  )
}

interface AuctionRow {
  readonly id: string
  readonly started_at: Date
  readonly supply_id: string
  readonly country: string
  readonly tmax_ms: number
  readonly winner_id: string | null
  readonly price_micros: bigint
  readonly duration_ms: number
  readonly bidder_ids: readonly string[]
  readonly outcomes: readonly string[]
  readonly prices_micros: readonly (number | null)[]
  readonly latencies_ms: readonly (number | null)[]
  readonly reasons: readonly number[] | null
}

interface StepRow extends AuctionRow {
  readonly fits: boolean
  readonly place: number
}

function toAuction(row: AuctionRow): LoggedAuction {
  return {
    id: row.id,
    supplyId: row.supply_id,
    country: row.country,
    tmaxMs: row.tmax_ms,
    winnerId: row.winner_id,
    priceMicros: Number(row.price_micros),
    startedAtMs: row.started_at.getTime(),
    durationMs: row.duration_ms,
    responses: row.bidder_ids.map((bidderId, index) => ({
      bidderId,
      outcome: OUTCOMES[row.outcomes[index] ?? ''] ?? 'TIMED_OUT',
      priceMicros: row.prices_micros[index] ?? null,
      latencyMs: row.latencies_ms[index] ?? null,
      reason: reasonOfCode(row.reasons?.[index] ?? 0),
    })),
  }
}

/** Of types that Prisma's driver adapter can read; whole millionths up to 2^53 are exact as float8. */
const COLUMNS = Prisma.sql`id::text, started_at, supply_id, country, tmax_ms, winner_id, price_micros, duration_ms,
  ${Prisma.raw(BIDDER_IDS)} AS bidder_ids, outcomes::text[], prices_micros::float8[], latencies_ms, reasons::int[]`
const JOINED = Prisma.raw(JOIN_BIDDER_SETS)
/** BIDDER_IDS of the few that are looked at: a join may be planned to read all sets first. */
const ASKED = Prisma.sql`coalesce(bidder_ids, (
  SELECT member_ids FROM auction_log_bidder_sets AS sets WHERE sets.bidder_set_id = auction_log.bidder_set_id))`
const DAY_MS = 86_400_000
