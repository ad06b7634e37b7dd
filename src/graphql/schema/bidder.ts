import type { CircuitState } from '../../bidders/openrtb/circuit-breaker.ts'
import { builder, CONNECTION_PAGE } from '../builder.ts'
import { checkPage } from '../page.ts'

const BidderHealthType = builder.enumType('BidderHealth', {
  description: `How a bidder over HTTP does, by its circuit breaker in the instance that answers. CLOSED: it is asked. OPEN: it is
not, since it has failed. HALF_OPEN: it is asked a few times, to see.`,
  values: ['CLOSED', 'OPEN', 'HALF_OPEN'] as const satisfies readonly CircuitState[],
})

export const BidderType = builder.prismaObject('Bidder', {
  description: 'A buyer of impressions, of one country.',
  extensions: { isEntity: true },
  fields: (t) => ({
    id: t.exposeID('id'),
    country: t.expose('country', { type: 'CountryCode' }),
    endpoint: t.string({
      nullable: true,
      description: 'Where it is asked over HTTP, in OpenRTB 2.6; null: it is simulated.',
      // As auctions have it: nothing is read for it. Its headers, which may tell of secrets, are not shown.
      resolve: ({ id }, _args, { services }) => services.catalog.current().bidders.get(id)?.http?.endpoint,
    }),
    health: t.field({
      type: BidderHealthType,
      nullable: true,
      description: 'Null for a bidder that is simulated.',
      resolve: ({ id }, _args, { services: { catalog, openRtb } }) => {
        const bidder = catalog.current().bidders.get(id)
        return bidder ? openRtb.health(bidder) : null
      },
    }),
  }),
})

builder.queryField('bidders', (t) =>
  t.prismaConnection(
    {
      type: BidderType,
      cursor: 'id',
      extensions: CONNECTION_PAGE,
      description: 'Every bidder, by id, optionally of one country.',
      args: { country: t.arg({ type: 'CountryCode' }) },
      totalCount: (_parent, { country }, { services }) => services.prisma.bidder.count(ofCountry(country)),
      resolve: (query, _parent, args, { services }) => {
        checkPage(args)
        return services.prisma.bidder.findMany({ ...query, ...ofCountry(args.country), orderBy: { id: 'asc' } })
      },
    },
    { name: 'BidderConnection' },
    { name: 'BidderEdge' },
  ),
)

builder.queryField('bidder', (t) =>
  t.prismaField({
    type: 'Bidder',
    nullable: true,
    args: { id: t.arg.id({ required: true }) },
    resolve: (query, _parent, { id }, { services }) => services.prisma.bidder.findUnique({ ...query, where: { id } }),
  }),
)

function ofCountry(country: string | null | undefined): { where?: { country: string } } {
  return country ? { where: { country } } : {}
}
