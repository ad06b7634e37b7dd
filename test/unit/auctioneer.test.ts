import { describe, expect, it } from 'vitest'
import { createAuctionIds } from '../../src/auction/auction-id.ts'
import { type AuctioneerDependencies, createAuctioneer } from '../../src/auction/auctioneer.ts'
import type { Auction } from '../../src/auction/types.ts'
import { bidOf } from '../../src/bidders/response.ts'
import { buildSnapshot } from '../../src/catalog/snapshot.ts'

const REQUEST = { supplyId: 'supply1', ip: '203.0.113.7', country: 'US', tmaxMs: 200 }
const SNAPSHOT = buildSnapshot({
  revision: 1n,
  bidders: [
    { id: 'a', country: 'US' },
    { id: 'b', country: 'US' },
  ],
  supplies: [['supply1', ['a', 'b']]],
})

function auctioneer(fakes: Partial<AuctioneerDependencies> = {}) {
  const recorded: Auction[] = []
  const created = createAuctioneer({
    catalog: { current: () => SNAPSHOT },
    rateLimiter: { take: () => ({ isAllowed: true, isLocal: false }) },
    recorder: { record: (auction) => void recorded.push(auction) },
    bidderClient: { bid: ({ id }) => bidOf(id, id === 'a' ? 230_000 : 90_000, 0) },
    clock: { now: () => 1_700_000_000_000, monotonic: () => performance.now() },
    newAuctionId: createAuctionIds(),
    seed: 1,
    ...fakes,
  })
  return { ...created, recorded }
}

const allowed = { isAllowed: true, isLocal: false } as const
const fail = () => {
  throw new Error('broken')
}
const reject = () => Promise.reject(new Error('broken'))

describe('createAuctioneer', () => {
  it('should record the whole auction: request, responses, winner and the price paid', async () => {
    const { run, recorded } = auctioneer()
    const result = await run(REQUEST)
    expect(result).toMatchObject({ type: 'HELD', isLimitedLocally: false })
    expect(recorded).toEqual([
      {
        id: expect.stringMatching(/^[0-9a-f-]{36}$/),
        supplyId: 'supply1',
        country: 'US',
        tmaxMs: 200,
        responses: [
          { bidderId: 'a', outcome: 'WON', priceMicros: 230_000, latencyMs: 0 },
          { bidderId: 'b', outcome: 'LOST', priceMicros: 90_000, latencyMs: 0 },
        ],
        auctionType: 'FIRST_PRICE',
        floorMicros: 0,
        winner: { id: 'a', country: 'US' },
        priceMicros: 230_000,
        startedAtMs: 1_700_000_000_000,
        durationMs: 0,
      },
    ])
  })

  it('should record a request that nobody is eligible for, with an id and a time of its own', async () => {
    const { run, recorded } = auctioneer()
    expect(await run({ ...REQUEST, country: 'FR' })).toMatchObject({ type: 'NO_ELIGIBLE_BIDDERS', country: 'FR' })
    expect(recorded).toMatchObject([
      { id: expect.stringMatching(/^[0-9a-f-]{36}$/), responses: [], winner: null, startedAtMs: 1_700_000_000_000 },
    ])
  })

  it('should count each request as in flight until it is answered, and record once, whatever must be waited for', async () => {
    const take = () => Promise.resolve(allowed)
    const record = (recorded: Auction[]) => async (auction: Auction) => void recorded.push(auction)
    for (const waits of [{}, { rateLimiter: { take } }]) {
      const recorded: Auction[] = []
      const { run, inFlight } = auctioneer({ ...waits, recorder: { record: record(recorded) } })
      const running = run(REQUEST)
      expect(inFlight()).toBe(1)
      expect(await running).toMatchObject({ type: 'HELD' })
      expect([inFlight(), recorded.length]).toEqual([0, 1])
    }
    const refused = { isAllowed: false, retryAfterMs: 5, isLocal: true } as const
    const { run, inFlight } = auctioneer({ rateLimiter: { take: () => Promise.resolve(refused) } })
    expect(await run(REQUEST)).toEqual({ type: 'RATE_LIMITED', retryAfterMs: 5, isLimitedLocally: true })
    expect(inFlight()).toBe(0)
  })

  const waiting = { rateLimiter: { take: () => Promise.resolve(allowed) } }
  it.each<[string, Partial<AuctioneerDependencies>]>([
    ['the limiter throws', { rateLimiter: { take: fail } }],
    ['the limiter rejects', { rateLimiter: { take: reject } }],
    ['a bidder throws', { bidderClient: { bid: fail } }],
    ['a bidder throws after a wait', { ...waiting, bidderClient: { bid: fail } }],
    ['a bidder rejects', { bidderClient: { bid: reject } }],
    ['a bidder rejects after a wait', { ...waiting, bidderClient: { bid: reject } }],
    ['the recorder throws', { recorder: { record: fail } }],
    ['the recorder throws after a wait', { ...waiting, recorder: { record: fail } }],
    ['the recorder rejects', { recorder: { record: reject } }],
    ['the recorder rejects after a wait', { ...waiting, recorder: { record: reject } }],
    ['the clock throws', { clock: { now: fail, monotonic: fail } }],
  ])('should have nothing in flight when %s', async (_name, fakes) => {
    const { run, inFlight } = auctioneer(fakes)
    await expect((async () => run(REQUEST))()).rejects.toThrow('broken')
    expect(inFlight()).toBe(0)
  })
})
