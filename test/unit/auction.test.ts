import { describe, expect, it } from 'vitest'
import { createAuctionIds } from '../../src/auction/auction-id.ts'
import { chooseWinner } from '../../src/auction/choose-winner.ts'
import { formatAuction } from '../../src/auction/format-auction.ts'
import { type AuctionDependencies, holdAuction } from '../../src/auction/hold-auction.ts'
import type { Auction, AuctionRequest } from '../../src/auction/types.ts'
import { bidOf, failed, noBid, skipped, timedOut } from '../../src/bidders/response.ts'
import { createSimulatedBidders } from '../../src/bidders/simulated.ts'
import type { Bid } from '../../src/bidders/types.ts'
import { DEFAULT_SUPPLY_SETTINGS } from '../../src/catalog/types.ts'
import { type Chance, chanceOf, createRandom, draw, type Random } from '../../src/random.ts'
import fc from '../support/fast-check.ts'

const REQUEST: AuctionRequest = { supplyId: 'supply1', ip: '203.0.113.7', country: 'US', tmaxMs: 200 }
const BIDDERS = Array.from({ length: 12 }, (_, index) => ({ id: `bidder${index + 1}`, country: 'US' }))

function simulated(seed: number, latencyFactor = 0, noBidProbability = 0.3): AuctionDependencies {
  return {
    bidderClient: createSimulatedBidders({ latencyFactor, noBidProbability }),
    clock: { now: () => 1_700_000_000_000, monotonic: () => performance.now() },
    newAuctionId: createAuctionIds(),
    seed,
  }
}

describe('an auction', () => {
  it('should be won by a highest bid in every one of 10,000 seeded auctions', () => {
    const at = simulated(7)
    for (let round = 0; round < 10_000; round++) {
      const { responses, winner, priceMicros } = holdAuction(
        REQUEST,
        BIDDERS,
        DEFAULT_SUPPLY_SETTINGS,
        round,
        at,
      ) as Auction
      const prices = responses.map((response) => response.priceMicros ?? 0)
      expect(priceMicros).toBe(Math.max(...prices))
      const won = responses.filter(({ outcome }) => outcome === 'WON')
      expect(won.map(({ bidderId }) => bidderId)).toEqual(winner ? [winner.id] : [])
      expect(won.every((response) => response.priceMicros === priceMicros)).toBe(true)
    }
  })

  it('should give every tied bidder the same chance', () => {
    const prices = [5, 90, null, 90, 90, 89]
    const responses = prices.map((price, index) =>
      price === null ? noBid(`b${index}`, 0) : bidOf(`b${index}`, price, 0),
    )
    const wins = [0, 0, 0, 0, 0, 0]
    const rounds = 30_000
    for (let round = 0; round < rounds; round++) {
      const winner = chooseWinner(responses, { chance: chanceOf(11, round) }, 0)
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
          bids.map((price, index) => (price === null ? noBid(`b${index}`, 0) : bidOf(`b${index}`, price, 0))),
          { chance: chanceOf(seed, 1) },
          0,
        )
        const highest = Math.max(0, ...bids.map((price) => price ?? 0))
        return highest === 0 ? winner === -1 : bids[winner] === highest
      }),
    )
  })

  it('should replay from the same seed, and differ for another', () => {
    function replay(seed: number): unknown[] {
      const at = simulated(seed)
      return Array.from({ length: 100 }, (_, number) =>
        told(holdAuction(REQUEST, BIDDERS, DEFAULT_SUPPLY_SETTINGS, number, at) as Auction),
      )
    }
    expect(replay(42)).toEqual(replay(42))
    expect(replay(42)).not.toEqual(replay(43))
    expect(new Set(replay(42).map((auction) => JSON.stringify(auction))).size).toBe(100)
  })

  it('should replay alone as it ran among others', async () => {
    const request = { ...REQUEST, tmaxMs: 20 }
    const among = simulated(42, 1.5)
    const auctions = await Promise.all(
      Array.from({ length: 200 }, (_, number) =>
        holdAuction(request, BIDDERS.slice(0, 1 + (number % 12)), DEFAULT_SUPPLY_SETTINGS, number, among),
      ),
    )
    for (const number of [3, 11, 142, 199]) {
      const alone = await holdAuction(
        request,
        BIDDERS.slice(0, 1 + (number % 12)),
        DEFAULT_SUPPLY_SETTINGS,
        number,
        simulated(42, 1.5),
      )
      expect(told(alone)).toEqual(told(auctions[number] as Auction))
    }
  })

  it('should draw latencies, no bids and prices as uniformly as promised', async () => {
    const at = simulated(3, 1.5)
    const auctions = await Promise.all(
      Array.from({ length: 2000 }, (_, number) =>
        holdAuction({ ...REQUEST, tmaxMs: 100 }, BIDDERS, DEFAULT_SUPPLY_SETTINGS, number, at),
      ),
    )
    const responses = auctions.flatMap((auction) => auction.responses)
    const timedOut = responses.filter(({ outcome }) => outcome === 'TIMED_OUT').length
    const noBids = responses.filter(({ outcome }) => outcome === 'NO_BID').length
    const prices = responses.flatMap(({ priceMicros }) => priceMicros ?? [])
    expect(timedOut / responses.length).toBeCloseTo(1 / 3, 1)
    expect(noBids / (responses.length - timedOut)).toBeCloseTo(0.3, 1)
    expect([Math.min(...prices), Math.max(...prices)]).toEqual([10_000, 1_000_000])
    expect(prices.reduce((sum, price) => sum + price) / prices.length / 1_000_000).toBeCloseTo(0.505, 1)
    expect(Math.max(...responses.map(({ latencyMs }) => latencyMs ?? 0))).toBeLessThan(150)
  })

  it('should wait for the slowest answer in time, or for tmax where anyone timed out, and say how long it took', async () => {
    const seen = { timedOut: 0, inTime: 0 }
    const auctions = await Promise.all(
      Array.from({ length: 200 }, (_, seed) =>
        holdAuction({ ...REQUEST, tmaxMs: 100 }, BIDDERS.slice(0, 2), DEFAULT_SUPPLY_SETTINGS, 1, simulated(seed, 1.5)),
      ),
    )
    for (const { responses, durationMs } of auctions) {
      const timedOut = responses.some(({ outcome }) => outcome === 'TIMED_OUT')
      for (const { outcome, latencyMs } of responses) expect(outcome === 'TIMED_OUT').toBe((latencyMs ?? 0) > 100)
      const expectedMs = timedOut ? 100 : Math.max(...responses.map(({ latencyMs }) => latencyMs ?? 0))
      seen[timedOut ? 'timedOut' : 'inTime']++
      // A timer may fire up to a millisecond early by the finer clock.
      expect(durationMs).toBeGreaterThan(expectedMs - 1.5)
    }
    expect(seen.timedOut).toBeGreaterThan(50)
    expect(seen.inTime).toBeGreaterThan(20)
  })

  it('should put the price paid into what the winner shows, and leave what else is in it', () => {
    const markup =
      '<img src="https://a.example/p?price=${AUCTION_PRICE}&in=${AUCTION_CURRENCY}"><script>`${AUCTION_X} ${x}`</script>'
    const offer = (bidderId: string) => {
      const creative = { markup, creativeId: null, advertiserDomains: [], width: 300, height: 250, mediaType: 'BANNER' }
      const bid = {
        id: bidderId,
        responseId: null,
        seat: null,
        creative,
        adId: null,
        nurl: null,
        burl: null,
        lurl: null,
      }
      return bidOf(bidderId, bidderId === 'bidder1' ? 1_500_000 : 1_234_567, 0, bid as Bid)
    }
    const bidderClient = { bid: ({ id }: { readonly id: string }) => offer(id) }
    const supply = { ...DEFAULT_SUPPLY_SETTINGS, auctionType: 'SECOND_PRICE' } as const
    const auction = holdAuction(REQUEST, BIDDERS.slice(0, 2), supply, 1, { ...simulated(1), bidderClient }) as Auction
    expect(auction.responses.map(({ bid }) => bid?.creative.markup)).toEqual([
      markup.replace('${AUCTION_PRICE}', '1.244567').replace('${AUCTION_CURRENCY}', 'USD'),
      markup,
    ])
  })

  it('should be told as a block that a person can read', () => {
    const auction: Auction = {
      id: 'id',
      supplyId: 'supply1',
      country: 'US',
      tmaxMs: 200,
      responses: [
        bidOf('bidder1', 100_000, 3),
        { bidderId: 'bidder2', outcome: 'WON', priceMicros: 230_000, latencyMs: 12.5 },
        noBid('bidder3', 3),
        { bidderId: 'bidder4', outcome: 'TIMED_OUT', priceMicros: null, latencyMs: 270.31 },
        timedOut('bidder5'),
        failed('bidder6', 'INVALID_JSON', 7),
        skipped('bidder7', 'CIRCUIT_OPEN'),
        { ...bidOf('bidder8', 10_000, 3), reason: 'BELOW_FLOOR' },
      ],
      auctionType: 'FIRST_PRICE',
      floorMicros: 0,
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
      'bidder5 - timeout (no answer in 200ms)',
      'bidder6 - error (invalid json)',
      'bidder7 - not asked (circuit open)',
      'bidder8 - price 0.01 (below floor)',
      'Winner: bidder2 (0.23)',
    ])
    expect(formatAuction({ ...auction, winner: null, priceMicros: 0 })).toContain('No winner')
  })
})

/** What chance decided. */
function told({ responses, winner, priceMicros }: Auction) {
  return { responses, winner, priceMicros }
}

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

describe.each([
  ['the random source', () => createRandom(1)],
  ['the chance of one auction', () => from({ chance: chanceOf(1, 1) })],
  ['the first chance of each auction', () => from(undefined)],
])('%s', (_name, create) => {
  it('should be uniform in [0, 1)', () => {
    const random = create()
    const buckets = new Array<number>(10).fill(0)
    for (let draw = 0; draw < 100_000; draw++) {
      const value = random()
      if (value < 0 || value >= 1) expect.fail(`${value} is not in [0, 1)`)
      const bucket = Math.floor(value * 10)
      buckets[bucket] = (buckets[bucket] ?? 0) + 1
    }
    for (const count of buckets) expect(Math.abs(count - 10_000)).toBeLessThan(400)
  })
})

/** Draws from one chance, or one from each of ever new auctions. */
function from(chance: Chance | undefined): Random {
  let auctions = 0
  return () => draw(chance ?? { chance: chanceOf(1, auctions++) })
}
