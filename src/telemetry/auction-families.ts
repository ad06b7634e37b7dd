import type { CircuitState } from '../bidders/openrtb/circuit-breaker.ts'
import type { OpenRtbBidders } from '../bidders/openrtb/client.ts'
import type { RateLimitDecisions } from '../rate-limit/types.ts'
import { type BidderCounts, OUTCOMES } from './bidder-counts.ts'
import type { Counts } from './counts.ts'
import { counter, type Family, gauge, histogram, MS_IN_SECONDS } from './family.ts'

export interface AuctionSources {
  readonly counts: Counts
  readonly bidderCounts: BidderCounts
  readonly openRtb: Pick<OpenRtbBidders, 'status'>
  readonly rateLimits: () => RateLimitDecisions
  readonly loadShedding: () => { readonly shed: number; readonly admittedShare: number }
  /** Auctions under way. */
  readonly inFlight: () => number
}

/** How auctions end, how quick they are, and what bidders and the limit make of them. */
export function auctionFamilies(sources: AuctionSources): Family[] {
  const { counts, bidderCounts, openRtb, rateLimits, loadShedding, inFlight } = sources
  const { outcomes, durationMs } = counts.auctions
  return [
    counter('auction_auctions_total', 'Requests for an auction, by how they ended.', () => [
      ...Object.entries(outcomes).map(([outcome, ended]) => [{ outcome }, ended] as const),
      [{ outcome: 'rate_limited' }, refusedBy(rateLimits())],
      [{ outcome: 'supply_not_found' }, counts.unknownSupplies],
    ]),
    gauge('auction_in_flight', 'Requests for an auction that are under way.', inFlight),
    counter('auction_requests_shed_total', 'Requests refused at once, because of overload.', () => loadShedding().shed),
    gauge(
      'auction_requests_admitted_share',
      'Of the requests that come so much is taken, above 0 to 1.',
      () => loadShedding().admittedShare,
    ),
    histogram('auction_duration_seconds', 'From the first bidder asked to the winner known.', MS_IN_SECONDS, () => [
      [{}, durationMs],
    ]),
    histogram(
      'auction_own_overhead_seconds',
      'From the last byte of a request to its answer, less what its auctions waited for bidders.',
      MS_IN_SECONDS,
      () => [[{}, counts.ownOverheadMs]],
    ),
    counter('auction_rate_limit_decisions_total', 'Requests that the limit let pass or refused, by who decided.', () =>
      Object.entries(rateLimits()).flatMap(([source, { allowed, refused }]) => [
        [{ source, result: 'allowed' }, allowed] as const,
        [{ source, result: 'refused' }, refused] as const,
      ]),
    ),
    counter(
      'auction_bidder_answers_total',
      'How bidders came out of auctions; other: all without a label of their own.',
      () =>
        [...bidderCounts.all()].flatMap(([bidder, { outcomes: ofBidder }]) =>
          OUTCOMES.map((outcome, index) => [{ bidder, outcome: outcome.toLowerCase() }, ofBidder[index]] as const),
        ),
    ),
    histogram(
      'auction_bidder_latency_seconds',
      'How long bidders took to answer in time.',
      MS_IN_SECONDS,
      function* () {
        for (const [bidder, { latencyMs }] of bidderCounts.all()) yield [{ bidder }, latencyMs]
      },
    ),
    gauge('auction_bidder_circuits', 'Bidders over HTTP that were asked, by the state of their circuit.', () => {
      const states: Record<CircuitState, number> = { CLOSED: 0, HALF_OPEN: 0, OPEN: 0 }
      for (const { health } of openRtb.status().bidders.values()) states[health]++
      return Object.entries(states).map(([state, bidders]) => [{ state: state.toLowerCase() }, bidders])
    }),
    gauge('auction_bidder_circuit_state', 'Of bidders with a label of their own: 0 closed, 1 half open, 2 open.', () =>
      [...openRtb.status().bidders].flatMap(([bidder, { health }]) =>
        bidderCounts.isNamed(bidder) ? [[{ bidder }, CIRCUIT_STATES.indexOf(health)] as const] : [],
      ),
    ),
    gauge(
      'auction_bidders_not_configured',
      'Bidders over HTTP that cannot be asked, as the log says.',
      () => openRtb.status().notConfigured.length,
    ),
  ]
}

function refusedBy({ redis, local, fallback }: RateLimitDecisions): number {
  return redis.refused + local.refused + fallback.refused
}

const CIRCUIT_STATES: readonly CircuitState[] = ['CLOSED', 'HALF_OPEN', 'OPEN']
