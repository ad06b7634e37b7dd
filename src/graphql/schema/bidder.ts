import { builder, CONNECTION_PAGE } from '../builder.ts'
import { checkPage } from '../page.ts'

export const BidderType = builder.prismaObject('Bidder', {
  description: 'A buyer of impressions, of one country.',
  extensions: { isEntity: true },
  fields: (t) => ({
    id: t.exposeID('id'),
    country: t.expose('country', { type: 'CountryCode' }),
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
