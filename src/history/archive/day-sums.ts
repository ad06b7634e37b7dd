import { REASONS } from '../../bidders/reasons.ts'
import type { BidderOutcome } from '../../bidders/types.ts'
import type { LoggedAuction } from '../types.ts'

/** What a day's auctions add up to, as decimal numbers: equal where they are the same auctions. */
export type DaySums = Readonly<Record<keyof typeof SUMS, string>>

/** Adds auctions up, one by one. */
export interface SumsAdder {
  add(auction: LoggedAuction): void
  total(): DaySums
}

export function createSumsAdder(): SumsAdder {
  // Sums of ids and times are more than 64 bits have room for.
  const totals = DEFINITIONS.map(() => 0n)
  return {
    add(auction) {
      for (let index = 0; index < DEFINITIONS.length; index += 1) {
        totals[index] = (totals[index] ?? 0n) + BigInt(DEFINITIONS[index]?.[1].of(auction) ?? 0)
      }
    },
    total: () => toSums((_name, index) => String(totals[index])),
  }
}

/** A query of one row, that adds up a table of the columns of auction_log: what `readSums` reads. */
export function sumsQuery(table: string): string {
  return `SELECT ${DEFINITIONS.map(([name, { sql }]) => `coalesce(${sql}, 0)::text AS "${name}"`).join(', ')} FROM ${table}`
}

export function readSums(row: Readonly<Record<string, string>>): DaySums {
  return toSums((name) => row[name] ?? '0')
}

/** The names of what differs. */
export function differences(sums: DaySums, others: DaySums): string[] {
  return DEFINITIONS.map(([name]) => name).filter((name) => sums[name] !== others[name])
}

/** Times of the log are told to a hundredth of a millisecond: what the archive keeps of them. */
export function toHundredths(ms: number): number {
  return Math.round(ms * 100)
}

/** The same of a column of type REAL, whichever way PostgreSQL rounds. */
const HUNDREDTHS = 'floor(ms::float8 * 100 + 0.5)::bigint'

interface Sum {
  /** How PostgreSQL adds it up. */
  readonly sql: string
  /** What one auction adds to it, a whole number. */
  readonly of: (auction: LoggedAuction) => number
}

const SUMS = {
  auctions: { sql: 'count(*)', of: () => 1 },
  /** The last 48 bits of the ids, all of them by chance. */
  ids: {
    sql: `sum(('x' || right(id::text, 12))::bit(48)::bigint)`,
    of: ({ id }) => Number.parseInt(id.slice(-12), 16),
  },
  startedAtMs: {
    sql: 'sum((extract(epoch FROM started_at) * 1000)::bigint)',
    of: ({ startedAtMs }) => startedAtMs,
  },
  tmaxMs: { sql: 'sum(tmax_ms)', of: ({ tmaxMs }) => tmaxMs },
  sold: { sql: 'count(winner_id)', of: ({ winnerId }) => (winnerId === null ? 0 : 1) },
  revenueMicros: { sql: 'sum(price_micros)', of: ({ priceMicros }) => priceMicros },
  durationHundredths: {
    sql: `sum(${HUNDREDTHS.replace('ms', 'duration_ms')})`,
    of: ({ durationMs }) => toHundredths(durationMs),
  },
  wins: outcome('w', 'WON'),
  losses: outcome('l', 'LOST'),
  noBids: outcome('n', 'NO_BID'),
  timeouts: outcome('t', 'TIMED_OUT'),
  errors: outcome('e', 'ERROR'),
  skipped: outcome('s', 'SKIPPED'),
  bidsMicros: {
    sql: 'sum((SELECT sum(price) FROM unnest(prices_micros) AS price))',
    of: ({ responses }) => responses.reduce((sum, { priceMicros }) => sum + (priceMicros ?? 0), 0),
  },
  latencyHundredths: {
    sql: `sum((SELECT sum(${HUNDREDTHS}) FROM unnest(latencies_ms) AS ms))`,
    of: ({ responses }) => responses.reduce((sum, { latencyMs }) => sum + toHundredths(latencyMs ?? 0), 0),
  },
  /** Of their codes. */
  reasons: {
    sql: 'sum((SELECT sum(reason) FROM unnest(reasons) AS reason))',
    of: ({ responses }) => responses.reduce((sum, { reason }) => sum + (reason ? REASONS[reason].code : 0), 0),
  },
} satisfies Record<string, Sum>

const DEFINITIONS = Object.entries(SUMS) as [keyof typeof SUMS, Sum][]

function outcome(code: string, name: BidderOutcome): Sum {
  return {
    sql: `sum(cardinality(array_positions(outcomes, '${code}'::"char")))`,
    of: ({ responses }) => responses.reduce((sum, response) => sum + (response.outcome === name ? 1 : 0), 0),
  }
}

function toSums(sumOf: (name: keyof typeof SUMS, index: number) => string): DaySums {
  return Object.fromEntries(DEFINITIONS.map(([name], index) => [name, sumOf(name, index)])) as DaySums
}
