import { type BidderRow, createRollups, type Rollups, type SupplyRow } from './rollups.ts'

/** Rows that were given up before they were written: how many, by hours since 1970, and what they counted. */
export interface Counted {
  readonly rollups: Rollups
  readonly givenUp: Map<number, number>
}

export function createCounted(): Counted {
  return { rollups: createRollups(), givenUp: new Map() }
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
const SUPPLY_COUNTERS = ['requests', 'sold', 'bids', 'noBids', 'timeouts', 'revenueMicros'] as const
const BIDDER_COUNTERS = ['asked', 'wins', 'losses', 'noBids', 'timeouts', 'revenueMicros', 'bidsMicros'] as const
type SupplyCounter = (typeof SUPPLY_COUNTERS)[number]
type BidderCounter = (typeof BIDDER_COUNTERS)[number]
