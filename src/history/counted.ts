import { type PackedAuctions, readPacked } from './packed-auction.ts'
import {
  BIDDER_COUNTERS,
  type BidderRow,
  createRollups,
  hourOf,
  type Rollups,
  SUPPLY_COUNTERS,
  type SupplyRow,
} from './rollups.ts'

/** Rows that were given up before they were written: how many, by hours since 1970, and what they counted. */
export interface Counted {
  readonly rollups: Rollups
  readonly givenUp: Map<number, number>
}

export function createCounted(): Counted {
  return { rollups: createRollups(), givenUp: new Map() }
}

/** Counts auctions whose rows are given up. */
export function giveUp({ rollups, givenUp }: Counted, auctions: Pick<PackedAuctions, 'bytes'>): void {
  const reader = readPacked(auctions)
  while (reader.next()) {
    rollups.add(auctions.bytes, reader)
    const hour = hourOf(reader.startedAtMs)
    givenUp.set(hour, (givenUp.get(hour) ?? 0) + 1)
  }
}

/**
 * The same as fields and amounts of a Redis hash: an hour and the rows given up; of a supply `hour, supply, country,
 * counter`, of a bidder `hour, supply, country, counter, bidder`, joined by line breaks, which no id has.
 */
export function countedFields({ rollups, givenUp }: Counted): (string | number)[] {
  const fields: (string | number)[] = []
  for (const [hour, rows] of givenUp) fields.push(String(hour), rows)
  for (const row of rollups.supplies()) addFields(fields, row, SUPPLY_COUNTERS, '')
  for (const row of rollups.bidders()) addFields(fields, row, BIDDER_COUNTERS, `${SEPARATOR}${row.bidderId}`)
  return fields
}

/** The reverse, from Redis's answer. */
export function parseCounted(hash: Readonly<Record<string, string>>): Counted {
  const { rollups, givenUp } = createCounted()
  for (const [field, amount] of Object.entries(hash)) {
    const [hour, supplyId, country, counter, bidderId] = field.split(SEPARATOR)
    if (supplyId === undefined || country === undefined) {
      givenUp.set(Number(hour), Number(amount))
      continue
    }
    const key = { hour: Number(hour), supplyId, country }
    if (bidderId === undefined) rollups.supply(key)[counter as SupplyCounter] += Number(amount)
    else rollups.bidder({ ...key, bidderId })[counter as BidderCounter] += Number(amount)
  }
  return { rollups, givenUp }
}

function addFields<Row extends SupplyRow | BidderRow>(
  fields: (string | number)[],
  row: Row,
  counters: readonly (keyof Row & string)[],
  suffix: string,
): void {
  for (const counter of counters) {
    const amount = row[counter] as number
    if (amount === 0) continue
    fields.push(`${[row.hour, row.supplyId, row.country, counter].join(SEPARATOR)}${suffix}`, amount)
  }
}

const SEPARATOR = '\n'
type SupplyCounter = (typeof SUPPLY_COUNTERS)[number]
type BidderCounter = (typeof BIDDER_COUNTERS)[number]
