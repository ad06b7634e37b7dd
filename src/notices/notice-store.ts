import type pg from 'pg'
import { timeOfAuctionId } from '../auction/auction-id.ts'
import { createPgClient } from '../db/client.ts'
import { inTime } from '../in-time.ts'
import { CONFIRMABLE_MS } from './confirmations.ts'
import { GIVE_UP_AFTER_MS } from './retry.ts'
import type { Notice } from './types.ts'

/** Notices on their way from the log to their bidders. Any number of processes may take some, none the same. */
export interface NoticeStore {
  /** Takes the notices that are due the longest: nobody else gets them for `leaseMs`. */
  claim(nowMs: number, leaseMs: number, countMax: number): Promise<ClaimedNotice[]>
  /** Forgets notices that were sent. */
  delete(notices: readonly ClaimedNotice[]): Promise<void>
  /** Forgets them as well, and counts them. */
  giveUp(notices: readonly ClaimedNotice[], nowMs: number): Promise<void>
  /** Leaves notices for later. */
  putOff(notices: readonly PutOff[]): Promise<void>
  /** Makes those due whose auctions came into the log after they were confirmed; returns of how many auctions. */
  settleConfirmations(nowMs: number): Promise<number>
  /** Removes what is too old to be of use: what was never confirmed, what was long ago, and counts of a month ago. */
  forgetOld(nowMs: number): Promise<void>
  dispose(): Promise<void>
}

export interface ClaimedNotice extends Notice {
  readonly auctionId: string
  /** With the one that it was claimed for. */
  readonly attempts: number
  readonly giveUpAtMs: number
}

export interface PutOff {
  readonly notice: ClaimedNotice
  readonly dueAtMs: number
  /** False where it was not tried after all. */
  readonly isTried: boolean
}

export interface NoticeStoreOptions {
  readonly connectionString: string
  readonly embedded: boolean
}

/** In PostgreSQL, over a connection of its own, which is made when it is first used and again after a failure. */
export function createNoticeStore({ connectionString, embedded }: NoticeStoreOptions): NoticeStore {
  let client: pg.Client | undefined
  let deadRows = 0
  /** The last confirmation that was looked at: the next look goes on there. */
  let settledUpTo = FIRST_ID

  async function query<Row extends pg.QueryResultRow>(text: string, values: unknown[]): Promise<pg.QueryResult<Row>> {
    try {
      return await inTime(queryOnce<Row>(text, values), QUERY_TIMEOUT_MS)
    } catch (error) {
      await disconnect()
      throw error
    }
  }

  async function queryOnce<Row extends pg.QueryResultRow>(text: string, values: unknown[]) {
    if (client === undefined) {
      const connecting = createPgClient(connectionString, QUERY_TIMEOUT_MS)
      await connecting.connect()
      client = connecting
    }
    return client.query<Row>(text, values)
  }

  async function disconnect(): Promise<void> {
    const connected = client
    client = undefined
    if (connected !== undefined) await inTime(connected.end(), DISCONNECT_TIMEOUT_MS).catch(() => {})
  }

  /** The embedded database does not make room by itself. */
  async function makeRoom(): Promise<void> {
    if (!embedded || deadRows < VACUUM_AFTER) return
    deadRows = 0
    await query('VACUUM auction_notices', [])
    await query('VACUUM auction_confirmations', [])
  }

  return {
    async claim(nowMs, leaseMs, countMax) {
      const now = new Date(nowMs)
      const values = [now, new Date(nowMs + leaseMs), new Date(nowMs + GIVE_UP_AFTER_MS), countMax]
      const { rows } = await query<NoticeRow>(CLAIM, values)
      deadRows += rows.length
      return rows.map((row) => ({
        auctionId: row.auction_id,
        bidderId: row.bidder_id,
        kind: row.kind,
        url: row.url,
        attempts: row.attempts,
        giveUpAtMs: row.give_up_at.getTime(),
      }))
    },
    async delete(notices) {
      if (notices.length === 0) return
      await query(DELETE, keysOf(notices))
      deadRows += notices.length
    },
    async giveUp(notices, nowMs) {
      if (notices.length === 0) return
      await query(GIVE_UP, [...keysOf(notices), new Date(Math.floor(nowMs / HOUR_MS) * HOUR_MS)])
      deadRows += notices.length
    },
    async putOff(putOffs) {
      if (putOffs.length === 0) return
      const dues = putOffs.map(({ dueAtMs }) => new Date(dueAtMs))
      const tried = putOffs.map(({ isTried }) => isTried)
      await query(PUT_OFF, [...keysOf(putOffs.map(({ notice }) => notice)), dues, tried])
      deadRows += putOffs.length
    },
    async settleConfirmations(nowMs) {
      const { rows } = await query<{ auction_id: string }>(UNSETTLED, [settledUpTo, SETTLED_AT_ONCE])
      const ids = rows.map(({ auction_id }) => auction_id)
      settledUpTo = ids.length === SETTLED_AT_ONCE ? (ids.at(-1) ?? FIRST_ID) : FIRST_ID
      if (ids.length === 0) return 0
      const times = ids.map((id) => new Date(timeOfAuctionId(id) ?? 0))
      const { rowCount } = await query(SETTLE, [ids, times, new Date(nowMs)])
      return rowCount ?? 0
    },
    async forgetOld(nowMs) {
      for (const table of ['auction_notices', 'auction_confirmations'] as const) {
        const where = table === 'auction_notices' ? 'due_at IS NULL AND' : ''
        let forgotten = FORGOTTEN_AT_ONCE
        while (forgotten === FORGOTTEN_AT_ONCE) {
          const { rowCount } = await query(
            `DELETE FROM ${table} WHERE ctid = ANY (ARRAY(
               SELECT ctid FROM ${table} WHERE ${where} auction_id < $1 LIMIT ${FORGOTTEN_AT_ONCE}))`,
            [firstIdOf(nowMs - CONFIRMABLE_MS - FORGET_AFTER_MS)],
          )
          forgotten = rowCount ?? 0
          deadRows += forgotten
        }
      }
      await query(`DELETE FROM auction_notices_given_up WHERE hour < $1`, [new Date(nowMs - COUNTS_KEPT_MS)])
      await makeRoom()
    },
    dispose: disconnect,
  }
}

interface NoticeRow {
  readonly auction_id: string
  readonly bidder_id: string
  readonly kind: Notice['kind']
  readonly url: string
  readonly attempts: number
  readonly give_up_at: Date
}

function keysOf(notices: readonly ClaimedNotice[]): unknown[] {
  return [
    notices.map(({ auctionId }) => auctionId),
    notices.map(({ bidderId }) => bidderId),
    notices.map(({ kind }) => kind),
  ]
}

/** The least UUIDv7 of a time. */
function firstIdOf(ms: number): string {
  const hex = Math.max(0, ms).toString(16).padStart(12, '0')
  return `${hex.slice(0, 8)}-${hex.slice(8)}${FIRST_ID.slice(13)}`
}

const FIRST_ID = '00000000-0000-0000-0000-000000000000'

const KEYS = 'unnest($1::uuid[], $2::text[], $3::text[]'
const IS_KEY = 'known.auction_id = key.auction_id AND known.bidder_id = key.bidder_id AND known.kind = key.kind'
const CLAIM = `
  UPDATE auction_notices AS known
  SET due_at = $2, attempts = known.attempts + 1, give_up_at = coalesce(known.give_up_at, $3)
  FROM (
    SELECT auction_id, bidder_id, kind FROM auction_notices WHERE due_at <= $1
    ORDER BY due_at LIMIT $4 FOR UPDATE SKIP LOCKED
  ) AS key
  WHERE ${IS_KEY}
  RETURNING known.*`
const DELETE = `
  DELETE FROM auction_notices AS known USING ${KEYS}) AS key (auction_id, bidder_id, kind) WHERE ${IS_KEY}`
const GIVE_UP = `
  WITH given_up AS (${DELETE} RETURNING known.bidder_id)
  INSERT INTO auction_notices_given_up AS known (hour, bidder_id, notices)
  SELECT $4, bidder_id, count(*) FROM given_up GROUP BY bidder_id ORDER BY bidder_id
  ON CONFLICT (hour, bidder_id) DO UPDATE SET notices = known.notices + excluded.notices`
const PUT_OFF = `
  UPDATE auction_notices AS known
  SET due_at = key.due_at, attempts = known.attempts - CASE WHEN key.is_tried THEN 0 ELSE 1 END
  FROM ${KEYS}, $4::timestamptz[], $5::boolean[]) AS key (auction_id, bidder_id, kind, due_at, is_tried)
  WHERE ${IS_KEY}`
const UNSETTLED = `
  SELECT auction_id FROM auction_confirmations WHERE NOT is_settled AND auction_id > $1 ORDER BY auction_id LIMIT $2`
/** The notice alone is there where its auction was archived already. */
const SETTLE = `
  WITH confirmed AS (SELECT * FROM unnest($1::uuid[], $2::timestamptz[]) AS c (auction_id, started_at)),
  due AS (
    UPDATE auction_notices AS known SET due_at = $3 FROM confirmed
    WHERE known.auction_id = confirmed.auction_id AND known.kind = 'BILLING' AND known.due_at IS NULL
    RETURNING known.auction_id
  ),
  logged AS (
    SELECT confirmed.auction_id FROM confirmed
    JOIN auction_log ON auction_log.started_at = confirmed.started_at AND auction_log.id = confirmed.auction_id
  )
  UPDATE auction_confirmations AS known SET is_settled = true
  FROM (TABLE due UNION TABLE logged) AS arrived WHERE known.auction_id = arrived.auction_id`

const HOUR_MS = 3_600_000
/** How long a statement may take, in milliseconds. */
const QUERY_TIMEOUT_MS = 30_000
const DISCONNECT_TIMEOUT_MS = 1_000
/** Confirmations that are looked at in one statement. */
const SETTLED_AT_ONCE = 1_000
/** Rows that are removed in one statement. */
const FORGOTTEN_AT_ONCE = 5_000
/** For so long after it could be confirmed an auction's notice and confirmation are kept, in milliseconds. */
const FORGET_AFTER_MS = HOUR_MS
/** How long it is known how many notices were given up, in milliseconds. */
const COUNTS_KEPT_MS = 30 * 24 * HOUR_MS
/** Rows that were changed or deleted before the embedded database is told to use their room again. */
const VACUUM_AFTER = 1_000
