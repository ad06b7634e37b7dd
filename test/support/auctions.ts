import fc from 'fast-check'
import { createAuctionIds } from '../../src/auction/auction-id.ts'
import type { Auction } from '../../src/auction/types.ts'
import { REASONS, type ReasonName } from '../../src/bidders/reasons.ts'
import type { BidderOutcome, BidderResponse } from '../../src/bidders/types.ts'
import { type PackedAuctions, packAuction, packedBytesMax } from '../../src/history/packed-auction.ts'
import { noticesOf } from '../../src/notices/notices-of.ts'

/** Ids that some way of writing them down takes for something else. */
export const ODD_IDS = [
  'plain',
  'with "quotes"',
  "it's",
  'back\\slash',
  '\\',
  '"',
  '{braces}',
  '{}',
  'a,b',
  '',
  ' ',
  'NULL',
  'null',
  'tab\tand\nline',
  'é',
  '語',
  '\u{1f600}',
  '%s',
  '$1',
  '\ud7ff\ue000',
] as const

/** Auctions as the service makes them, with ids of a time of their own. */
export const arbitraryAuction: fc.Arbitrary<Auction> = fc
  .record({
    startedAtMs: fc.integer({ min: 0, max: 2 ** 48 - 1 }),
    supplyId: arbitraryId(),
    country: fc.constantFrom('US', 'GB', 'DE'),
    tmaxMs: fc.integer({ min: 1, max: 5000 }),
    durationMs: fc.float({ min: 0, max: 5000, noNaN: true }),
    bidderIds: fc.uniqueArray(arbitraryId(), { maxLength: 12 }),
    answers: fc.infiniteStream(
      fc.record({
        outcome: fc.constantFrom<Exclude<BidderOutcome, 'WON'>>('LOST', 'NO_BID', 'TIMED_OUT', 'ERROR', 'SKIPPED'),
        micros: arbitraryMicros(),
        latencyMs: fc.option(fc.float({ min: 0, max: 5000, noNaN: true })),
        chance: fc.nat(1_000),
      }),
    ),
    isSold: fc.boolean(),
    paid: arbitraryMicros(),
  })
  .map(({ bidderIds, answers, isSold, paid, startedAtMs, ...auction }) => {
    const responses = bidderIds.map((bidderId): BidderResponse => {
      const { outcome, micros, latencyMs, chance } = answers.next().value
      const reason = reasonFor(outcome, chance)
      return {
        bidderId,
        outcome,
        latencyMs,
        priceMicros: outcome === 'LOST' ? micros : null,
        ...(reason && { reason }),
      }
    })
    const winner = isSold ? responses.find(({ outcome, reason }) => outcome === 'LOST' && !reason) : undefined
    if (winner) winner.outcome = 'WON'
    return {
      ...auction,
      id: idAt(startedAtMs),
      startedAtMs,
      responses,
      auctionType: 'FIRST_PRICE' as const,
      floorMicros: 0,
      winner: winner ? { id: winner.bidderId, country: auction.country } : null,
      priceMicros: winner ? paid : 0,
    }
  })

/** So many auctions of a fixed pseudo-random order, over a few supplies, bidders, outcomes and hours. */
export function randomAuctions(
  length: number,
  {
    seed = 1,
    from = Date.UTC(2026, 10, 28, 22),
    hours = 3,
    supplyIds = ['supply0', 'supply1', 'supply2'] as readonly string[],
    bidderIds = Array.from({ length: 8 }, (_, index) => `bidder${index}`) as readonly string[],
  } = {},
): Auction[] {
  let state = seed
  const next = (below: number) => {
    state = (state * 48_271) % 2_147_483_647
    return state % below
  }
  return Array.from({ length }, () => {
    const startedAtMs = from + next(hours * 3_600_000)
    const country = ['US', 'GB'][next(2)] ?? ''
    const asked = bidderIds.filter((_, index) => index % 2 === (country === 'US' ? 0 : 1))
    const responses = asked.slice(0, next(asked.length + 1)).map((bidderId): BidderResponse => {
      const outcome = (['LOST', 'NO_BID', 'TIMED_OUT', 'ERROR', 'SKIPPED'] as const)[next(5)] ?? 'LOST'
      // What a REAL holds exactly.
      const latencyMs = outcome === 'TIMED_OUT' || outcome === 'SKIPPED' ? null : next(2000) / 8
      const reason = reasonFor(outcome, next(1_000))
      const priceMicros = outcome === 'LOST' ? 1 + next(1_000_000) : null
      return { bidderId, outcome, priceMicros, latencyMs, ...(reason && { reason }) }
    })
    const winner = responses.find(({ outcome, reason }) => outcome === 'LOST' && !reason)
    if (winner) winner.outcome = 'WON'
    return {
      id: idAt(startedAtMs),
      supplyId: supplyIds[next(supplyIds.length)] ?? '',
      country,
      tmaxMs: 1 + next(5000),
      responses,
      auctionType: 'FIRST_PRICE',
      floorMicros: 0,
      winner: winner ? { id: winner.bidderId, country } : null,
      // What is paid need not be what was bid.
      priceMicros: winner ? 1 + next(1_000_000) : 0,
      startedAtMs,
      durationMs: next(4000) / 8,
    }
  })
}

/** One that an outcome may have; of bids, most have none. */
export function reasonFor(outcome: BidderOutcome, chance: number): ReasonName | undefined {
  if (outcome === 'LOST') return chance % 4 === 0 ? 'BELOW_FLOOR' : undefined
  const [from, to] = outcome === 'ERROR' ? [10, 40] : outcome === 'SKIPPED' ? [40, 256] : [0, 0]
  const names = (Object.keys(REASONS) as ReasonName[]).filter((name) => {
    const { code } = REASONS[name]
    return code >= from && code < to
  })
  return names[chance % names.length]
}

/** Packs them one after the other, as they are on their way to the log. */
export function packAll(auctions: readonly Auction[]): PackedAuctions {
  const size = auctions.reduce((sum, auction) => sum + packedBytesMax(auction, noticesOf(auction)), 0)
  const bytes = Buffer.alloc(size)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const end = auctions.reduce((at, auction) => packAuction(auction, noticesOf(auction), bytes, view, at), 0)
  return { bytes: bytes.subarray(0, end), count: auctions.length }
}

const newAuctionId = createAuctionIds()

/** Ids of one maker only rise; those of a test are of any time. */
function idAt(ms: number): string {
  const hex = ms.toString(16).padStart(12, '0')
  return `${hex.slice(0, 8)}-${hex.slice(8)}-${newAuctionId(Date.now()).slice(14)}`
}

function arbitraryId(): fc.Arbitrary<string> {
  return fc.oneof(
    fc.constantFrom(...ODD_IDS),
    fc.string({ maxLength: 20 }),
    fc.string({ unit: 'binary', maxLength: 20 }),
    fc.constantFrom('x'.repeat(128), '語'.repeat(128), '\u{1f600}'.repeat(64)),
  )
}

function arbitraryMicros(): fc.Arbitrary<number> {
  return fc.oneof(fc.nat(1_000_000), fc.maxSafeNat(), fc.constant(2 ** 53))
}
