import { emptyStats } from '../../stats/feed.ts'
import type { BidderStats, CountryRequests, SupplyStats } from '../../stats/types.ts'
import { builder } from '../builder.ts'
import type { Services } from '../context.ts'
import { badUserInput, supplyNotFound } from '../errors.ts'

const CountryRequestsType = builder.objectRef<CountryRequests>('CountryRequests').implement({
  description: 'How many requests came from one country.',
  fields: (t) => ({
    country: t.expose('country', { type: 'CountryCode' }),
    requests: t.expose('requests', { type: 'SafeInt' }),
  }),
})

const BidderStatsType = builder.objectRef<BidderStats>('BidderStats').implement({
  description: 'How one bidder fared in the auctions of one supply: asked = wins + losses + noBids + timeouts.',
  fields: (t) => ({
    bidderId: t.exposeID('bidderId'),
    wins: t.expose('wins', { type: 'SafeInt' }),
    losses: t.expose('losses', { type: 'SafeInt' }),
    noBids: t.expose('noBids', { type: 'SafeInt' }),
    timeouts: t.expose('timeouts', { type: 'SafeInt' }),
    totalRevenue: t.float({
      description: 'The sum of the prices of its wins.',
      resolve: ({ revenueCents }) => revenueCents / 100,
    }),
  }),
})

export const SupplyStatsType = builder.objectRef<SupplyStats>('SupplyStats').implement({
  description: "One supply's statistics.",
  fields: (t) => ({
    supplyId: t.exposeID('supplyId'),
    totalRequests: t.expose('totalRequests', { type: 'SafeInt' }),
    requestsPerCountry: t.expose('requestsPerCountry', {
      type: [CountryRequestsType],
      description: 'By country code.',
    }),
    bidders: t.expose('bidders', {
      type: [BidderStatsType],
      description: 'By bidder id; every bidder that was ever asked in an auction of this supply.',
    }),
  }),
})

builder.queryField('stats', (t) =>
  t.field({
    type: [SupplyStatsType],
    description: 'Live statistics of the supplies named, or of every supply that has had a request. By supply id.',
    args: { supplyIds: t.arg.idList() },
    resolve: async (_parent, { supplyIds }, { services }) => {
      if (!supplyIds) return (await services.stats.read(await services.stats.supplyIds())).filter((stats) => !!stats)
      return readNamed(services, [...new Set(supplyIds)].sort())
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
      const ids = supplyIds ? [...new Set(supplyIds)].sort() : undefined
      if (ids) await readNamed(services, ids)
      return services.feed.subscribe({ supplyIds: ids, minIntervalMs })
    },
    resolve: (stats) => stats,
  }),
)

/** Reads the supplies named: those without a request as zeros, those that do not exist as an error. */
async function readNamed(services: Services, ids: readonly string[]): Promise<SupplyStats[]> {
  if (ids.length > MAX_SUPPLY_IDS) {
    throw badUserInput(`supplyIds may name ${MAX_SUPPLY_IDS} supplies at most, not ${ids.length}.`)
  }
  const { supplies } = services.catalog.current()
  const read = await services.stats.read(ids)
  return ids.map((id, index) => {
    const stats = read[index]
    if (!stats && !supplies.has(id)) throw supplyNotFound(id)
    return stats ?? emptyStats(id)
  })
}

const MIN_INTERVAL_MS = 50
const MAX_INTERVAL_MS = 60_000
/** Supplies that one query or subscription may name. */
const MAX_SUPPLY_IDS = 1000
