import type pg from 'pg'
import { keptHours, STATS_TABLES, type StatsTable } from './tables.ts'

/** Two places that should say the same, in one line: `2026-01-31T12:00Z news US: sold 3 in auction_log, 4 in supply_stats_hourly`. */
export type Difference = string

/**
 * Compares the statistics of each hour with what they are added up from, by supply, country and bidder: in the database,
 * which gives the differences alone. Each comparison is one statement, so it sees batches as a whole.
 * @param from the beginning of an hour, as `to`, which is out
 */
export async function compareHours(client: pg.Client, from: Date, to: Date): Promise<Difference[]> {
  const differences: Difference[] = []
  for (const table of STATS_TABLES) {
    const { rows } = await client.query<Record<string, unknown>>(comparison(table), [from, to])
    differences.push(...rows.map((row) => describe(table, row)))
  }
  const { rows } = await client.query<Record<string, unknown>>(GIVEN_UP, [from, to])
  differences.push(
    ...rows.map(
      ({ hour, rows, given_up, requests }) =>
        `${hourOf(hour)} of all supplies: ${rows} rows and ${given_up} given up, ${requests} requests in supply_stats_hourly`,
    ),
  )
  return differences
}

/**
 * Makes the statistics of hours anew from the rows, within one transaction that no writer of the log overlaps. Hours of
 * which rows were given up stay as they are.
 */
export async function rebuildHours(client: pg.Client, from: Date, to: Date): Promise<void> {
  const names = STATS_TABLES.map(({ name }) => name).join(', ')
  await client.query('BEGIN')
  try {
    await client.query(`LOCK TABLE ${names} IN SHARE ROW EXCLUSIVE MODE`)
    for (const table of STATS_TABLES) {
      const columns = [...table.key, ...table.told, ...table.counters].join(', ')
      await client.query(`DELETE FROM ${table.name} WHERE ${keptHours(table)}`, [from, to])
      await client.query(`INSERT INTO ${table.name} (${columns}) SELECT ${columns} FROM (${table.source}) AS source`, [
        from,
        to,
      ])
    }
    await client.query('COMMIT')
  } catch (error) {
    await client.query('ROLLBACK').catch(() => {})
    throw error
  }
}

function comparison(table: StatsTable): string {
  const { name, key, counters, source } = table
  const pairs = counters.map(
    (counter) => `source.${counter}::text AS "${counter} source", kept.${counter}::text AS "${counter} kept"`,
  )
  const sides = (side: string) => `(${counters.map((counter) => `${side}.${counter}`).join(', ')})`
  return `
    WITH source AS (${source}), kept AS (SELECT * FROM ${name} WHERE ${keptHours(table)})
    SELECT ${key.join(', ')}, ${pairs.join(', ')}
    FROM source FULL JOIN kept USING (${key.join(', ')})
    WHERE ${sides('source')} IS DISTINCT FROM ${sides('kept')}
    ORDER BY ${key.join(', ')} LIMIT ${DIFFERENCES_MAX}`
}

function describe({ name, key, counters, sourceName }: StatsTable, row: Readonly<Record<string, unknown>>): Difference {
  const differing = counters.filter((counter) => row[`${counter} source`] !== row[`${counter} kept`])
  const values = differing.map(
    (counter) =>
      `${counter} ${row[`${counter} source`] ?? 'none'} in ${sourceName}, ${row[`${counter} kept`] ?? 'none'} in ${name}`,
  )
  const names = key.slice(1).map((column) => row[column])
  return `${hourOf(row.hour)} ${names.join(' ')}: ${values.join('; ')}`
}

function hourOf(hour: unknown): string {
  return `${(hour as Date).toISOString().slice(0, 16)}Z`
}

/** Where rows were given up, they and those that are there are still as many as the requests. */
const GIVEN_UP = `
  SELECT hour, coalesce(logged.rows, 0)::text AS rows, given_up.rows::text AS given_up, coalesce(kept.requests, 0)::text AS requests
  FROM auction_log_given_up AS given_up
  LEFT JOIN LATERAL (
    SELECT count(*) AS rows FROM auction_log
    WHERE started_at >= given_up.hour AND started_at < given_up.hour + interval '1 hour'
  ) AS logged ON true
  LEFT JOIN LATERAL (SELECT sum(requests) AS requests FROM supply_stats_hourly WHERE hour = given_up.hour) AS kept ON true
  WHERE hour >= $1 AND hour < $2 AND coalesce(logged.rows, 0) + given_up.rows <> coalesce(kept.requests, 0)
  ORDER BY hour`

/** No more are told of a table and a stretch of time. */
const DIFFERENCES_MAX = 1000
