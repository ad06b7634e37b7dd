import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { SMALL_CATALOG, startApp, type TestApp } from '../support/app.ts'
import { dataOf, execute } from '../support/graphql.ts'
import { nextAddress, runLoad } from '../support/load.ts'
import { excessOf, readCounters } from '../support/statistics.ts'

const RUN = `mutation($input: RunAuctionInput!) {
  runAuction(input: $input) {
    __typename
    ... on Auction { id supplyId country tmax winner { id } price durationMs responses { bidderId outcome price latencyMs } }
    ... on NoBidsError { message auctionId responses { bidderId outcome price latencyMs } }
    ... on NoEligibleBiddersError { message supplyId country }
    ... on SupplyNotFoundError { message supplyId }
  }
}`

interface Response {
  readonly bidderId: string
  readonly outcome: 'WON' | 'LOST' | 'NO_BID' | 'TIMED_OUT'
  readonly price: number | null
  readonly latencyMs: number
}

interface Auction {
  readonly __typename: string
  readonly id: string
  readonly winner: { readonly id: string }
  readonly price: number
  readonly durationMs: number
  readonly responses: readonly Response[]
}

async function run(app: TestApp, input: Readonly<Record<string, unknown>>): Promise<Auction> {
  const full = { supplyId: 'supply1', ip: nextAddress(), country: 'US', ...input }
  return (await dataOf<{ runAuction: Auction }>(app.graphql, RUN, { input: full })).runAuction
}

describe('many auctions at a time', () => {
  let app: TestApp
  beforeAll(async () => {
    // Latencies of 0 to 1.5 ms: some bidders time out.
    app = await startApp({
      catalog: SMALL_CATALOG,
      env: { SIMULATED_LATENCY_FACTOR: '1.5', NO_BID_PROBABILITY: '0.3' },
    })
  })
  afterAll(() => app?.dispose())

  it('should count 10,000 auctions, 100 at a time, exactly: outcomes, revenue and requests', async () => {
    const load = await runLoad({
      targets: [app.graphql],
      concurrency: 100,
      auctions: 10_000,
      supplyIds: Object.keys(SMALL_CATALOG.supplies),
      countries: ['US', 'GB', 'FR'],
      tmax: 1,
    })
    expect(load).toMatchObject({ acknowledged: 10_000, unanswered: 0, errors: new Map() })
    expect(excessOf(await readCounters(app.graphql), load.counters)).toEqual(new Map())

    // The load did meet every outcome.
    const names = [...load.counters.keys()]
    for (const outcome of ['WON', 'LOST', 'NO_BID', 'TIMED_OUT']) expect(names).toContain(`supply1 acme ${outcome}`)
    expect(load.counters.get('supply1 total')).toBe(2000)
    expect(load.counters.get('lonely total')).toBe(2000)
    expect(names.filter((name) => name.startsWith('lonely') && name.endsWith('WON'))).toEqual([])
  })
})

describe('one auction', () => {
  let app: TestApp
  beforeAll(async () => {
    app = await startApp({ catalog: SMALL_CATALOG })
  })
  afterAll(() => app?.dispose())

  it('should ask the bidders of the country, by id, and sell to the highest bid', async () => {
    for (let round = 0; round < 20; round++) {
      const auction = await run(app, { supplyId: 'supply4' })
      expect(auction.__typename).toBe('Auction')
      expect(auction.responses.map(({ bidderId }) => bidderId)).toEqual(['acme', 'bolt', 'crane', 'foxtrot'])
      const prices = auction.responses.map(({ price }) => price ?? 0)
      expect(auction.price).toBe(Math.max(...prices))
      for (const price of prices) expect(Math.round(price * 100) / 100).toBe(price)
      const won = auction.responses.filter(({ outcome }) => outcome === 'WON')
      expect(won).toMatchObject([{ bidderId: auction.winner.id, price: auction.price }])
    }
  })

  it('should say that no supply has the id, counting nothing', async () => {
    expect(await run(app, { supplyId: 'nowhere' })).toEqual({
      __typename: 'SupplyNotFoundError',
      message: expect.stringContaining('"nowhere"'),
      supplyId: 'nowhere',
    })
    expect((await readCounters(app.graphql)).get('nowhere total')).toBeUndefined()
  })

  it('should say that nobody buys in the country, and count the request', async () => {
    expect(await run(app, { supplyId: 'supply2', country: 'GB' })).toEqual({
      __typename: 'NoEligibleBiddersError',
      message: expect.stringContaining('GB'),
      supplyId: 'supply2',
      country: 'GB',
    })
    const counters = await readCounters(app.graphql)
    expect(counters.get('supply2 country GB')).toBe(1)
    expect(counters.get('supply2 total')).toBe(1)
  })

  it('should be let through to exactly 3 of 50 simultaneous requests of one address, and to others', async () => {
    const ip = nextAddress()
    const { passed, retryAfterMs } = await burst(app, Array(50).fill(ip))
    expect(passed).toBe(3)
    expect(retryAfterMs).toHaveLength(47)
    for (const ms of retryAfterMs) expect(ms).toBeLessThanOrEqual(60_000)
    expect((await burst(app, [nextAddress()])).passed).toBe(1)
  })
})

describe('the simulation', () => {
  it('should replay the same auctions from the same seed', async () => {
    async function auctions(): Promise<unknown[]> {
      const env = { SIMULATION_SEED: '42', SIMULATED_LATENCY_FACTOR: '1.5' }
      const app = await startApp({ catalog: SMALL_CATALOG, env })
      try {
        const replayed: unknown[] = []
        for (let index = 0; index < 30; index++) {
          const { __typename, price, winner, responses } = await run(app, { supplyId: 'supply4', tmax: 2 })
          replayed.push({ __typename, price, winner, responses })
        }
        return replayed
      } finally {
        await app.dispose()
      }
    }
    expect(await auctions()).toEqual(await auctions())
  })

  it('should answer at tmax where a bidder times out, and say that nobody bid, with every response', async () => {
    const env = { SIMULATED_LATENCY_FACTOR: '100', NO_BID_PROBABILITY: '1' }
    const app = await startApp({ catalog: SMALL_CATALOG, env })
    try {
      const sentAt = performance.now()
      const answer = await run(app, { supplyId: 'supply4', tmax: 40 })
      expect(performance.now() - sentAt).toBeGreaterThanOrEqual(39)
      expect(answer).toEqual({
        __typename: 'NoBidsError',
        message: expect.any(String),
        auctionId: expect.stringMatching(/^[0-9a-f-]{36}$/),
        responses: ['acme', 'bolt', 'crane', 'foxtrot'].map((bidderId) => ({
          bidderId,
          outcome: expect.stringMatching(/^(TIMED_OUT|NO_BID)$/),
          price: null,
          latencyMs: expect.any(Number),
        })),
      })
      for (const { outcome, latencyMs } of answer.responses) expect(latencyMs > 40).toBe(outcome === 'TIMED_OUT')
      expect(answer.responses.map(({ outcome }) => outcome)).toContain('TIMED_OUT')
    } finally {
      await app.dispose()
    }
  })
})

describe('the rate limit', () => {
  /** Of which a busy machine may take some before a burst is through. */
  const WINDOW_MS = 3000
  let app: TestApp
  beforeAll(async () => {
    app = await startApp({ catalog: SMALL_CATALOG, env: { RATE_LIMIT_WINDOW_MS: String(WINDOW_MS) } })
    // Compiled beforehand, so that a burst takes little time.
    await run(app, {})
  })
  afterAll(() => app?.dispose())

  it('should let one more pass after retryAfterMs', async () => {
    const ip = nextAddress()
    let refused: Burst
    do refused = await burst(app, [ip])
    while (refused.passed > 0)
    const answeredAt = performance.now()
    const [retryAfterMs = 0] = refused.retryAfterMs
    expect(retryAfterMs).toBeGreaterThan(0)
    expect(retryAfterMs).toBeLessThanOrEqual(WINDOW_MS)
    await elapse(answeredAt + retryAfterMs)
    expect((await burst(app, [ip])).passed).toBe(1)
  })

  it('should slide: requests are let through again one by one, each a window after its own', async () => {
    const ip = nextAddress()
    const startedAt = performance.now()
    expect((await burst(app, [ip])).passed).toBe(1)
    await elapse(startedAt + WINDOW_MS / 2)
    expect((await burst(app, [ip, ip, ip])).passed).toBe(2)
    const { retryAfterMs } = await burst(app, [ip])
    await elapse(performance.now() + (retryAfterMs[0] ?? 0))
    // The first is over; the two of half a window ago are not.
    expect((await burst(app, [ip, ip, ip])).passed).toBe(1)
  })

  it.each([
    [
      'an IPv6 network of 64 bits',
      ['2001:db8:1:2::1', '2001:DB8:1:2:ffff::', '2001:db8:1:2:3:4:5:6', '2001:db8:1:2::4'],
    ],
    [
      'an IPv4 address however it is written',
      ['198.51.100.1', '::ffff:198.51.100.1', '::FFFF:c633:6401', '198.51.100.1'],
    ],
  ])('should count %s as one', async (_name, ips) => {
    expect((await burst(app, ips)).passed).toBe(3)
  })

  it('should count networks of IPv6 apart', async () => {
    const ips = ['2001:db8:9:1::1', '2001:db8:9:2::1', '2001:db8:9:3::1', '2001:db8:9:4::1']
    expect((await burst(app, ips)).passed).toBe(4)
  })

  it('should count no refused request, and none of a supply that does not exist', async () => {
    const ip = nextAddress()
    const before = (await readCounters(app.graphql)).get('supply1 total') ?? 0
    for (let index = 0; index < 5; index++) await run(app, { supplyId: 'nowhere', ip })
    expect((await burst(app, Array(10).fill(ip))).passed).toBe(3)
    expect((await readCounters(app.graphql)).get('supply1 total')).toBe(before + 3)
  })
})

interface Burst {
  readonly passed: number
  /** How long each that was refused was told to wait. */
  readonly retryAfterMs: readonly number[]
}

/** Requests of these addresses, all at once. */
async function burst(app: TestApp, ips: readonly string[]): Promise<Burst> {
  const results = await Promise.all(
    ips.map((ip) => execute(app.graphql, RUN, { input: { supplyId: 'supply1', ip, country: 'US' } })),
  )
  const errors = results.flatMap((result) => result.errors ?? [])
  expect(errors.map(({ extensions }) => extensions?.code)).toEqual(errors.map(() => 'RATE_LIMITED'))
  return {
    passed: results.filter(({ data }) => data?.runAuction).length,
    retryAfterMs: errors.map(({ extensions }) => Number(extensions?.retryAfterMs)),
  }
}

/** Resolves at a time of performance.now(), never earlier. */
async function elapse(untilMs: number): Promise<void> {
  await expect.poll(() => performance.now(), { interval: 5, timeout: 10_000 }).toBeGreaterThan(untilMs)
}
