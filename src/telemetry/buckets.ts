/**
 * A histogram of fixed buckets: plain numbers, so that to count a value takes some nanoseconds, where a client library
 * looks up labels for each.
 */
export interface Buckets {
  /** Growing; a value counts in the first bucket whose bound it does not exceed. */
  readonly bounds: readonly number[]
  /** How many values each bucket has, not those below it; the last one those above every bound. */
  readonly counts: Float64Array
  add(value: number): void
  sum(): number
}

export function createBuckets(bounds: readonly number[]): Buckets {
  const counts = new Float64Array(bounds.length + 1)
  let sum = 0
  return {
    bounds,
    counts,
    add(value) {
      let index = 0
      while (index < bounds.length && value > (bounds[index] as number)) index++
      counts[index] = (counts[index] as number) + 1
      sum += value
    },
    sum: () => sum,
  }
}
