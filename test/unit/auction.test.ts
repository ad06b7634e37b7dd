import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createAuctionIds } from '../../src/auction/auction-id.ts'
import { chooseWinner } from '../../src/auction/choose-winner.ts'
import { formatAuction } from '../../src/auction/format-auction.ts'
import { type AuctionHouse, holdAuction } from '../../src/auction/hold-auction.ts'
import { createRandom } from '../../src/auction/random.ts'
import type { Auction, AuctionRequest, BidderResponse } from '../../src/auction/types.ts'

const REQUEST: AuctionRequest = { supplyId: 'supply1', ip: '203.0.113.7', country: 'US', tmaxMs: 200 }
const BIDDERS = Array.from({ length: 12 }, (_, index) => ({ id: `bidder${index + 1}`, country: 'US' }))

function house(seed: number, latencyFactor = 0, noBidProbability = 0.3): AuctionHouse {
  return {
    simulation: { latencyFactor, noBidProbability, random: createRandom(seed) },
    clock: { now: () => 1_700_000_000_000, monotonic: () => performance.now() },
    newAuctionId: createAuctionIds(),
  }
}

function bid(bidderId: string, priceMicros: number | null): BidderResponse {
  return { bidderId, outcome: priceMicros === null ? 'NO_BID' : 'LOST', priceMicros, latencyMs: 0 }
}

describe('an auction', () => {
  it('should be won by a highest bid in every one of 10,000 seeded auctions', () => {
    const at = house(7)
    for (let round = 0; round < 10_000; round++) {
      const { responses, winner, priceMicros } = holdAuction(REQUEST, BIDDERS, at) as Auction
      const prices = responses.map((response) => response.priceMicros ?? 0)
      expect(priceMicros).toBe(Math.max(...prices))
      const won = responses.filter(({ outcome }) => outcome === 'WON')
      expect(won.map(({ bidderId }) => bidderId)).toEqual(winner ? [winner.id] : [])
      expect(won.every((response) => response.priceMicros === priceMicros)).toBe(true)
    }
  })

  it('should give every tied bidder the same chance', () => {
    const random = createRandom(11)
    const responses = [bid('a', 5), bid('b', 90), bid('c', null), bid('d', 90), bid('e', 90), bid('f', 89)]
    const wins = [0, 0, 0, 0, 0, 0]
    const rounds = 30_000
    for (let round = 0; round < rounds; round++) {
      const winner = chooseWinner(responses, random)
      wins[winner] = (wins[winner] ?? 0) + 1
    }
    expect([wins[0], wins[2], wins[5]]).toEqual([0, 0, 0])
    // Four standard deviations of a binomial of a third are 327 of 30,000.
    for (const tied of [1, 3, 4]) expect(Math.abs((wins[tied] ?? 0) - rounds / 3)).toBeLessThan(330)
  })

  it('should choose the highest price whatever the bids', () => {
    const prices = fc.array(fc.option(fc.integer({ min: 1, max: 1_000_000 })), { maxLength: 30 })
    fc.assert(
      fc.property(prices, fc.nat(), (bids, seed) => {
        const winner = chooseWinner(
          bids.map((price, index) => bid(`bidder${index}`, price)),
          createRandom(seed),
        )
        const highest = Math.max(0, ...bids.map((price) => price ?? 0))
        return highest === 0 ? winner === -1 : bids[winner] === highest
      }),
    )
  })

  it('should replay from the same seed, and differ for another', () => {
    function replay(seed: number): unknown[] {
      const at = house(seed)
      return Array.from({ length: 100 }, () => {
        const { responses, winner, priceMicros } = holdAuction(REQUEST, BIDDERS, at) as Auction
        return { responses, winner, priceMicros }
      })
    }
    expect(replay(42)).toEqual(replay(42))
    expect(replay(42)).not.toEqual(replay(43))
  })

  it('should draw latencies, no bids and prices as uniformly as promised', async () => {
    const at = house(3, 1.5)
    const auctions = await Promise.all(
      Array.from({ length: 2000 }, () => holdAuction({ ...REQUEST, tmaxMs: 100 }, BIDDERS, at)),
    )
    const responses = auctions.flatMap((auction) => auction.responses)
    const timedOut = responses.filter(({ outcome }) => outcome === 'TIMED_OUT').length
    const noBids = responses.filter(({ outcome }) => outcome === 'NO_BID').length
    const prices = responses.flatMap(({ priceMicros }) => priceMicros ?? [])
    expect(timedOut / responses.length).toBeCloseTo(1 / 3, 1)
    expect(noBids / (responses.length - timedOut)).toBeCloseTo(0.3, 1)
    expect([Math.min(...prices), Math.max(...prices)]).toEqual([10_000, 1_000_000])
    expect(prices.reduce((sum, price) => sum + price) / prices.length / 1_000_000).toBeCloseTo(0.505, 1)
    expect(Math.max(...responses.map(({ latencyMs }) => latencyMs))).toBeLessThan(150)
  })

  it('should wait for the slowest answer in time, or for tmax where anyone timed out, and say how long it took', async () => {
    const seen = { timedOut: 0, inTime: 0 }
    const auctions = await Promise.all(
      Array.from({ length: 200 }, (_, seed) =>
        holdAuction({ ...REQUEST, tmaxMs: 100 }, BIDDERS.slice(0, 2), house(seed, 1.5)),
      ),
    )
    for (const { responses, durationMs } of auctions) {
      const timedOut = responses.some(({ outcome }) => outcome === 'TIMED_OUT')
      for (const { outcome, latencyMs } of responses) expect(outcome === 'TIMED_OUT').toBe(latencyMs > 100)
      const expectedMs = timedOut ? 100 : Math.max(...responses.map(({ latencyMs }) => latencyMs))
      seen[timedOut ? 'timedOut' : 'inTime']++
      // A timer may fire up to a millisecond early by the finer clock.
      expect(durationMs).toBeGreaterThan(expectedMs - 1.5)
    }
    expect(seen.timedOut).toBeGreaterThan(50)
    expect(seen.inTime).toBeGreaterThan(20)
  })

  it('should be told as a block that a person can read', () => {
    const auction: Auction = {
      id: 'id',
      supplyId: 'supply1',
      country: 'US',
      tmaxMs: 200,
      responses: [
        bid('bidder1', 100_000),
        { bidderId: 'bidder2', outcome: 'WON', priceMicros: 230_000, latencyMs: 12.5 },
        bid('bidder3', null),
        { bidderId: 'bidder4', outcome: 'TIMED_OUT', priceMicros: null, latencyMs: 270.31 },
      ],
      winner: { id: 'bidder2', country: 'US' },
      priceMicros: 230_000,
      startedAtMs: 0,
      durationMs: 200,
    }
    expect(
      formatAuction(auction)
        .split('\n')
        .map((line) => line.trim()),
    ).toEqual([
      'Auction for supply1 (country=US, tmax=200ms)',
      'bidder1 - price 0.10',
      'bidder2 - price 0.23',
      'bidder3 - no bid',
      'bidder4 - timeout (latency 271ms > tmax 200ms)',
      'Winner: bidder2 (0.23)',
    ])
    expect(formatAuction({ ...auction, winner: null, priceMicros: 0 })).toContain('No winner')
  })
})

describe('auction ids', () => {
  it('should be version 7 UUIDs that sort in the order they were made, also within one millisecond', () => {
    const newId = createAuctionIds()
    const ids = Array.from({ length: 20_000 }, (_, index) => newId(1_700_000_000_000 + Math.floor(index / 10_000)))
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    expect([...ids].sort()).toEqual(ids)
    expect(new Set(ids).size).toBe(ids.length)
    expect(Number.parseInt(ids[0]?.replaceAll('-', '').slice(0, 12) ?? '', 16)).toBe(1_700_000_000_000)
  })

  it('should not go back when the clock does', () => {
    const newId = createAuctionIds()
    const [later, earlier] = [newId(1_700_000_000_500), newId(1_700_000_000_000)]
    expect(earlier > later).toBe(true)
  })
})

describe('the random source', () => {
  it('should be uniform in [0, 1)', () => {
    const random = createRandom(1)
    const buckets = new Array<number>(10).fill(0)
    for (let draw = 0; draw < 100_000; draw++) {
      const value = random()
      expect(value >= 0 && value < 1).toBe(true)
      const bucket = Math.floor(value * 10)
      buckets[bucket] = (buckets[bucket] ?? 0) + 1
    }
    for (const count of buckets) expect(Math.abs(count - 10_000)).toBeLessThan(400)
  })
})
