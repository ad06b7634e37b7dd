import type pg from 'pg'
import { readNotices } from '../notices/packed-notices.ts'
import { textArray } from './array-literal.ts'
import { type PackedAuctions, readPacked } from './packed-auction.ts'

/** Puts what bidders are to be told of auctions into auction_notices, within the caller's transaction. */
export async function writeNotices(client: pg.Client, packed: readonly PackedAuctions[]): Promise<void> {
  let columns = createColumns()
  for (const auctions of packed) {
    const reader = readPacked(auctions)
    while (reader.next()) {
      if (!reader.hasNotices) continue
      const auctionId = auctions.bytes.toString('hex', reader.idStart, reader.idStart + ID_BYTES)
      addTo(columns, auctionId, reader.startedAtMs, readNotices(auctions.bytes, reader.end))
      if (columns.urlLength < URL_LENGTH_AT_ONCE) continue
      await insert(client, columns)
      columns = createColumns()
    }
  }
  if (columns.urlLength > 0) await insert(client, columns)
}

type Columns = ReturnType<typeof createColumns>

function createColumns() {
  return {
    auctionId: [] as string[],
    bidderId: [] as string[],
    kind: [] as string[],
    url: [] as string[],
    startedAt: [] as string[],
    urlLength: 0,
  }
}

function addTo(
  columns: Columns,
  auctionId: string,
  startedAtMs: number,
  notices: ReturnType<typeof readNotices>,
): void {
  for (const { bidderId, kind, url } of notices) {
    columns.auctionId.push(auctionId)
    columns.bidderId.push(bidderId)
    columns.kind.push(kind)
    // PostgreSQL has no text with NUL; as a part of a URL it is written so anyway.
    columns.url.push(url.replaceAll('\0', '%00'))
    columns.startedAt.push(new Date(startedAtMs).toISOString())
    columns.urlLength += url.length
  }
}

async function insert(client: pg.Client, { auctionId, bidderId, kind, url, startedAt }: Columns): Promise<void> {
  await client.query(INSERT, [auctionId, bidderId, kind, url, startedAt].map(textArray))
}

/** An id that comes twice must not keep the log from being written. */
const INSERT = `
  INSERT INTO auction_notices (auction_id, bidder_id, kind, url, due_at)
  SELECT auction_id, bidder_id, kind, url, CASE WHEN kind = 'BILLING' THEN NULL ELSE started_at END
  FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::timestamptz[])
    AS batch (auction_id, bidder_id, kind, url, started_at)
  ON CONFLICT DO NOTHING`
const ID_BYTES = 16
/** Characters of URLs that one statement has, give or take an auction's. */
const URL_LENGTH_AT_ONCE = 4 * 1024 * 1024
