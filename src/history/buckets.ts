import { compareIds } from '../id-order.ts'
import {
  type AuctionHistory,
  type Granularity,
  HistoryError,
  type StatsBucket,
  type StatsDimension,
  type StatsQuery,
} from './types.ts'

/** The most buckets of one answer. */
export const BUCKETS_MAX = 10_000
/** The most supplies, bidders or countries that one question may name of each. */
export const NAMED_MAX = 1000

export const BUCKET_MS: Readonly<Record<Granularity, number>> = { MINUTE: 60_000, HOUR: 3_600_000, DAY: 86_400_000 }

/** `fromMs` and `toMs` may lie within a bucket, which then is read as a whole. */
export type StatsQuestion = Omit<StatsQuery, 'bucketsMax'>

/**
 * Statistics over time, by time and then by what they are grouped by. Buckets without a request are zeros: each where
 * nothing is grouped, or everything that is grouped by is named; else those of each group that has anything in the range.
 * @throws HistoryError BAD_USER_INPUT, RANGE_TOO_LARGE
 */
export async function readBuckets(
  history: Pick<AuctionHistory, 'stats'>,
  question: StatsQuestion,
): Promise<StatsBucket[]> {
  const query = toQuery(question)
  const named = namedGroups(query)
  const times = timesOf(query)
  if (times * (named?.length ?? 1) > BUCKETS_MAX) {
    throw tooManyBuckets(query, query.groupBy.length > 0 ? named?.length : undefined)
  }
  if (named?.length === 0) return []
  const found = await history.stats(query)
  const groups = named ?? groupsOf(found)
  if (times * groups.length > BUCKETS_MAX) throw tooManyBuckets(query, groups.length)
  return filled(query, found, groups)
}

/** How many buckets of time a question is about, at each supply, bidder or country that it is grouped by. */
export function timesOf({ fromMs, toMs, granularity }: Pick<StatsQuery, 'fromMs' | 'toMs' | 'granularity'>): number {
  const bucketMs = BUCKET_MS[granularity]
  return Math.max(0, Math.ceil(toMs / bucketMs) - Math.floor(fromMs / bucketMs))
}

/** The refusal of a question whose answer is too long. */
export function tooManyBuckets(query: Omit<StatsQuery, 'bucketsMax'>, groups: number | undefined): HistoryError {
  const unit = query.granularity.toLowerCase()
  const [ofGroups, remedy] =
    groups === undefined
      ? ['', 'take a coarser granularity or a shorter range']
      : [
          `, for each of ${groups} or more supplies, bidders or countries`,
          'take a coarser granularity or a shorter range, or name fewer of them',
        ]
  return new HistoryError(
    'RANGE_TOO_LARGE',
    `This range has ${timesOf(query)} ${unit}s${ofGroups}, and an answer has ${BUCKETS_MAX} buckets at most: ${remedy}.`,
  )
}

/** What a bucket is of, where it is grouped. */
type Group = Pick<StatsBucket, 'supplyId' | 'bidderId' | 'country'>

/** In the order in which buckets of the same time follow each other. */
const DIMENSIONS = [
  { dimension: 'SUPPLY', key: 'supplyId', names: 'supplyIds' },
  { dimension: 'BIDDER', key: 'bidderId', names: 'bidderIds' },
  { dimension: 'COUNTRY', key: 'country', names: 'countries' },
] as const satisfies readonly { dimension: StatsDimension; key: keyof Group; names: keyof StatsQuery }[]

function toQuery(question: StatsQuestion): StatsQuery {
  const { fromMs, toMs, granularity } = question
  if (fromMs >= toMs) {
    throw new HistoryError(
      'BAD_USER_INPUT',
      `from must be before to, and ${isoOf(fromMs)} is not before ${isoOf(toMs)}.`,
    )
  }
  const bucketMs = BUCKET_MS[granularity]
  return {
    ...question,
    fromMs: Math.floor(fromMs / bucketMs) * bucketMs,
    toMs: Math.ceil(toMs / bucketMs) * bucketMs,
    supplyIds: named('supplyIds', question.supplyIds),
    bidderIds: named('bidderIds', question.bidderIds),
    countries: named('countries', question.countries),
    bucketsMax: BUCKETS_MAX,
  }
}

/** Each once, in order. */
function named(what: string, ids: readonly string[] | undefined): readonly string[] | undefined {
  if (ids === undefined) return undefined
  const unique = [...new Set(ids)].sort(compareIds)
  if (unique.length <= NAMED_MAX) return unique
  throw new HistoryError('BAD_USER_INPUT', `${what} may name ${NAMED_MAX} at most, not ${unique.length}.`)
}

/** Every combination of what is named; undefined where something that is grouped by is not. */
function namedGroups(query: StatsQuery): Group[] | undefined {
  let groups: Group[] = [{}]
  for (const { dimension, key, names } of DIMENSIONS) {
    if (!query.groupBy.includes(dimension)) continue
    const ids = query[names]
    if (ids === undefined) return undefined
    // Enough to see that these are too many.
    groups = groups.slice(0, BUCKETS_MAX).flatMap((group) => ids.map((id) => ({ ...group, [key]: id })))
  }
  return groups
}

function groupsOf(buckets: readonly StatsBucket[]): Group[] {
  const groups = new Map<string, Group>()
  for (const bucket of buckets) {
    const key = keyOf(bucket)
    if (groups.has(key)) continue
    const group: Record<string, string> = {}
    for (const { key: field } of DIMENSIONS) {
      const id = bucket[field]
      if (id !== undefined) group[field] = id
    }
    groups.set(key, group)
  }
  return [...groups.values()].sort(compareGroups)
}

function filled(query: StatsQuery, found: readonly StatsBucket[], groups: readonly Group[]): StatsBucket[] {
  const byTime = new Map<number, Map<string, StatsBucket>>()
  for (const bucket of found) {
    const byGroup = byTime.get(bucket.startMs) ?? new Map<string, StatsBucket>()
    byTime.set(bucket.startMs, byGroup.set(keyOf(bucket), bucket))
  }
  const keys = groups.map(keyOf)
  const buckets: StatsBucket[] = []
  for (let startMs = query.fromMs; startMs < query.toMs; startMs += BUCKET_MS[query.granularity]) {
    const byGroup = byTime.get(startMs)
    for (const [index, group] of groups.entries()) {
      buckets.push(byGroup?.get(keys[index] ?? '') ?? { startMs, ...group, ...NOTHING })
    }
  }
  return buckets
}

function compareGroups(a: Group, b: Group): number {
  for (const { key } of DIMENSIONS) {
    const order = compareIds(a[key] ?? '', b[key] ?? '')
    if (order !== 0) return order
  }
  return 0
}

/** No id has a line break. */
function keyOf({ supplyId, bidderId, country }: Group): string {
  return `${supplyId ?? ''}\n${bidderId ?? ''}\n${country ?? ''}`
}

function isoOf(ms: number): string {
  return new Date(ms).toISOString()
}

const NOTHING = { requests: 0, sold: 0, bids: 0, noBids: 0, timeouts: 0, errors: 0, skipped: 0, revenueMicros: 0 }
