import { timeOfAuctionId } from '../../auction/auction-id.ts'
import { SEARCHED_DAYS } from '../../history/read-auctions.ts'
import type { LoggedAuction } from '../../history/types.ts'
import { toUnits } from '../../money.ts'
import { builder, CONNECTION_PAGE, DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE } from '../builder.ts'
import { historyOf } from '../context.ts'
import { badUserInput } from '../errors.ts'
import { parts } from '../list-size.ts'
import { checkPage, cursorOf, idOfCursor } from '../page.ts'
import { BidderResponseType, RESPONSES_EXPECTED, toResponseFields } from './bidder-response.ts'

const AuctionReceiptType = builder.objectRef<LoggedAuction>('AuctionReceipt').implement({
  description: 'An auction as it was logged.',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'UUIDv7.' }),
    supplyId: t.exposeID('supplyId'),
    country: t.expose('country', { type: 'CountryCode' }),
    tmax: t.exposeInt('tmaxMs'),
    winnerId: t.exposeID('winnerId', { nullable: true, description: 'Null where it was not sold.' }),
    price: t.float({
      nullable: true,
      description: 'What the winner paid; null where it was not sold.',
      resolve: ({ winnerId, priceMicros }) => (winnerId === null ? null : toUnits(priceMicros)),
    }),
    responses: t.field({
      type: [BidderResponseType],
      extensions: parts(RESPONSES_EXPECTED),
      description: 'One per bidder that was asked, by bidder id.',
      // By far the most of a page of receipts.
      resolve: ({ responses }, _args, { pace }) => {
        const fields = responses.map(toResponseFields)
        return pace?.turn(fields) ?? fields
      },
    }),
    startedAt: t.field({ type: 'DateTime', resolve: ({ startedAtMs }) => new Date(startedAtMs) }),
    durationMs: t.exposeFloat('durationMs', {
      description: 'From the first bidder asked to the winner known, in milliseconds.',
    }),
  }),
})

const AuctionReceiptConnection = builder.connectionObject(
  { type: AuctionReceiptType, name: 'AuctionReceiptConnection' },
  { name: 'AuctionReceiptEdge' },
)

builder.queryField('auction', (t) =>
  t.field({
    type: AuctionReceiptType,
    nullable: true,
    description: 'The receipt of one auction, sold or not; null where there is none of this id.',
    args: { id: t.arg.id({ required: true }) },
    resolve: async (_parent, { id }, context) => {
      if (timeOfAuctionId(id) === undefined) {
        throw badUserInput(`${JSON.stringify(id.slice(0, SHOWN_MAX))} is no auction's id, which is a UUIDv7.`)
      }
      const auction = await historyOf(context).auction(id)
      const own = context.caller?.supplies
      // One of another's supply is told of as one that is not there.
      return auction && (own === undefined || own.has(auction.supplyId)) ? auction : null
    },
  }),
)

builder.queryField('auctions', (t) =>
  t.field({
    type: AuctionReceiptConnection,
    description: [
      `Logged auctions, the newest first; first is ${DEFAULT_PAGE_SIZE} by default, ${MAX_PAGE_SIZE} at most. From is in, to is out; without from, those of`,
      `the last ${SEARCHED_DAYS} days. A page may be shorter than first where few of many auctions fit: hasNextPage says whether to go on.`,
    ].join('\n'),
    args: {
      supplyId: t.arg.id(),
      bidderId: t.arg.id({ description: 'Among those that were asked.' }),
      country: t.arg({ type: 'CountryCode' }),
      sold: t.arg.boolean(),
      from: t.arg({ type: 'DateTime' }),
      to: t.arg({ type: 'DateTime' }),
      first: t.arg.int(),
      after: t.arg.string(),
    },
    extensions: CONNECTION_PAGE,
    resolve: async (_parent, { supplyId, bidderId, country, sold, from, to, first, after }, context) => {
      checkPage({ first })
      if (from && to && from >= to) {
        throw badUserInput(`from must be before to, and ${from.toISOString()} is not before ${to.toISOString()}.`)
      }
      const { auctions, hasMore } = await historyOf(context).auctions(
        {
          supplyId: supplyId ?? undefined,
          bidderId: bidderId ?? undefined,
          country: country ?? undefined,
          isSold: sold ?? undefined,
          fromMs: from?.getTime(),
          toMs: to?.getTime(),
        },
        { first: first ?? DEFAULT_PAGE_SIZE, after: auctionOfCursor(after ?? undefined) },
      )
      const edges = auctions.map((node) => ({ node, cursor: cursorOf(node) }))
      return {
        edges,
        pageInfo: {
          hasNextPage: hasMore,
          hasPreviousPage: typeof after === 'string',
          startCursor: edges[0]?.cursor ?? null,
          endCursor: edges.at(-1)?.cursor ?? null,
        },
      }
    },
  }),
)

function auctionOfCursor(cursor: string | undefined): string | undefined {
  const id = idOfCursor(cursor)
  if (id !== undefined && timeOfAuctionId(id) === undefined) throw badUserInput(`Invalid cursor: ${cursor}`)
  return id
}

/** A refused id is repeated in the error up to this many characters. */
const SHOWN_MAX = 100
