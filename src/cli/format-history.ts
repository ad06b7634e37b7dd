import type { Granularity, StatsBucket } from '../history/types.ts'
import { formatMicros, toUnits } from '../money.ts'

type Counts = Omit<StatsBucket, 'startMs'>

/** A line for each bucket, and one for all of them together. */
export function formatTable(buckets: readonly StatsBucket[], granularity: Granularity): string {
  const rows = [
    [`${granularity.toLowerCase()} (UTC)`, ...HEADINGS],
    ...buckets.map((bucket) => [shortTime(bucket.startMs, granularity), ...cellsOf(bucket)]),
    ['all', ...cellsOf(sumOf(buckets))],
  ]
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? []
  return rows
    .map((row) => row.map((cell, column) => cell[column === 0 ? 'padEnd' : 'padStart'](widths[column] ?? 0)).join('  '))
    .map((line) => `${line}\n`)
    .join('')
}

/** RFC 4180, but for line breaks of one character. Without a sale the price is left empty. */
export function formatCsv(buckets: readonly StatsBucket[]): string {
  const lines = buckets.map((bucket) => {
    const { startMs, revenueMicros } = bucket
    const money = [toUnits(revenueMicros), averagePrice(bucket) ?? '']
    return [new Date(startMs).toISOString(), ...countsOf(bucket), ...money].join(',')
  })
  return `${['start,requests,sold,bids,no_bids,timeouts,errors,skipped,revenue,average_price', ...lines].join('\n')}\n`
}

/** As the API names it. */
export function formatJson(buckets: readonly StatsBucket[]): string {
  const objects = buckets.map(({ startMs, revenueMicros, ...counts }) => ({
    start: new Date(startMs).toISOString(),
    ...counts,
    revenue: toUnits(revenueMicros),
    averagePrice: averagePrice({ ...counts, revenueMicros }),
  }))
  return `${JSON.stringify(objects)}\n`
}

/** The requests of each bucket as a bar, where there are few enough for a line: of more, the most of some together. */
export function formatSparkline(buckets: readonly StatsBucket[]): string {
  const together = Math.ceil(buckets.length / SPARKLINE_WIDTH)
  const heights: number[] = []
  for (let from = 0; from < buckets.length; from += together) {
    heights.push(Math.max(...buckets.slice(from, from + together).map(({ requests }) => requests)))
  }
  const most = Math.max(0, ...heights)
  const bars = heights.map((height) => BARS[height === 0 ? 0 : Math.ceil((height / most) * (BARS.length - 1))])
  return `requests ${bars.join('')} ${most} at most\n`
}

function cellsOf(counts: Counts): string[] {
  const { sold, revenueMicros } = counts
  const price = sold === 0 ? '-' : formatMicros(Math.round(revenueMicros / sold))
  return countsOf(counts).map(String).concat(formatMicros(revenueMicros), price)
}

function countsOf({ requests, sold, bids, noBids, timeouts, errors, skipped }: Counts): number[] {
  return [requests, sold, bids, noBids, timeouts, errors, skipped]
}

function sumOf(buckets: readonly StatsBucket[]): Counts {
  const sum = { requests: 0, sold: 0, bids: 0, noBids: 0, timeouts: 0, errors: 0, skipped: 0, revenueMicros: 0 }
  for (const bucket of buckets) {
    for (const name of Object.keys(sum) as (keyof typeof sum)[]) sum[name] += bucket[name]
  }
  return sum
}

function averagePrice({ sold, revenueMicros }: Counts): number | null {
  return sold === 0 ? null : toUnits(revenueMicros / sold)
}

function shortTime(ms: number, granularity: Granularity): string {
  const text = new Date(ms).toISOString()
  return granularity === 'DAY' ? text.slice(0, 10) : text.slice(0, 16).replace('T', ' ')
}

const HEADINGS = ['requests', 'sold', 'bids', 'no bids', 'timeouts', 'errors', 'skipped', 'revenue', 'price']
const BARS = '·▁▂▃▄▅▆▇█'
/** Characters; a bar stands for several buckets where there are more. */
const SPARKLINE_WIDTH = 60
