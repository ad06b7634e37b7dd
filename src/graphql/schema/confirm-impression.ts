import { timeOfAuctionId } from '../../auction/auction-id.ts'
import { CONFIRMABLE_MS } from '../../notices/confirmations.ts'
import { builder } from '../builder.ts'
import { badUserInput } from '../errors.ts'
import { ErrorInterface } from './auction.ts'

interface ImpressionConfirmed {
  readonly type: 'CONFIRMED'
  readonly auctionId: string
  readonly isFirst: boolean
}

const ImpressionConfirmedType = builder.objectRef<ImpressionConfirmed>('ImpressionConfirmed').implement({
  description: 'The ad is known to have been shown, and its winner is billed.',
  fields: (t) => ({
    auctionId: t.exposeID('auctionId'),
    isFirst: t.exposeBoolean('isFirst', { description: 'False where it was known before: nothing has changed then.' }),
  }),
})

interface ConfirmationError {
  readonly type: 'NOT_FOUND' | 'EXPIRED'
  readonly auctionId: string
  readonly message: string
}

const AuctionNotFoundErrorType = builder.objectRef<ConfirmationError>('AuctionNotFoundError').implement({
  description: 'No auction of this id was sold.',
  interfaces: [ErrorInterface],
  fields: (t) => ({ auctionId: t.exposeID('auctionId') }),
})

const ConfirmationExpiredErrorType = builder.objectRef<ConfirmationError>('ConfirmationExpiredError').implement({
  description: 'The auction was too long ago for its ad to be shown.',
  interfaces: [ErrorInterface],
  fields: (t) => ({ auctionId: t.exposeID('auctionId') }),
})

const ConfirmImpressionResultType = builder.unionType('ConfirmImpressionResult', {
  types: [ImpressionConfirmedType, AuctionNotFoundErrorType, ConfirmationExpiredErrorType],
  resolveType: ({ type }) => TYPES[type],
})

const TYPES = {
  CONFIRMED: 'ImpressionConfirmed',
  NOT_FOUND: 'AuctionNotFoundError',
  EXPIRED: 'ConfirmationExpiredError',
} as const

builder.mutationField('confirmImpression', (t) =>
  t.field({
    type: ConfirmImpressionResultType,
    nullable: true,
    description: `Says that the ad of an auction was shown: its winner's billing notice is sent, once however often this is called, on whichever
instance. Within ${CONFIRMABLE_MS / 3_600_000} hours of the auction, from the moment on that it was answered.`,
    args: { auctionId: t.arg.id({ required: true }) },
    resolve: async (_parent, { auctionId }, { services: { confirmations }, caller }) => {
      if (timeOfAuctionId(auctionId) === undefined) {
        throw badUserInput(`${JSON.stringify(auctionId.slice(0, SHOWN_MAX))} is no auction's id, which is a UUIDv7.`)
      }
      if (confirmations === undefined) return { type: 'NOT_FOUND' as const, auctionId, message: NOT_LOGGED }
      const result = await confirmations.confirm(auctionId, caller?.supplies)
      if (result.type === 'CONFIRMED') return { ...result, auctionId }
      const isOfCertain = result.type === 'NOT_FOUND' && caller?.supplies !== undefined
      return { ...result, auctionId, message: isOfCertain ? NOT_OWN : MESSAGES[result.type] }
    },
  }),
)

const MESSAGES = {
  NOT_FOUND: 'No auction of this id was sold: confirm the id of an Auction that runAuction has answered.',
  EXPIRED: `An ad can be said to be shown within ${CONFIRMABLE_MS / 3_600_000} hours of its auction, and this one is older.`,
}
const NOT_OWN =
  'No auction of this id was sold for the supplies of this API key, as far as the log has it: confirm it some seconds after runAuction has answered.'
const NOT_LOGGED = 'Auctions are not logged here (AUCTION_LOG=off), so that none can be said to be shown.'
/** A refused id is repeated in the error up to this many characters. */
const SHOWN_MAX = 100
