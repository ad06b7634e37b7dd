import { afterEach, expect, it } from 'vitest'
import type { BidderResponse } from '../../src/bidders/types.ts'
import type { AuctionCount, StatsStore } from '../../src/stats/types.ts'

/**
 * What every statistics store does. Call it within a `describe`.
 * @param create makes a store that is empty
 * @param changed gives the ids that the newest store told its changes, since it was made
 */
export function describeStatsStore(create: () => Promise<StatsStore>, changed: () => readonly string[]): void {
  let store: StatsStore | undefined
  const open = async () => {
    store = await create()
    return store
  }
  afterEach(async () => {
    await store?.dispose()
    store = undefined
  })

  it('should have nothing before the first request', async () => {
    const store = await open()
    expect(await store.read(['supply1'])).toEqual([undefined])
    expect(await store.read([])).toEqual([])
    expect(await store.totals(['supply1'])).toEqual([0])
    expect(await store.totals([])).toEqual([])
    expect(await store.supplyIds({ first: 10 })).toEqual([])
    expect(await store.supplyIds({ first: 10, after: 'supply1' })).toEqual([])
  })

  it('should count a request and every outcome', async () => {
    const store = await open()
    const responses: BidderResponse[] = [
      { bidderId: 'd', outcome: 'TIMED_OUT', priceMicros: null, latencyMs: 201 },
      { bidderId: 'a', outcome: 'WON', priceMicros: 310_000, latencyMs: 2 },
      { bidderId: 'c', outcome: 'NO_BID', priceMicros: null, latencyMs: 3 },
      { bidderId: 'b', outcome: 'LOST', priceMicros: 10, latencyMs: 4 },
      { bidderId: 'e', outcome: 'ERROR', priceMicros: null, latencyMs: 5, reason: 'INVALID_JSON' },
      { bidderId: 'f', outcome: 'SKIPPED', priceMicros: null, latencyMs: null, reason: 'CIRCUIT_OPEN' },
    ]
    // What is paid is the revenue, whatever was bid.
    const request = { supplyId: 'supply1', country: 'US', priceMicros: 230_001 }
    await store.record({ ...request, responses })
    await store.record({ ...request, country: 'DE', priceMicros: 0, responses: [] })
    await store.record({ ...request, responses: responses.slice(1, 2) })
    const none = { wins: 0, losses: 0, noBids: 0, timeouts: 0, errors: 0, skipped: 0, revenueMicros: 0 }
    expect(await store.read(['supply1'])).toEqual([
      {
        supplyId: 'supply1',
        totalRequests: 3,
        requestsPerCountry: [
          { country: 'DE', requests: 1 },
          { country: 'US', requests: 2 },
        ],
        bidders: [
          { ...none, bidderId: 'a', wins: 2, revenueMicros: 460_002 },
          { ...none, bidderId: 'b', losses: 1 },
          { ...none, bidderId: 'c', noBids: 1 },
          { ...none, bidderId: 'd', timeouts: 1 },
          { ...none, bidderId: 'e', errors: 1 },
          { ...none, bidderId: 'f', skipped: 1 },
        ],
      },
    ])
  })

  it('should keep supplies apart, give them in the order named and list them sorted', async () => {
    const store = await open()
    const ids = ['b', 'a:b', 'a', '{x}', 'x', '}{', '%7B', 'constructor', 'ü']
    for (const [index, supplyId] of ids.entries()) {
      for (let time = 0; time <= index; time += 1) await store.record(unsold(supplyId))
    }
    const named = ['unknown', ...ids]
    const stats = await store.read(named)
    expect(stats.map((each) => each?.totalRequests)).toEqual([undefined, ...ids.map((_, index) => index + 1)])
    expect(stats.slice(1).map((each) => each?.supplyId)).toEqual(ids)
    expect(await store.totals(named)).toEqual([0, ...ids.map((_, index) => index + 1)])
    expect(await everySupplyId(store)).toEqual([...ids].sort())
  })

  it('should list supplies by code point, a page after the other, whatever their ids', async () => {
    const store = await open()
    // By UTF-16 unit the emoji, whose first is U+D83D, would come before the two ahead of it here.
    const sorted = [
      '(',
      '-',
      'A',
      '[',
      'a',
      'aa',
      'a\u{1f600}',
      'b',
      'z',
      'é',
      '€',
      '\ue000',
      '\uffee',
      '\u{1f600}',
      '\u{1f601}a',
    ]
    for (const supplyId of [...sorted].reverse()) await store.record(unsold(supplyId))
    expect(await store.supplyIds({ first: 100 })).toEqual(sorted)
    for (const first of [1, 2, 7]) {
      const pages: string[] = []
      for (let page = await store.supplyIds({ first }); page.length > 0; ) {
        expect(page.length).toBeLessThanOrEqual(first)
        pages.push(...page)
        page = await store.supplyIds({ first, after: page.at(-1) })
      }
      expect(pages).toEqual(sorted)
    }
    // After what is not there.
    expect(await store.supplyIds({ first: 2, after: 'ab' })).toEqual(['a\u{1f600}', 'b'])
    expect(await store.supplyIds({ first: 2, after: '' })).toEqual(['(', '-'])
    expect(await store.supplyIds({ first: 2, after: '\u{10ffff}' })).toEqual([])
    expect(await store.supplyIds({ first: 0 })).toEqual([])
  })

  it('should count exactly what was recorded simultaneously, and tell of each supply', async () => {
    const store = await open()
    const counts = randomCounts(2_000)
    await Promise.all(counts.map((count) => store.record(count)))
    await expectExactly(store, counts)
    expect(new Set(changed())).toEqual(new Set(counts.map(({ supplyId }) => supplyId)))
  })

  it('should give values that do not change', async () => {
    const store = await open()
    await store.record(unsold('supply1'))
    const [before] = await store.read(['supply1'])
    await store.record(unsold('supply1'))
    expect(before?.totalRequests).toBe(1)
    expect((await store.read(['supply1']))[0]?.totalRequests).toBe(2)
  })
}

/** A request for which nobody was eligible. */
function unsold(supplyId: string): AuctionCount {
  return { supplyId, country: 'US', responses: [], priceMicros: 0 }
}

/** Every supply that had a request, in the store's order. */
export function everySupplyId(store: Pick<StatsStore, 'supplyIds'>): Promise<readonly string[]> {
  return store.supplyIds({ first: Number.MAX_SAFE_INTEGER })
}

/** Requests over a few supplies, bidders and outcomes, in a fixed pseudo-random order. */
export function randomCounts(length: number, supplies = 5): AuctionCount[] {
  let state = 1
  const next = (below: number) => {
    state = (state * 48_271) % 2_147_483_647
    return state % below
  }
  return Array.from({ length }, () => ({
    supplyId: `supply${next(supplies)}`,
    country: ['US', 'DE', 'FR'][next(3)] ?? '',
    priceMicros: 1 + next(1_000_000),
    responses: Array.from({ length: next(6) }, (_, index) => ({
      bidderId: `bidder${index}`,
      outcome: (['WON', 'LOST', 'NO_BID', 'TIMED_OUT', 'ERROR', 'SKIPPED'] as const)[next(6)] ?? 'WON',
    })),
  }))
}

/** Compares a store with sums made in the simplest way there is, once it has committed what a busy machine has made late. */
export async function expectExactly(store: StatsStore, counts: readonly AuctionCount[]): Promise<void> {
  expect(await store.flush(10_000)).toBe(0)
  const expected: Record<string, number> = {}
  const add = (name: string, amount: number) => {
    if (amount > 0) expected[name] = (expected[name] ?? 0) + amount
  }
  for (const { supplyId, country, responses, priceMicros } of counts) {
    add(`${supplyId} requests`, 1)
    add(`${supplyId} ${country}`, 1)
    for (const { bidderId, outcome } of responses) {
      add(`${supplyId} ${bidderId} ${outcome}`, 1)
      if (outcome === 'WON') add(`${supplyId} ${bidderId} revenue`, priceMicros)
    }
  }
  const found: Record<string, number> = {}
  const note = (name: string, amount: number) => {
    if (amount > 0) found[name] = amount
  }
  for (const stats of await store.read(await everySupplyId(store))) {
    if (stats === undefined) continue
    note(`${stats.supplyId} requests`, stats.totalRequests)
    for (const { country, requests } of stats.requestsPerCountry) note(`${stats.supplyId} ${country}`, requests)
    for (const bidder of stats.bidders) {
      const name = `${stats.supplyId} ${bidder.bidderId}`
      note(`${name} WON`, bidder.wins)
      note(`${name} LOST`, bidder.losses)
      note(`${name} NO_BID`, bidder.noBids)
      note(`${name} TIMED_OUT`, bidder.timeouts)
      note(`${name} ERROR`, bidder.errors)
      note(`${name} SKIPPED`, bidder.skipped)
      note(`${name} revenue`, bidder.revenueMicros)
    }
  }
  expect(found).toEqual(expected)
}
