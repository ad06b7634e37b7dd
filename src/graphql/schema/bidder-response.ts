import type { BidderOutcome, BidderResponse } from '../../bidders/types.ts'
import { toUnits } from '../../money.ts'
import { builder } from '../builder.ts'

/** How many bidders an auction is expected to ask. */
export const RESPONSES_EXPECTED = 10

const BidderOutcomeType = builder.enumType('BidderOutcome', {
  description: `How a bidder came out of an auction. ERROR: what it answered is neither a bid that could be taken nor a refusal
to bid. SKIPPED: it was not asked.`,
  values: ['WON', 'LOST', 'NO_BID', 'TIMED_OUT', 'ERROR', 'SKIPPED'] as const satisfies readonly BidderOutcome[],
})

/** A response as the API tells it: made once for each, so that no field needs a resolver. */
export interface BidderResponseFields {
  readonly bidderId: string
  readonly outcome: BidderOutcome
  readonly price: number | null
  readonly latencyMs: number | null
}

export const BidderResponseType = builder.objectRef<BidderResponseFields>('BidderResponse').implement({
  description: 'What one bidder answered in one auction.',
  fields: (t) => ({
    bidderId: t.exposeID('bidderId'),
    outcome: t.expose('outcome', { type: BidderOutcomeType }),
    price: t.exposeFloat('price', { nullable: true, description: 'The price bid; null unless WON or LOST.' }),
    latencyMs: t.exposeFloat('latencyMs', {
      nullable: true,
      description: 'How long the bidder took; for TIMED_OUT how long it would have taken, where that is known.',
    }),
  }),
})

/** A response as the API tells it: prices become Floats here. */
export function toResponseFields({ bidderId, outcome, priceMicros, latencyMs }: BidderResponse): BidderResponseFields {
  return { bidderId, outcome, price: priceMicros === null ? null : toUnits(priceMicros), latencyMs }
}
