import { BUCKETS_MAX, NAMED_MAX, readBuckets } from '../../history/buckets.ts'
import type { Granularity, StatsBucket, StatsDimension } from '../../history/types.ts'
import { toUnits } from '../../money.ts'
import { builder } from '../builder.ts'
import { historyOf } from '../context.ts'
import { bucketsOf } from '../history-size.ts'
import { page } from '../list-size.ts'

const GranularityType = builder.enumType('Granularity', {
  description: 'How long a bucket of time is; one begins with the minute, hour or day of UTC.',
  values: ['MINUTE', 'HOUR', 'DAY'] as const satisfies readonly Granularity[],
})

const StatsDimensionType = builder.enumType('StatsDimension', {
  description: 'What each has buckets of its own.',
  values: ['SUPPLY', 'BIDDER', 'COUNTRY'] as const satisfies readonly StatsDimension[],
})

const StatsBucketType = builder.objectRef<StatsBucket>('StatsBucket').implement({
  description: 'One bucket of time, of one supply, bidder or country where grouped by it.',
  fields: (t) => ({
    start: t.field({ type: 'DateTime', resolve: ({ startMs }) => new Date(startMs) }),
    supplyId: t.exposeID('supplyId', { nullable: true }),
    bidderId: t.exposeID('bidderId', { nullable: true }),
    country: t.expose('country', { type: 'CountryCode', nullable: true }),
    requests: t.expose('requests', {
      type: 'SafeInt',
      description: 'Requests for an auction; of bidders, those in which the bidder was asked.',
    }),
    sold: t.expose('sold', {
      type: 'SafeInt',
      description: 'Requests that ended in a sale; of bidders, the bidder’s wins.',
    }),
    bids: t.expose('bids', { type: 'SafeInt' }),
    noBids: t.expose('noBids', { type: 'SafeInt' }),
    timeouts: t.expose('timeouts', { type: 'SafeInt' }),
    errors: t.expose('errors', { type: 'SafeInt' }),
    skipped: t.expose('skipped', {
      type: 'SafeInt',
      description: 'Bidders that were not asked, as they could not be.',
    }),
    revenue: t.float({ resolve: ({ revenueMicros }) => toUnits(revenueMicros) }),
    averagePrice: t.float({
      nullable: true,
      description: 'Revenue by sale; null without a sale.',
      resolve: ({ revenueMicros, sold }) => (sold === 0 ? null : toUnits(revenueMicros / sold)),
    }),
  }),
})

builder.queryField('statsHistory', (t) =>
  t.field({
    type: [StatsBucketType],
    description: [
      'Statistics over time, at most 10,000 buckets; buckets without a request are zeros. From is in, to is out; UTC. A bucket in',
      'which the range begins or ends is told as a whole. By time, then by what they are grouped by: each that is named, or else',
      'each that has anything in the range. By minutes from the auctions themselves, a million at most.',
    ].join('\n'),
    args: {
      from: t.arg({ type: 'DateTime', required: true }),
      to: t.arg({ type: 'DateTime', required: true }),
      granularity: t.arg({ type: GranularityType, required: true }),
      supplyIds: t.arg.idList({ description: `Of these alone, ${NAMED_MAX} at most.` }),
      bidderIds: t.arg.idList({
        description: `Of these alone, ${NAMED_MAX} at most; counts are then those of bidders.`,
      }),
      countries: t.arg({ type: ['CountryCode'], description: 'Of these alone.' }),
      groupBy: t.arg({ type: [StatsDimensionType] }),
    },
    extensions: page({ max: BUCKETS_MAX, sizeOf: bucketsOf, itemsPerRow: 2 }),
    resolve: async (_parent, { from, to, granularity, supplyIds, bidderIds, countries, groupBy }, context) => {
      const buckets = await readBuckets(historyOf(context), {
        fromMs: from.getTime(),
        toMs: to.getTime(),
        granularity,
        supplyIds: supplyIds ?? undefined,
        bidderIds: bidderIds ?? undefined,
        countries: countries ?? undefined,
        groupBy: groupBy ?? [],
      })
      const { pace } = context
      return pace ? buckets.map((bucket) => pace.turn(bucket)) : buckets
    },
  }),
)
