import { prismaConnectionHelpers } from '@pothos/plugin-prisma'
import { builder, CONNECTION_PAGE, MAX_PAGE_SIZE } from '../builder.ts'
import { page } from '../list-size.ts'
import { loadersOf } from '../loaders.ts'
import { checkPage, checkSize } from '../page.ts'
import { BidderType } from './bidder.ts'
import { SupplyStatsType } from './stats.ts'

const SupplyType = builder.prismaObject('Supply', {
  description: "A publisher's page: the seller of impressions.",
  extensions: { isEntity: true },
  fields: (t) => ({
    id: t.exposeID('id'),
    bidders: t.field({
      type: [BidderType],
      description: 'The bidders this supply may sell to, by id, optionally of one country.',
      args: {
        country: t.arg({ type: 'CountryCode' }),
        first: t.arg.int({ required: true, defaultValue: MAX_PAGE_SIZE, description: '0 to 100.' }),
      },
      extensions: page({ max: MAX_PAGE_SIZE, sizedBy: ['first'] }),
      select: ({ country, first }, _context, nestedSelection) => ({
        bidders: {
          select: { bidder: nestedSelection(true) },
          ...(country ? { where: { bidder: { country } } } : {}),
          orderBy: { bidderId: 'asc' },
          // What is out of bounds is refused where it is resolved.
          take: Math.min(Math.max(first, 0), MAX_PAGE_SIZE),
        },
      }),
      resolve: (supply, { first }) => {
        checkSize('first', first, MAX_PAGE_SIZE, 'query bidders(country) for all of a country')
        return supply.bidders.map(({ bidder }) => bidder)
      },
    }),
    stats: t.field({
      type: SupplyStatsType,
      select: { id: true },
      resolve: ({ id }, _args, context) => loadersOf(context).stats.load(id),
    }),
  }),
})

interface Counted {
  readonly totalCount?: () => number | Promise<number>
}

const SupplyConnection = builder.connectionObject(
  {
    type: SupplyType,
    name: 'SupplyConnection',
    fields: (t) => ({
      totalCount: t.int({
        // Where nothing else is selected, Pothos need not read the rows.
        extensions: { pothosPrismaTotalCount: true },
        resolve: async (connection) => (await (connection as Counted).totalCount?.()) ?? 0,
      }),
    }),
  },
  { name: 'SupplyEdge' },
)

const suppliesOfBidder = prismaConnectionHelpers(builder, 'SupplyBidder', {
  cursor: 'supplyId_bidderId',
  // All that a path from a bidder may select of a supply comes by its id: its bidders would lead back.
  select: () => ({ supply: { select: { id: true } } }),
  query: { orderBy: { supplyId: 'asc' } },
  resolveNode: ({ supply }) => supply,
})

builder.prismaObjectField(BidderType, 'supplies', (t) =>
  t.connection(
    {
      type: SupplyType,
      description: 'The supplies that may sell to this bidder, by id; first is 20 by default, 100 at most.',
      extensions: CONNECTION_PAGE,
      select: (args, context, nestedSelection) => ({
        id: true,
        supplies: suppliesOfBidder.getQuery(args, context, nestedSelection),
      }),
      resolve: (bidder, args, context) => {
        checkPage(args)
        const connection = suppliesOfBidder.resolve(bidder.supplies, args, context, bidder)
        return { ...connection, totalCount: () => loadersOf(context).supplyCounts.load(bidder.id) }
      },
    },
    SupplyConnection,
  ),
)

builder.queryField('supplies', (t) =>
  t.prismaConnection(
    {
      type: SupplyType,
      cursor: 'id',
      description:
        'Every supply, by id. Relay pagination with the `nodes` shortcut; first is 20 by default, 100 at most.',
      extensions: CONNECTION_PAGE,
      totalCount: (_parent, _args, { services }) => services.prisma.supply.count(),
      resolve: (query, _parent, args, { services }) => {
        checkPage(args)
        return services.prisma.supply.findMany({ ...query, orderBy: { id: 'asc' } })
      },
    },
    SupplyConnection,
  ),
)

builder.queryField('supply', (t) =>
  t.prismaField({
    type: 'Supply',
    nullable: true,
    args: { id: t.arg.id({ required: true }) },
    resolve: (query, _parent, { id }, { services }) => services.prisma.supply.findUnique({ ...query, where: { id } }),
  }),
)
