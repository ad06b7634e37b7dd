import type pg from 'pg'
import { from } from 'pg-copy-streams'
import { numberArray, textArray } from './array-literal.ts'
import { type BidderSets, bidderIdsOf } from './bidder-sets.ts'
import { COLUMNS, createCopyRows } from './copy-format.ts'
import { OUTCOME_CODES, type PackedAuctions, type PackedReader, readPacked } from './packed-auction.ts'

/** Puts auctions into auction_log, and the sets of bidders that they name, within the caller's transaction. */
export type WriteRows = (client: pg.Client, packed: readonly PackedAuctions[], sets: BidderSets) => Promise<void>

/** By COPY, at half of what an INSERT costs. */
export const copyRows: WriteRows = async (client, packed, sets) => {
  const rows = createCopyRows()
  for (const auctions of packed) {
    const reader = readPacked(auctions)
    while (reader.next()) rows.add(auctions.bytes, reader, sets.idOf(auctions.bytes, reader))
  }
  await sets.store(client)
  const copy = client.query(from(`COPY auction_log (${COLUMNS}) FROM STDIN (FORMAT binary)`))
  let hasFailed = false
  const failed = new Promise<never>((_resolve, reject) => {
    copy.once('error', (error) => {
      hasFailed = true
      reject(error)
    })
  })
  // A piece at a time: where PostgreSQL refuses one, the stream would still send what waits in it, over a connection that
  // it has let go of, and throw where nobody can catch it.
  async function send(): Promise<void> {
    for (const piece of rows.finish()) {
      if (hasFailed) return
      await new Promise((resolve) => copy.write(piece, resolve))
    }
    if (!hasFailed) await new Promise<void>((resolve) => copy.end(resolve))
  }
  await Promise.race([failed, send()])
}

/** For the embedded database, which has no COPY from a client. */
export const insertRows: WriteRows = async (client, packed, sets) => {
  const columns = createColumns()
  for (const auctions of packed) {
    const reader = readPacked(auctions)
    while (reader.next()) addTo(columns, auctions.bytes, reader, sets.idOf(auctions.bytes, reader))
  }
  await sets.store(client)
  await client.query(INSERT, [
    textArray(columns.startedAt),
    textArray(columns.id),
    textArray(columns.supplyId),
    textArray(columns.country),
    numberArray(columns.tmaxMs),
    textArray(columns.winnerId),
    numberArray(columns.priceMicros),
    numberArray(columns.durationMs),
    textArray(columns.bidderIds),
    textArray(columns.outcomes),
    textArray(columns.pricesMicros),
    textArray(columns.latenciesMs),
    textArray(columns.bidderSetId),
    textArray(columns.reasons),
  ])
}

type Columns = ReturnType<typeof createColumns>

function createColumns() {
  return {
    startedAt: [] as string[],
    id: [] as string[],
    supplyId: [] as string[],
    country: [] as string[],
    tmaxMs: [] as number[],
    winnerId: [] as (string | null)[],
    priceMicros: [] as number[],
    durationMs: [] as number[],
    // Of each auction an array, as a literal.
    bidderIds: [] as (string | null)[],
    outcomes: [] as string[],
    pricesMicros: [] as string[],
    latenciesMs: [] as string[],
    bidderSetId: [] as (string | null)[],
    reasons: [] as (string | null)[],
  }
}

function addTo(columns: Columns, bytes: Buffer, auction: PackedReader, bidderSetId: Buffer | undefined): void {
  const responses = Array.from({ length: auction.responses }, (_, response) => response)
  const bidderIds = bidderIdsOf(bytes, auction)
  const winner = responses.findIndex((response) => auction.outcome(response) === OUTCOME_CODES.WON)
  columns.startedAt.push(new Date(auction.startedAtMs).toISOString())
  columns.id.push(bytes.toString('hex', auction.idStart, auction.idStart + ID_BYTES))
  columns.supplyId.push(bytes.toString('utf8', auction.supplyStart, auction.supplyEnd))
  columns.country.push(auction.country)
  columns.tmaxMs.push(auction.tmaxMs)
  columns.winnerId.push(bidderIds[winner] ?? null)
  columns.priceMicros.push(auction.priceMicros)
  columns.durationMs.push(auction.durationMs)
  columns.bidderIds.push(bidderSetId ? null : textArray(bidderIds))
  columns.outcomes.push(textArray(responses.map((response) => String.fromCharCode(auction.outcome(response)))))
  columns.pricesMicros.push(numberArray(responses.map((response) => known(auction.bidMicros(response)))))
  columns.latenciesMs.push(numberArray(responses.map((response) => known(auction.latencyMs(response)))))
  columns.bidderSetId.push(bidderSetId?.toString('hex') ?? null)
  columns.reasons.push(auction.hasReasons ? numberArray(responses.map((response) => auction.reason(response))) : null)
}

function known(value: number): number | null {
  return Number.isNaN(value) ? null : value
}

const ID_BYTES = 16
const INSERT = `
  INSERT INTO auction_log (${COLUMNS})
  SELECT started_at, id, supply_id, country, tmax_ms, winner_id, price_micros, duration_ms,
    bidder_ids::text[], outcomes::"char"[], prices_micros::bigint[], latencies_ms::real[], bidder_set_id,
    reasons::smallint[]
  FROM unnest($1::timestamptz[], $2::uuid[], $3::text[], $4::text[], $5::smallint[], $6::text[], $7::bigint[],
    $8::real[], $9::text[], $10::text[], $11::text[], $12::text[], $13::uuid[], $14::text[]) AS batch (${COLUMNS})`
