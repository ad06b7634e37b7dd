import { emptyStats } from '../../stats/feed.ts'
import { builder } from '../builder.ts'
import { checkPage } from '../page.ts'
import { BidderType } from './bidder.ts'
import { SupplyStatsType } from './stats.ts'

const SupplyType = builder.prismaObject('Supply', {
  description: "A publisher's page: the seller of impressions.",
  fields: (t) => ({
    id: t.exposeID('id'),
    bidders: t.field({
      type: [BidderType],
      description: 'The bidders this supply may sell to, by id, optionally of one country.',
      args: { country: t.arg({ type: 'CountryCode' }) },
      select: (args, _context, nestedSelection) => ({
        bidders: {
          select: { bidder: nestedSelection(true) },
          ...(args.country ? { where: { bidder: { country: args.country } } } : {}),
          orderBy: { bidderId: 'asc' },
        },
      }),
      resolve: (supply) => supply.bidders.map(({ bidder }) => bidder),
    }),
    stats: t.field({
      type: SupplyStatsType,
      select: { id: true },
      resolve: async ({ id }, _args, { services }) => (await services.stats.read([id]))[0] ?? emptyStats(id),
    }),
  }),
})

builder.prismaObjectField(BidderType, 'supplies', (t) =>
  t.field({
    type: [SupplyType],
    description: 'The supplies that may sell to this bidder, by id.',
    select: (_args, _context, nestedSelection) => ({
      supplies: { select: { supply: nestedSelection(true) }, orderBy: { supplyId: 'asc' } },
    }),
    resolve: (bidder) => bidder.supplies.map(({ supply }) => supply),
  }),
)

builder.queryField('supplies', (t) =>
  t.prismaConnection({
    type: 'Supply',
    cursor: 'id',
    description:
      'Every supply, by id. Relay pagination with the `nodes` shortcut; first is 20 by default, 100 at most.',
    totalCount: (_parent, _args, { services }) => services.prisma.supply.count(),
    resolve: (query, _parent, args, { services }) => {
      checkPage(args)
      return services.prisma.supply.findMany({ ...query, orderBy: { id: 'asc' } })
    },
  }),
)

builder.queryField('supply', (t) =>
  t.prismaField({
    type: 'Supply',
    nullable: true,
    args: { id: t.arg.id({ required: true }) },
    resolve: (query, _parent, { id }, { services }) => services.prisma.supply.findUnique({ ...query, where: { id } }),
  }),
)
