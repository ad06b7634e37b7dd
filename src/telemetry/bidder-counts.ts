import type { BidderOutcome, BidderResponse } from '../bidders/types.ts'
import type { Bidder } from '../catalog/types.ts'
import { type Buckets, createBuckets } from './buckets.ts'

/**
 * What bidders answered, by bidder. Prometheus keeps a series for each label that it ever saw, so that only so many bidders
 * have one of their own: those over HTTP first, as they come to be asked. All others are told together, as OTHER.
 */
export interface BidderCounts {
  /** Counts how a bidder came out of an auction. */
  add(response: BidderResponse): void
  all(): Iterable<readonly [bidder: string, counts: CountsOfBidder]>
  /** Whether a bidder has a label of its own. */
  isNamed(bidderId: string): boolean
  /** Forgets bidders that are not among these, so that others have their room. */
  retain(bidders: ReadonlyMap<string, Bidder>): void
}

export interface CountsOfBidder {
  /** By OUTCOMES. */
  readonly outcomes: Float64Array
  /** How long answers in time took, in milliseconds. */
  readonly latencyMs: Buckets
}

export const OUTCOMES: readonly BidderOutcome[] = ['WON', 'LOST', 'NO_BID', 'TIMED_OUT', 'ERROR', 'SKIPPED']
export const OTHER = 'other'
/** Bidders with a label of their own: of those over HTTP, and of those that are simulated. */
export const NAMED_OVER_HTTP_MAX = 200
export const NAMED_SIMULATED_MAX = 20

/** @param find a bidder of the catalogue, by its id */
export function createBidderCounts(find: (bidderId: string) => Bidder | undefined): BidderCounts {
  const others = createCounts()
  /** Of each bidder that was asked: its own counts, or those of all others. */
  const counts = new Map<string, CountsOfBidder>()
  const named = { overHttp: new Set<string>(), simulated: new Set<string>() }

  return {
    add({ bidderId, outcome, latencyMs }) {
      const { outcomes, latencyMs: buckets } = counts.get(bidderId) ?? open(bidderId)
      const index = INDEX[outcome]
      outcomes[index] = (outcomes[index] as number) + 1
      // One that is late or was not asked has no latency that says anything.
      if (latencyMs !== null && outcome !== 'TIMED_OUT') buckets.add(latencyMs)
    },
    *all() {
      for (const entry of counts) if (entry[1] !== others) yield entry
      yield [OTHER, others]
    },
    isNamed: (bidderId) => named.overHttp.has(bidderId) || named.simulated.has(bidderId),
    retain(bidders) {
      for (const [id, own] of counts) {
        if (own !== others && bidders.has(id)) continue
        counts.delete(id)
        named.overHttp.delete(id)
        named.simulated.delete(id)
      }
    },
  }

  function open(bidderId: string): CountsOfBidder {
    const [ids, max] =
      find(bidderId)?.http === undefined
        ? [named.simulated, NAMED_SIMULATED_MAX]
        : [named.overHttp, NAMED_OVER_HTTP_MAX]
    if (counts.size === KNOWN_MAX) return others
    const isNamed = ids.size < max && bidderId !== OTHER
    if (isNamed) ids.add(bidderId)
    const own = isNamed ? createCounts() : others
    counts.set(bidderId, own)
    return own
  }
}

function createCounts(): CountsOfBidder {
  return { outcomes: new Float64Array(OUTCOMES.length), latencyMs: createBuckets(LATENCY_BOUNDS_MS) }
}

const INDEX: Readonly<Record<BidderOutcome, number>> = {
  WON: 0,
  LOST: 1,
  NO_BID: 2,
  TIMED_OUT: 3,
  ERROR: 4,
  SKIPPED: 5,
}
const LATENCY_BOUNDS_MS = [5, 10, 20, 50, 100, 150, 200, 300, 500, 1000]
/** Bidders that are remembered, so that a catalogue of very many takes no memory without end. */
const KNOWN_MAX = 20_000
