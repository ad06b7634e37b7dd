import { BIDDER_IDS, JOIN_BIDDER_SETS } from '../history/bidder-sets.ts'

/** A table of statistics, and the query that adds up what should be in it, of the hours from $1 to $2. */
export interface StatsTable {
  readonly name: string
  readonly key: readonly string[]
  /** Columns that are told, but not compared: a bidder may have changed its country within the hour. */
  readonly told: readonly string[]
  readonly counters: readonly string[]
  readonly source: string
  /** What it is added up from, for messages. */
  readonly sourceName: string
}

const SUPPLY_COUNTERS = ['requests', 'sold', 'bids', 'no_bids', 'timeouts', 'errors', 'skipped', 'revenue_micros']
const BIDDER_COUNTERS = [
  'asked',
  'wins',
  'losses',
  'no_bids',
  'timeouts',
  'errors',
  'skipped',
  'revenue_micros',
  'bids_micros',
]

const HOUR = `date_trunc('hour', started_at, 'UTC')`
/** Hours of which rows were given up are known by their statistics alone. */
const LOGGED = `started_at >= $1 AND started_at < $2 AND ${HOUR} NOT IN (SELECT hour FROM auction_log_given_up)`

/** In the order in which they are made again: of the rows first, then of these. */
export const STATS_TABLES: readonly StatsTable[] = [
  {
    name: 'supply_stats_hourly',
    key: ['hour', 'supply_id', 'country'],
    told: [],
    counters: SUPPLY_COUNTERS,
    sourceName: 'auction_log',
    source: `
      SELECT ${HOUR} AS hour, supply_id, country, count(*) AS requests, count(winner_id) AS sold,
        sum(cardinality(array_positions(outcomes, 'w')) + cardinality(array_positions(outcomes, 'l'))) AS bids,
        sum(cardinality(array_positions(outcomes, 'n'))) AS no_bids,
        sum(cardinality(array_positions(outcomes, 't'))) AS timeouts,
        sum(cardinality(array_positions(outcomes, 'e'))) AS errors,
        sum(cardinality(array_positions(outcomes, 's'))) AS skipped, sum(price_micros) AS revenue_micros
      FROM auction_log WHERE ${LOGGED} GROUP BY 1, 2, 3`,
  },
  {
    name: 'bidder_stats_hourly',
    key: ['hour', 'supply_id', 'bidder_id'],
    told: ['country'],
    counters: BIDDER_COUNTERS,
    sourceName: 'auction_log',
    source: `
      SELECT ${HOUR} AS hour, supply_id, bidder_id, max(country) AS country,
        count(*) FILTER (WHERE outcome <> 's') AS asked, count(*) FILTER (WHERE outcome = 'w') AS wins,
        count(*) FILTER (WHERE outcome = 'l') AS losses,
        count(*) FILTER (WHERE outcome = 'n') AS no_bids, count(*) FILTER (WHERE outcome = 't') AS timeouts,
        count(*) FILTER (WHERE outcome = 'e') AS errors, count(*) FILTER (WHERE outcome = 's') AS skipped,
        coalesce(sum(price_micros) FILTER (WHERE outcome = 'w'), 0) AS revenue_micros,
        coalesce(sum(bid_micros), 0) AS bids_micros
      FROM auction_log ${JOIN_BIDDER_SETS}, unnest(${BIDDER_IDS}, outcomes, prices_micros) AS response (bidder_id, outcome, bid_micros)
      WHERE ${LOGGED} GROUP BY 1, 2, 3`,
  },
  {
    name: 'exchange_stats_hourly',
    key: ['hour', 'country'],
    told: [],
    counters: SUPPLY_COUNTERS,
    sourceName: 'supply_stats_hourly',
    source: `
      SELECT hour, country, ${sums(SUPPLY_COUNTERS)}
      FROM supply_stats_hourly WHERE hour >= $1 AND hour < $2 GROUP BY 1, 2`,
  },
  {
    name: 'exchange_bidder_stats_hourly',
    key: ['hour', 'bidder_id'],
    told: ['country'],
    counters: BIDDER_COUNTERS,
    sourceName: 'bidder_stats_hourly',
    source: `
      SELECT hour, bidder_id, max(country) AS country, ${sums(BIDDER_COUNTERS)}
      FROM bidder_stats_hourly WHERE hour >= $1 AND hour < $2 GROUP BY 1, 2`,
  },
]

/** Which hours of a table are compared: where rows were given up, statistics have more than the rows, rightly. */
export function keptHours({ sourceName }: StatsTable): string {
  const isOfRows = sourceName === 'auction_log'
  return `hour >= $1 AND hour < $2${isOfRows ? ' AND hour NOT IN (SELECT hour FROM auction_log_given_up)' : ''}`
}

function sums(counters: readonly string[]): string {
  return counters.map((counter) => `sum(${counter}) AS ${counter}`).join(', ')
}
