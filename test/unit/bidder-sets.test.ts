import { describe, expect, it } from 'vitest'
import type { Auction } from '../../src/auction/types.ts'
import { type BidderSets, createBidderSets } from '../../src/history/bidder-sets.ts'
import { readPacked } from '../../src/history/packed-auction.ts'
import { packAll, randomAuctions } from '../support/auctions.ts'

const [AUCTION] = randomAuctions(1) as [Auction]

/** The id of a set, as an auction that asked it has it. */
function idOf(sets: BidderSets, bidderIds: readonly string[]): string | undefined {
  const responses = bidderIds.map((bidderId) => ({
    bidderId,
    outcome: 'NO_BID' as const,
    latencyMs: 1,
    priceMicros: null,
  }))
  const { bytes } = packAll([{ ...AUCTION, responses, winner: null, priceMicros: 0 }])
  const reader = readPacked({ bytes })
  reader.next()
  return sets.idOf(bytes, reader)?.toString('hex')
}

/** Also of one that was not seen before. */
function idOfSeen(sets: BidderSets, bidderIds: readonly string[]): string | undefined {
  return idOf(sets, bidderIds) ?? idOf(sets, bidderIds)
}

describe('createBidderSets', () => {
  it('should name a set from the second time on that it is seen, and none of nobody', () => {
    const sets = createBidderSets()
    const seen = [1, 2, 3].map(() => idOf(sets, ['acme', 'bolt']))
    expect(seen).toEqual([undefined, expect.stringMatching(/^[0-9a-f]{32}$/), seen[1]])
    expect(idOf(sets, ['acme'])).toBeUndefined()
    expect([idOf(sets, []), idOf(sets, [])]).toEqual([undefined, undefined])
  })

  it('should give a set the same id wherever it is seen, and no other set that id', () => {
    const lists = [
      ['a', 'b'],
      ['b', 'a'],
      ['ab'],
      ['a', 'b', ''],
      ['a', '', 'b'],
      ['语', 'é'],
      ['\u0000é'],
      Array.from({ length: 3_000 }, (_, index) => `bidder-${index}`),
      Array.from({ length: 3_000 }, (_, index) => `bidder-${index + 1}`),
    ]
    const sets = createBidderSets()
    const ids = lists.map((bidderIds) => idOfSeen(sets, bidderIds))
    expect(new Set(ids).size).toBe(lists.length)
    const others = createBidderSets()
    expect(lists.toReversed().map((bidderIds) => idOfSeen(others, bidderIds))).toEqual(ids.toReversed())
  })

  it('should remember no more than it has room for: first what was used last', () => {
    const sets = createBidderSets(10_000)
    const used = idOfSeen(sets, ['used'])
    const unused = idOfSeen(sets, ['unused'])
    for (let index = 0; index < 1_000; index += 1) {
      idOf(sets, [`bidder-${index}`])
      expect(idOf(sets, ['used'])).toBe(used)
    }
    expect(idOf(sets, ['unused'])).toBeUndefined()
    expect(idOf(sets, ['unused'])).toBe(unused)
    expect(idOf(sets, ['bidder-0'])).toBeUndefined()
  })
})
