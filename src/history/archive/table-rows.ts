import type pg from 'pg'
import { reasonOfCode } from '../../bidders/reasons.ts'
import type { BidderOutcome } from '../../bidders/types.ts'
import { compareIds } from '../../id-order.ts'
import { BIDDER_IDS, JOIN_BIDDER_SETS } from '../bidder-sets.ts'
import { OUTCOMES } from '../packed-auction.ts'
import type { LoggedAuction } from '../types.ts'

/**
 * The auctions of a table of auction_log's columns as they are at one moment, by supply, the newest first. The cursor
 * outlives its transaction: nothing is locked while they are read.
 */
export async function* readTable(client: pg.Client, table: string): AsyncGenerator<LoggedAuction> {
  await client.query(
    `DECLARE ${CURSOR} NO SCROLL CURSOR WITH HOLD FOR SELECT ${SELECTED} FROM ${table} ${JOIN_BIDDER_SETS} ORDER BY ${ORDER}`,
  )
  try {
    for (;;) {
      const { rows } = await client.query<Row>({ text: `FETCH ${ROWS_FETCHED} FROM ${CURSOR}`, rowMode: 'array' })
      if (rows.length === 0) return
      for (const row of rows) yield toAuction(row)
    }
  } finally {
    // Where the connection is gone, so is the cursor.
    await client.query(`CLOSE ${CURSOR}`).catch(() => {})
  }
}

/**
 * The same for an embedded database, whose clients share a session that is cleared of cursors whenever one of them leaves,
 * and wait for each other's statements: small pages along the index. Of auctions that are added meanwhile some may come.
 */
export async function* readTableInPages(client: pg.Client, table: string): AsyncGenerator<LoggedAuction> {
  const { rows: supplies } = await client.query<{ id: string }>(`SELECT DISTINCT supply_id AS id FROM ${table}`)
  for (const { id } of supplies.sort((a, b) => compareIds(a.id, b.id))) yield* readSupply(client, table, id)
}

async function* readSupply(client: pg.Client, table: string, supplyId: string): AsyncGenerator<LoggedAuction> {
  const text = `SELECT ${SELECTED} FROM ${table} ${JOIN_BIDDER_SETS}
    WHERE supply_id = $1 AND started_at <= $2 AND (started_at, id) < ($2, $3::uuid)
    ORDER BY started_at DESC, id DESC LIMIT ${ROWS_FETCHED}`
  let last: Pick<LoggedAuction, 'startedAtMs' | 'id'> | undefined
  for (;;) {
    const before = last ? [new Date(last.startedAtMs).toISOString(), last.id] : ['infinity', LAST_ID]
    const { rows } = await client.query<Row>({ text, values: [supplyId, ...before], rowMode: 'array' })
    for (const row of rows) {
      const auction = toAuction(row)
      last = auction
      yield auction
    }
    if (rows.length < ROWS_FETCHED) return
  }
}

/** Numbers as such, and each list as one text: node-postgres would read arrays letter by letter. */
const SELECTED = `
  id, extract(epoch FROM started_at)::float8 * 1000, supply_id, country, tmax_ms, winner_id, price_micros::float8, duration_ms,
  array_to_string(${BIDDER_IDS}, E'\\n'), array_to_string(outcomes, ''), array_to_string(prices_micros, ',', ''),
  array_to_string(latencies_ms, ',', ''), coalesce(array_to_string(reasons, ','), '')`

/** In the order of bytes, which is that of a Parquet file's statistics, whatever the database's own is. */
const ORDER = 'supply_id COLLATE "C", started_at DESC, id DESC'
const CURSOR = 'auction_archive'
const LAST_ID = 'ffffffff-ffff-ffff-ffff-ffffffffffff'
/** How many rows are in memory at once. */
const ROWS_FETCHED = 2_000

type Row = [
  string,
  number,
  string,
  string,
  number,
  string | null,
  number,
  number,
  string,
  string,
  string,
  string,
  string,
]

function toAuction(row: Row): LoggedAuction {
  const [id, startedAtMs, supplyId, country, tmaxMs, winnerId, priceMicros, durationMs] = row
  const [bidderIds, outcomes, prices, latencies, reasons] = row.slice(8) as [string, string, string, string, string]
  const ids = bidderIds.split('\n')
  const pricesMicros = prices.split(',')
  const latenciesMs = latencies.split(',')
  const codes = reasons.split(',')
  return {
    id,
    startedAtMs: Math.round(startedAtMs),
    supplyId,
    country,
    tmaxMs,
    winnerId,
    priceMicros,
    durationMs: roundReal(durationMs),
    responses: Array.from(outcomes, (code, index) => ({
      bidderId: ids[index] ?? '',
      outcome: OUTCOMES[code] as BidderOutcome,
      priceMicros: pricesMicros[index] ? Number(pricesMicros[index]) : null,
      latencyMs: latenciesMs[index] ? roundReal(Number(latenciesMs[index])) : null,
      reason: reasonOfCode(Number(codes[index])),
    })),
  }
}

/** A REAL to hundredths, which is what the archive keeps, exactly as PostgreSQL rounds them for a day's sums. */
function roundReal(ms: number): number {
  return Math.floor(Math.fround(ms) * 100 + 0.5) / 100
}
