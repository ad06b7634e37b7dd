import type { Buckets } from './buckets.ts'

/** What Prometheus is told under one name: read when it asks, from what is counted or known anyway. */
export interface Family {
  readonly name: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly help: string
  /** As of now. Never waits, but for what `waitMs` of a last known value allows. */
  read(): readonly Line[] | Promise<readonly Line[]>
}

export interface Line {
  /** Of its name, behind the family's: `_bucket`, `_sum`, `_count`. */
  readonly suffix?: string
  readonly labels: Labels
  readonly value: number
}

export type Labels = Readonly<Record<string, string | number>>

/** A value, or one for each of the labels; undefined is left out, as of what does not exist here or is not known yet. */
export type Reading = number | undefined | readonly (readonly [labels: Labels, value: number | undefined])[]

/** What only ever grows, until the process starts anew. */
export function counter(name: string, help: string, read: () => Reading | Promise<Reading>): Family {
  return { name, type: 'counter', help, read: () => linesOf(read()) }
}

export function gauge(name: string, help: string, read: () => Reading | Promise<Reading>): Family {
  return { name, type: 'gauge', help, read: () => linesOf(read()) }
}

/** @param unit what a value of the buckets is in the family's unit: `0.001` where they count milliseconds and it says seconds */
export function histogram(
  name: string,
  help: string,
  unit: number,
  read: () => Iterable<readonly [labels: Labels, buckets: Buckets]>,
): Family {
  return {
    name,
    type: 'histogram',
    help,
    read: () => [...read()].flatMap(([labels, buckets]) => histogramLines(labels, buckets, unit)),
  }
}

export const MS_IN_SECONDS = 0.001

function linesOf(reading: Reading | Promise<Reading>): readonly Line[] | Promise<readonly Line[]> {
  if (reading instanceof Promise) return reading.then(linesOf)
  if (reading === undefined) return []
  if (typeof reading === 'number') return [{ labels: {}, value: reading }]
  return reading.flatMap(([labels, value]) => (value === undefined ? [] : [{ labels, value }]))
}

function histogramLines(labels: Labels, { bounds, counts, sum }: Buckets, unit: number): Line[] {
  let count = 0
  const lines = [...counts].map((own, index): Line => {
    count += own
    const bound = bounds[index]
    // 0.3 milliseconds in seconds are not to be 0.00030000000000000003.
    const le = bound === undefined ? '+Inf' : Number((bound * unit).toPrecision(DIGITS))
    return { suffix: '_bucket', labels: { ...labels, le }, value: count }
  })
  lines.push({ suffix: '_sum', labels, value: sum() * unit })
  lines.push({ suffix: '_count', labels, value: count })
  return lines
}

const DIGITS = 12
