import { REASONS, type ReasonName } from '../../bidders/reasons.ts'
import type { BidderOutcome } from '../../bidders/types.ts'
import { toUnits } from '../../money.ts'
import type { KeptResponse } from '../../sold-once/answer.ts'
import { builder } from '../builder.ts'

/** How many bidders an auction is expected to ask. */
export const RESPONSES_EXPECTED = 10

const BidderOutcomeType = builder.enumType('BidderOutcome', {
  description: `How a bidder came out of an auction. ERROR: what it answered is neither a bid that could be taken nor a refusal
to bid. SKIPPED: it was not asked.`,
  values: ['WON', 'LOST', 'NO_BID', 'TIMED_OUT', 'ERROR', 'SKIPPED'] as const satisfies readonly BidderOutcome[],
})

const BidderReasonType = builder.enumType('BidderReason', {
  description:
    'Why a bid was not taken, why an answer was neither a bid nor a refusal to bid, or why a bidder was not asked.',
  values: Object.keys(REASONS) as ReasonName[],
})

/** A response as the API tells it: made once for each, so that no field needs a resolver. */
export interface BidderResponseFields {
  readonly bidderId: string
  readonly outcome: BidderOutcome
  readonly price: number | null
  readonly latencyMs: number | null
  readonly reason: ReasonName | null
  readonly seat: string | null
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
    reason: t.expose('reason', {
      type: BidderReasonType,
      nullable: true,
      description: 'Why it is LOST, ERROR or SKIPPED; null for other outcomes.',
    }),
    seat: t.exposeString('seat', { nullable: true, description: 'On whose behalf it bid, where it said so.' }),
  }),
})

/** A response as the API tells it: prices become Floats here. */
export function toResponseFields(response: KeptResponse): BidderResponseFields {
  const { bidderId, outcome, priceMicros, latencyMs, bid } = response
  const price = priceMicros === null ? null : toUnits(priceMicros)
  // What was outbid comes without a reason, as nearly all that is lost: it costs nothing on the way.
  const reason = response.reason ?? (outcome === 'LOST' ? 'OUTBID' : null)
  return { bidderId, outcome, price, latencyMs, reason, seat: bid?.seat ?? null }
}
