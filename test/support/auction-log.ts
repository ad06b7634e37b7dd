import type { Auction } from '../../src/auction/types.ts'
import { readPacked } from '../../src/history/packed-auction.ts'
import { createRollups } from '../../src/history/rollups.ts'
import { type LogBatch, type LoggedAuction, WHOLE } from '../../src/history/types.ts'
import { packAll } from './auctions.ts'
import { ROLLUPS } from './logged.ts'
import { query } from './postgres.ts'

/** A batch of these auctions, as the log's writer makes it. */
export function batchOf(position: string, auctions: readonly Auction[]): LogBatch {
  const packed = packAll(auctions)
  const rollups = createRollups()
  const reader = readPacked(packed)
  while (reader.next()) rollups.add(packed.bytes, reader)
  return {
    positions: new Map([[WHOLE, position]]),
    rows: auctions.length > 0 ? [packed] : [],
    rollups,
    givenUp: new Map(),
  }
}

/** An auction as it is read from the log. */
export function loggedOf({
  winner,
  auctionType: _auctionType,
  floorMicros: _floorMicros,
  ...auction
}: Auction): LoggedAuction {
  return { ...auction, winnerId: winner?.id ?? null }
}

/** Forgets every auction, its sums and who wrote it. */
export async function emptyLog(url: string): Promise<void> {
  const tables = ['auction_log', 'auction_log_writers', 'auction_log_given_up', ...Object.keys(ROLLUPS)]
  await query(url, `TRUNCATE ${tables.join(', ')}`)
}

/** Where the sums of hours and those of the rows differ. */
export async function rollupDifferences(url: string): Promise<unknown[]> {
  const differences: unknown[] = []
  for (const [table, counted] of Object.entries(ROLLUPS)) {
    const more = await query(url, `SELECT '${table} has' AS what, * FROM (TABLE ${table} EXCEPT ${counted}) AS more`)
    const fewer = await query(
      url,
      `SELECT '${table} lacks' AS what, * FROM (${counted} EXCEPT TABLE ${table}) AS fewer`,
    )
    differences.push(...more, ...fewer)
  }
  return differences
}
