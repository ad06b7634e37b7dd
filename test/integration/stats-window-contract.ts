import { afterEach, expect, it } from 'vitest'
import { addToTally, createTally, statsOf, type Tally } from '../../src/stats/tally.ts'
import type { AuctionCount, StatsStore, SupplyStats } from '../../src/stats/types.ts'
import { hourOfCount, type StatsWindow, versionOf } from '../../src/stats/window.ts'
import { idAt } from '../support/logged.ts'
import { randomCounts } from './stats-contract.ts'

const HOUR_MS = 3_600_000
const NOON = Date.parse('2026-03-10T12:00:00Z')

/**
 * What every store of statistics of the last hours does. Call it within a `describe`.
 * @param create makes a store that is empty, by this clock
 */
export function describeStatsWindow(create: (window: StatsWindow, now: () => number) => Promise<StatsStore>): void {
  let store: StatsStore | undefined
  let nowMs = NOON
  const open = async (hours: number) => {
    nowMs = NOON
    store = await create({ hours }, () => nowMs)
    return store
  }
  afterEach(async () => {
    await store?.dispose()
    store = undefined
  })

  it('should have what the hours of the window come to, exactly, at any moment', async () => {
    const store = await open(3)
    const ids = ['supply0', 'supply1', 'supply2', 'supply3', 'supply4']
    const counted: AuctionCount[] = []
    const counts = randomCounts(1_200)
    for (let step = 0; step < 24; step += 1) {
      // Hours of one request, of many, of none, and several at once; some auctions have begun in an earlier hour.
      nowMs = NOON + Math.floor(step * 0.7 + (step > 15 ? 5 : 0)) * HOUR_MS + step * 60_000
      const some = counts.splice(0, step % 5 === 4 ? 0 : step * 6 + 1)
      const dated = some.map((count, index) => ({ ...count, id: idAt(nowMs - (index % 6) * HOUR_MS) }))
      await Promise.all(dated.map((count) => store.record(count)))
      counted.push(...dated.filter((count) => hourOfCount(count, 0) > Math.floor(nowMs / HOUR_MS) - 3))
      const read = await store.read(ids)
      expect(read.map(withoutGone)).toEqual(ids.map((id) => expected(counted, id, 3, nowMs)))
      expect(await store.totals(ids)).toEqual(read.map((stats) => (stats ? versionOf(stats) : 0)))
    }
    nowMs += 3 * HOUR_MS
    expect(await store.read(ids)).toEqual(ids.map(() => undefined))
    expect(await store.totals(ids)).toEqual(ids.map(() => 0))
  })

  it('should let an hour leave when it is over, and not before', async () => {
    const store = await open(1)
    nowMs = NOON + HOUR_MS - 1
    await store.record({ ...WON, id: idAt(NOON) })
    expect((await store.read(['supply1']))[0]?.totalRequests).toBe(1)
    nowMs = NOON + HOUR_MS
    expect(await store.read(['supply1'])).toEqual([undefined])
    expect(await store.supplyIds({ first: 10 })).toEqual(['supply1'])
  })

  it('should tell by the totals that other requests are there, though they are as many', async () => {
    const store = await open(2)
    await store.record(WON)
    const [before] = await store.totals(['supply1'])
    nowMs = NOON + 2 * HOUR_MS
    await store.record({ ...WON, country: 'DE' })
    expect(await store.totals(['supply1'])).not.toEqual([before])
    const [stats] = await store.read(['supply1'])
    expect(stats).toMatchObject({ totalRequests: 1, requestsPerCountry: [{ country: 'DE', requests: 1 }] })
  })

  it('should not list countries and bidders whose requests have all left', async () => {
    const store = await open(2)
    await store.record({ ...WON, country: 'DE', responses: [...WON.responses, { bidderId: 'b', outcome: 'LOST' }] })
    nowMs = NOON + HOUR_MS
    await store.record(WON)
    nowMs = NOON + 2 * HOUR_MS
    const [stats] = await store.read(['supply1'])
    expect(stats?.requestsPerCountry).toEqual([{ country: 'US', requests: 1 }])
    expect(stats?.bidders.map(({ bidderId, wins }) => [bidderId, wins])).toEqual([['a', 1]])
  })

  it('should not count what comes when its hour has left', async () => {
    const store = await open(2)
    await store.record({ ...WON, id: idAt(NOON - HOUR_MS - 1) })
    expect(await store.read(['supply1'])).toEqual([undefined])
    await store.record({ ...WON, id: idAt(NOON - HOUR_MS) })
    expect((await store.read(['supply1']))[0]?.totalRequests).toBe(1)
  })

  it('should go on counting where the clock has gone back', async () => {
    const store = await open(2)
    nowMs = NOON + 1000 * HOUR_MS
    await store.record(WON)
    nowMs = NOON
    await store.record(WON)
    expect((await store.read(['supply1']))[0]?.bidders[0]).toMatchObject({ wins: 2, revenueMicros: 2 ** 33 + 2 })
    nowMs = NOON + 3 * HOUR_MS
    expect((await store.read(['supply1']))[0]?.totalRequests).toBe(1)
  })
}

const WON: AuctionCount = {
  supplyId: 'supply1',
  country: 'US',
  responses: [{ bidderId: 'a', outcome: 'WON' }],
  // More than a word holds.
  priceMicros: 2 ** 32 + 1,
}

/** The simplest way there is. */
function expected(
  counts: readonly AuctionCount[],
  supplyId: string,
  hours: number,
  nowMs: number,
): SupplyStats | undefined {
  const tally: Tally = createTally()
  for (const count of counts) {
    const isIn = hourOfCount(count, 0) > Math.floor(nowMs / HOUR_MS) - hours
    if (count.supplyId === supplyId && isIn) addToTally(tally, count)
  }
  return tally.requests === 0 ? undefined : statsOf(supplyId, tally)
}

function withoutGone(stats: SupplyStats | undefined): SupplyStats | undefined {
  if (stats === undefined) return undefined
  const { goneRequests: _, ...others } = stats
  return others
}
