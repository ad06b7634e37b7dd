import { resolveCursorConnection } from '@pothos/plugin-relay'
import { toUnits } from '../../money.ts'
import { builder, CONNECTION_PAGE, DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE } from '../builder.ts'
import { page } from '../list-size.ts'
import { loadersOf } from '../loaders.ts'
import { checkPage, checkSize, cursorOf, idOfCursor } from '../page.ts'
import { AuctionTypeType } from './auction-type.ts'
import { BidderType } from './bidder.ts'
import { SupplyStatsType } from './stats.ts'

const SupplyType = builder.prismaObject('Supply', {
  description: "A publisher's page: the seller of impressions.",
  extensions: { isEntity: true },
  fields: (t) => ({
    id: t.exposeID('id'),
    floor: t.float({
      description: 'No bid under it is taken; 0: none.',
      resolve: ({ id }, _args, { services }) => toUnits(services.catalog.current().supplySettings(id).floorMicros),
    }),
    auctionType: t.field({
      type: AuctionTypeType,
      resolve: ({ id }, _args, { services }) => services.catalog.current().supplySettings(id).auctionType,
    }),
    bidders: t.field({
      type: [BidderType],
      description: 'The bidders this supply may sell to, by id, optionally of one country.',
      args: {
        country: t.arg({ type: 'CountryCode' }),
        first: t.arg.int({ required: true, defaultValue: MAX_PAGE_SIZE, description: '0 to 100.' }),
      },
      extensions: page({ max: MAX_PAGE_SIZE, sizedBy: ['first'] }),
      resolve: ({ id }, { country, first }, context) => {
        checkSize('first', first, MAX_PAGE_SIZE, 'query bidders(country) for all of a country')
        return loadersOf(context).bidders.load({ id, page: { country, limit: first } })
      },
    }),
    stats: t.field({
      type: SupplyStatsType,
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

builder.prismaObjectField(BidderType, 'supplies', (t) =>
  t.connection(
    {
      type: SupplyType,
      description: 'The supplies that may sell to this bidder, by id; first is 20 by default, 100 at most.',
      extensions: CONNECTION_PAGE,
      resolve: async ({ id }, args, context) => {
        checkPage(args)
        const loaders = loadersOf(context)
        const connection = await resolveCursorConnection<Promise<readonly { readonly id: string }[]>>(
          { args, defaultSize: DEFAULT_PAGE_SIZE, maxSize: MAX_PAGE_SIZE, toCursor: cursorOf },
          ({ after, before, limit, inverted }) =>
            loaders.supplies.load({
              id,
              page: { after: idOfCursor(after), before: idOfCursor(before), limit, inverted },
            }),
        )
        // An empty page has no cursors, not empty ones.
        const pageInfo = connection.edges.length > 0 ? connection.pageInfo : { ...connection.pageInfo, ...NO_CURSORS }
        return { ...connection, pageInfo, totalCount: () => loaders.supplyCounts.load(id) }
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

const NO_CURSORS = { startCursor: null, endCursor: null }
