import type pg from 'pg'
import { DAY_MS, dayOf, isPast } from '../history/archive/day.ts'
import type { CounterDifference } from './counters.ts'
import { compareHours, rebuildHours } from './rows.ts'

export interface ReconcileOptions {
  /** A connection whose statements may take as long as a day's auctions take to be added up. */
  readonly client: pg.Client
  /** Which hours, in milliseconds since 1970, `toMs` is out; undefined: all there are, and then the counters. */
  readonly range: { readonly fromMs: number; readonly toMs: number } | undefined
  /** Days past so many have been archived, or are about to be: their statistics are the only ones here, and are left alone. */
  readonly warmDays: number
  readonly nowMs: number
  /** Where counters outlive the process: what differs, and the way to mend some. */
  readonly counters:
    | {
        /** Such as `all hours`. */
        readonly hours: string
        compare(): AsyncIterable<CounterDifference>
        /** Returns whether it is mended: not where it is being added to. */
        mend(difference: CounterDifference): Promise<boolean>
      }
    | undefined
  readonly repair: boolean
}

/** One line of what was found or done. */
export interface ReconcileFinding {
  readonly type: 'DIFFERENCE' | 'REPAIRED'
  readonly text: string
}

/**
 * Compares rows, the statistics of hours and counters, to the millionth. Told to repair, it makes the statistics of hours
 * anew from rows, and counters from these; a difference that is left is told after it.
 */
export async function* reconcile(options: ReconcileOptions): AsyncGenerator<ReconcileFinding> {
  const { range, counters } = options
  for (const [from, to] of await daysOf(options)) yield* reconcileDay(options, from, to)
  if (range === undefined && counters !== undefined) yield* reconcileCounters(options, counters)
}

async function* reconcileDay(
  { client, repair }: ReconcileOptions,
  from: Date,
  to: Date,
): AsyncGenerator<ReconcileFinding> {
  const found = await compareHours(client, from, to)
  for (const text of found) yield { type: 'DIFFERENCE', text }
  if (found.length === 0 || !repair) return
  await rebuildHours(client, from, to)
  const left = await compareHours(client, from, to)
  yield {
    type: 'REPAIRED',
    text: `${from.toISOString().slice(0, 10)}: the statistics of its hours are made anew from auction_log`,
  }
  for (const text of left) yield { type: 'DIFFERENCE', text: `still, since rows were given up: ${text}` }
}

async function* reconcileCounters(
  { repair }: ReconcileOptions,
  counters: NonNullable<ReconcileOptions['counters']>,
): AsyncGenerator<ReconcileFinding> {
  for await (const difference of counters.compare()) {
    const { supplyId, field, counted, logged, isMoving } = difference
    yield {
      type: 'DIFFERENCE',
      text: `${supplyId} ${field}: ${counted} counted, ${logged} in the statistics of ${counters.hours}`,
    }
    if (!repair) continue
    if (isMoving || !(await counters.mend(difference))) {
      yield {
        type: 'DIFFERENCE',
        text: `still: ${supplyId} ${field} is being counted on: stop its auctions, then repair`,
      }
      continue
    }
    yield { type: 'REPAIRED', text: `${supplyId} ${field}: ${logged} is counted now` }
  }
}

/** The parts of days of UTC that are in the range and have their rows here. */
async function daysOf({
  client,
  range,
  warmDays,
  nowMs,
}: ReconcileOptions): Promise<(readonly [from: Date, to: Date])[]> {
  const { rows } = await client.query<{ day: Date }>(DAYS)
  return rows
    .filter(({ day }) => !isPast(dayOf(day.getTime()), warmDays, nowMs))
    .map(({ day }) => [day.getTime(), day.getTime() + DAY_MS] as const)
    .map(([from, to]) => [Math.max(from, range?.fromMs ?? from), Math.min(to, range?.toMs ?? to)] as const)
    .filter(([from, to]) => from < to)
    .map(([from, to]) => [new Date(from), new Date(to)] as const)
}

/** Days that have a partition, and those of rows in none. */
const DAYS = `
  SELECT to_timestamp(substring(relname FROM 13), 'YYYYMMDD')::timestamp AT TIME ZONE 'UTC' AS day
  FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
  WHERE inhparent = 'auction_log'::regclass AND relname ~ '^auction_log_\\d{8}$'
  UNION SELECT DISTINCT date_trunc('day', started_at, 'UTC') FROM auction_log_default
  ORDER BY day`
