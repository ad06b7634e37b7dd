import type pg from 'pg'
import { numberArray, textArray } from './array-literal.ts'
import { BIDDER_COUNTERS, type BidderRow, type Rollups, SUPPLY_COUNTERS, type SupplyRow } from './rollups.ts'

/** Adds to the statistics of each hour, within the caller's transaction. */
export async function writeRollups(client: pg.Client, rollups: Rollups): Promise<void> {
  if (rollups.isEmpty()) return
  // The rows that every writer adds to come last, so that they are locked for the shortest time.
  await upsert(client, SUPPLIES, rollups.supplies())
  await upsert(client, BIDDERS, rollups.bidders())
  await upsert(client, EXCHANGE, rollups.exchange())
  await upsert(client, EXCHANGE_BIDDERS, rollups.exchangeBidders())
}

/** A table of statistics, how its key is made of a row, and what is added up. */
interface RollupTable<Row> {
  readonly statement: string
  readonly columns: readonly ((rows: readonly Row[]) => string)[]
}

async function upsert<Row>(client: pg.Client, table: RollupTable<Row>, rows: readonly Row[]): Promise<void> {
  if (rows.length === 0) return
  const values = table.columns.map((column) => column(rows))
  await client.query(table.statement, values)
}

const SUPPLIES = rollupTable<SupplyRow>('supply_stats_hourly', ['supplyId', 'hour', 'country'], [], SUPPLY_COUNTERS)
const BIDDERS = rollupTable<BidderRow>(
  'bidder_stats_hourly',
  ['supplyId', 'hour', 'bidderId'],
  ['country'],
  BIDDER_COUNTERS,
)
const EXCHANGE = rollupTable<SupplyRow>('exchange_stats_hourly', ['hour', 'country'], [], SUPPLY_COUNTERS)
const EXCHANGE_BIDDERS = rollupTable<BidderRow>(
  'exchange_bidder_stats_hourly',
  ['hour', 'bidderId'],
  ['country'],
  BIDDER_COUNTERS,
)

/**
 * @param key the primary key
 * @param kept columns whose newest value is kept
 * @param counters columns that are added to
 */
function rollupTable<Row extends object>(
  name: string,
  key: readonly (keyof Row & string)[],
  kept: readonly (keyof Row & string)[],
  counters: readonly (keyof Row & string)[],
): RollupTable<Row> {
  const all = [...key, ...kept, ...counters]
  const columns = all.map(columnName).join(', ')
  const arrays = all.map((field, index) => `$${index + 1}::${isText(field) ? 'text' : 'bigint'}[]`).join(', ')
  const selected = all.map((field) => (field === 'hour' ? 'to_timestamp(hour * 3600)' : columnName(field))).join(', ')
  const updates = [
    ...kept.map((field) => `${columnName(field)} = excluded.${columnName(field)}`),
    ...counters.map((field) => `${columnName(field)} = known.${columnName(field)} + excluded.${columnName(field)}`),
  ]
  return {
    statement: `INSERT INTO ${name} AS known (${columns})
      SELECT ${selected} FROM unnest(${arrays}) AS batch (${columns})
      ON CONFLICT (${key.map(columnName).join(', ')}) DO UPDATE SET ${updates.join(', ')}`,
    columns: all.map((field) => (rows) => {
      const values = rows.map((row) => row[field])
      return isText(field) ? textArray(values as string[]) : numberArray(values as number[])
    }),
  }
}

function isText(field: string): boolean {
  return field === 'supplyId' || field === 'bidderId' || field === 'country'
}

function columnName(field: string): string {
  return field.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}
