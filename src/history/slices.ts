import { BUCKET_MS, timesOf, tooManyBuckets } from './buckets.ts'
import { type BucketRow, toBucket } from './stats-sql.ts'
import type { StatsBucket, StatsQuery } from './types.ts'

/**
 * Reads buckets by one slice of time after the other, so that no statement takes long and no answer is decoded for long at
 * once. How many groups a time has shows with the first slice, which is a small one.
 * @param timesMax how many buckets of time a slice may have
 */
export async function readInSlices(
  query: StatsQuery,
  timesMax: number,
  read: (slice: StatsQuery) => Promise<BucketRow[]>,
): Promise<StatsBucket[]> {
  const buckets: StatsBucket[] = []
  const isGrouped = query.groupBy.length > 0
  let times = Math.min(timesMax, isGrouped ? Math.ceil(timesOf(query) / GROWTH) : BUCKETS_AT_ONCE)
  for (let fromMs = query.fromMs; fromMs < query.toMs; ) {
    const toMs = Math.min(query.toMs, fromMs + times * BUCKET_MS[query.granularity])
    const rows = await read({ ...query, fromMs, toMs })
    for (const row of rows) buckets.push(toBucket(row))
    if (buckets.length > query.bucketsMax) throw tooManyBuckets(query, Math.ceil(buckets.length / timesOf(query)))
    const fitting = Math.floor((times * BUCKETS_AT_ONCE) / Math.max(1, rows.length))
    times = Math.max(1, Math.min(fitting, GROWTH * times, timesMax))
    fromMs = toMs
  }
  return buckets
}

/** As many buckets as one statement gives, about: some milliseconds to decode. */
const BUCKETS_AT_ONCE = 1000
/** A slice may have so many times the one before. */
const GROWTH = 8
