import { compareIds } from '../../id-order.ts'
import { toUnits } from '../../money.ts'
import { emptyStats } from '../../stats/feed.ts'
import type { BidderStats, CountryRequests, SupplyStats } from '../../stats/types.ts'
import { builder } from '../builder.ts'
import type { Services } from '../context.ts'
import { badUserInput, supplyNotFound } from '../errors.ts'
import { page, parts } from '../list-size.ts'
import { readInTurns } from '../pace.ts'
import { checkSize } from '../page.ts'

const CountryRequestsType = builder.objectRef<CountryRequests>('CountryRequests').implement({
  description: 'How many requests came from one country.',
  fields: (t) => ({
    country: t.expose('country', { type: 'CountryCode' }),
    requests: t.expose('requests', { type: 'SafeInt' }),
  }),
})

const BidderStatsType = builder.objectRef<BidderStats>('BidderStats').implement({
  description:
    'How one bidder fared in the auctions of one supply: asked = wins + losses + noBids + timeouts + errors; skipped are apart.',
  fields: (t) => ({
    bidderId: t.exposeID('bidderId'),
    wins: t.expose('wins', { type: 'SafeInt' }),
    losses: t.expose('losses', { type: 'SafeInt' }),
    noBids: t.expose('noBids', { type: 'SafeInt' }),
    timeouts: t.expose('timeouts', { type: 'SafeInt' }),
    errors: t.expose('errors', {
      type: 'SafeInt',
      description: 'Answers that were neither a bid that could be taken nor a refusal to bid.',
    }),
    skipped: t.expose('skipped', { type: 'SafeInt', description: 'Auctions in which it was not asked.' }),
    totalRevenue: t.float({
      description: 'The sum of the prices of its wins.',
      resolve: ({ revenueMicros }) => toUnits(revenueMicros),
    }),
  }),
})

export const SupplyStatsType = builder.objectRef<SupplyStats>('SupplyStats').implement({
  description: "One supply's statistics.",
  fields: (t) => ({
    id: t.exposeID('supplyId', { description: "The supply's id: what caches know this value by." }),
    supplyId: t.exposeID('supplyId'),
    totalRequests: t.expose('totalRequests', { type: 'SafeInt' }),
    requestsPerCountry: t.expose('requestsPerCountry', {
      type: [CountryRequestsType],
      extensions: parts(PARTS_EXPECTED),
      description: 'By country code.',
    }),
    bidders: t.field({
      type: [BidderStatsType],
      extensions: parts(PARTS_EXPECTED),
      description: 'By bidder id; every bidder that was ever asked or skipped in an auction of this supply.',
      // By far the most of a page of statistics.
      resolve: ({ bidders }, _args, { pace }) => pace?.turn(bidders) ?? bidders,
    }),
  }),
})

builder.queryField('stats', (t) =>
  t.field({
    type: [SupplyStatsType],
    description:
      'Live statistics of the supplies named, or of the supplies that have had a request, a page of at most 1000. By supply id.',
    args: {
      supplyIds: t.arg.idList(),
      first: t.arg.int({ required: true, defaultValue: MAX_STATS }),
      after: t.arg.id({ description: 'The last supply id of the page before.' }),
    },
    extensions: page({ max: MAX_STATS, sizedBy: ['first'], namedBy: 'supplyIds' }),
    resolve: async (_parent, { supplyIds, first, after }, { services }) => {
      checkSize('first', first, MAX_STATS, 'take further rows with after')
      if (supplyIds) {
        const ids = checkedIds(supplyIds).filter((id) => !after || compareIds(id, after) > 0)
        return readNamed(services, ids.slice(0, first))
      }
      const asked = await services.stats.supplyIds({ first, after: after ?? undefined })
      const read = await readInTurns(services.stats, asked)
      // All that one had may have left the last hours: a page is as long as it can be, or it is the last.
      return asked.map((id, index) => read[index] ?? emptyStats(id))
    },
  }),
)

builder.subscriptionField('statsUpdated', (t) =>
  t.field({
    type: SupplyStatsType,
    description: [
      'The current statistics of each supply named (of every supply where none is), at once; then a supply’s',
      'newest statistics whenever they change, at most once per supply and minIntervalMs (50 to 60000).',
      'Values in between are skipped, never queued.',
    ].join('\n'),
    args: {
      supplyIds: t.arg.idList(),
      minIntervalMs: t.arg.int({ required: true, defaultValue: 250 }),
    },
    subscribe: async (_root, { supplyIds, minIntervalMs }, { services }) => {
      if (minIntervalMs < MIN_INTERVAL_MS || minIntervalMs > MAX_INTERVAL_MS) {
        throw badUserInput(`minIntervalMs must be ${MIN_INTERVAL_MS} to ${MAX_INTERVAL_MS}, not ${minIntervalMs}.`)
      }
      const ids = supplyIds ? checkedIds(supplyIds) : undefined
      if (ids) await readNamed(services, ids)
      return services.feed.subscribe({ supplyIds: ids, minIntervalMs })
    },
    resolve: (stats) => stats,
  }),
)

/** Reads the supplies named: those without a request as zeros, those that do not exist as an error. */
async function readNamed(services: Services, ids: readonly string[]): Promise<SupplyStats[]> {
  const { supplies } = services.catalog.current()
  const read = await readInTurns(services.stats, ids)
  return ids.map((id, index) => {
    const stats = read[index]
    if (!stats && !supplies.has(id)) throw supplyNotFound(id)
    return stats ?? emptyStats(id)
  })
}

/** The ids, each once, in order. */
function checkedIds(supplyIds: readonly string[]): string[] {
  const ids = [...new Set(supplyIds)].sort(compareIds)
  if (ids.length > MAX_STATS) {
    throw badUserInput(`supplyIds may name ${MAX_STATS} supplies at most, not ${ids.length}.`)
  }
  return ids
}

const MIN_INTERVAL_MS = 50
const MAX_INTERVAL_MS = 60_000
/** Supplies that one query or subscription may name, and of a page. */
const MAX_STATS = 1000
/** How many bidders and countries a supply's statistics are expected to have. */
const PARTS_EXPECTED = 10
