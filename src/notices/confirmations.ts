import { timeOfAuctionId } from '../auction/auction-id.ts'
import { Prisma, type PrismaClient } from '../generated/prisma/client.ts'

/** How long after an auction its publisher may say that the ad was shown, in milliseconds. */
export const CONFIRMABLE_MS = 24 * 3_600_000

/** What publishers say of ads that were shown. */
export interface Confirmations {
  /**
   * Takes it once for each auction, on whichever instance, that its ad was shown: then the winner is billed.
   * @param ofSupplies where it must be one of these supplies': then it is not found before it is in the log, which says so
   */
  confirm(auctionId: string, ofSupplies?: ReadonlySet<string>): Promise<ConfirmationResult>
}

export type ConfirmationResult =
  | { readonly type: 'CONFIRMED'; readonly isFirst: boolean }
  /** There is no such auction, or nobody has bought in it. */
  | { readonly type: 'NOT_FOUND' }
  /** The auction was too long ago. */
  | { readonly type: 'EXPIRED' }

export interface ConfirmationsDependencies {
  readonly prisma: PrismaClient
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** Told of each that is new, so that its notice is sent at once. */
  readonly onConfirmed?: () => void
  /** More than so many do not wait for their auctions. */
  readonly unsettledMax?: number
}

/**
 * Confirmations in the database: the first row of an auction counts. One that comes before its auction is in the log
 * waits for it, so an id that is not known is taken at its word, up to a number of them.
 */
export function createConfirmations(dependencies: ConfirmationsDependencies): Confirmations {
  const { prisma, now: clock, onConfirmed = () => {}, unsettledMax = UNSETTLED_MAX } = dependencies
  let counted: { readonly atMs: number; readonly mayWait: Promise<boolean> } | undefined

  /** Whether another may wait: counted once a second at most, for all who ask meanwhile. */
  function mayMoreWait(nowMs: number): Promise<boolean> {
    if (counted === undefined || Math.abs(nowMs - counted.atMs) >= COUNT_KEPT_MS) {
      const mayWait = areFewWaiting()
      counted = { atMs: nowMs, mayWait }
      // Whoever asks next asks again.
      mayWait.catch(() => {
        counted = undefined
      })
    }
    return counted.mayWait
  }

  async function areFewWaiting(): Promise<boolean> {
    const [row] = await prisma.$queryRaw<[{ waiting: number }]>`
      SELECT count(*)::int AS waiting
      FROM (SELECT FROM auction_confirmations WHERE NOT is_settled LIMIT ${unsettledMax}) AS waiting`
    return row.waiting < unsettledMax
  }

  async function isOf(supplies: ReadonlySet<string>, auctionId: string, startedAtMs: number): Promise<boolean> {
    const [row] = await prisma.$queryRaw<{ supply_id: string }[]>`
      SELECT supply_id FROM auction_log
      WHERE started_at = to_timestamp(${startedAtMs / 1000}::float8) AND id = ${auctionId}::uuid`
    return row !== undefined && supplies.has(row.supply_id)
  }

  return {
    async confirm(auctionId, ofSupplies) {
      const startedAtMs = timeOfAuctionId(auctionId)
      const nowMs = clock()
      if (startedAtMs === undefined || startedAtMs > nowMs + CLOCKS_APART_MS) return { type: 'NOT_FOUND' }
      if (startedAtMs < nowMs - CONFIRMABLE_MS) return { type: 'EXPIRED' }
      if (ofSupplies && !(await isOf(ofSupplies, auctionId, startedAtMs))) return { type: 'NOT_FOUND' }
      const mayWait = await mayMoreWait(nowMs)
      const now = Prisma.sql`to_timestamp(${nowMs / 1000}::float8)`
      const [row] = await prisma.$queryRaw<[ConfirmedRow]>`
        WITH logged AS (
          SELECT winner_id IS NOT NULL AS is_sold FROM auction_log
          WHERE started_at = to_timestamp(${startedAtMs / 1000}::float8) AND id = ${auctionId}::uuid
        ),
        confirmed AS (
          INSERT INTO auction_confirmations (auction_id, confirmed_at, is_settled)
          SELECT ${auctionId}::uuid, ${now}, EXISTS (TABLE logged)
          WHERE coalesce((TABLE logged), ${mayWait})
          ON CONFLICT DO NOTHING RETURNING true AS is_first
        ),
        due AS (
          UPDATE auction_notices SET due_at = ${now}
          WHERE auction_id = ${auctionId}::uuid AND kind = 'BILLING' AND due_at IS NULL AND EXISTS (TABLE confirmed)
        )
        SELECT (TABLE logged) AS is_sold, EXISTS (TABLE confirmed) AS is_first,
          EXISTS (SELECT FROM auction_confirmations WHERE auction_id = ${auctionId}::uuid) AS is_known`
      if (row.is_first) onConfirmed()
      // One that would have been taken and was not lost against another of the same moment.
      const isConfirmed = row.is_known || (row.is_sold ?? mayWait)
      return isConfirmed ? { type: 'CONFIRMED', isFirst: row.is_first } : { type: 'NOT_FOUND' }
    },
  }
}

interface ConfirmedRow {
  /** Null where the auction is not in the log. */
  readonly is_sold: boolean | null
  readonly is_first: boolean
  /** Whether it was confirmed before. */
  readonly is_known: boolean
}

/** An auction may seem to be of the future by so many milliseconds. */
const CLOCKS_APART_MS = 60_000
/** The most confirmations that wait for their auctions. */
const UNSETTLED_MAX = 100_000
/** How long the number of them is taken as it was, in milliseconds. */
const COUNT_KEPT_MS = 1_000
