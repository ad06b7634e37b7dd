import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createMemoryStatsChanges } from '../../src/stats/changes-memory.ts'
import { createStatsFeed, type StatsFeed } from '../../src/stats/feed.ts'
import { createMemoryStatsStore, type MemoryStatsStore } from '../../src/stats/memory.ts'
import type { SupplyStats } from '../../src/stats/types.ts'

describe('the live feed', () => {
  let store: MemoryStatsStore
  let feed: StatsFeed
  const errors: unknown[] = []
  const reads: string[][] = []
  let failing = false

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
    errors.length = 0
    reads.length = 0
    failing = false
    const changes = createMemoryStatsChanges()
    store = createMemoryStatsStore({ changes })
    feed = createStatsFeed({
      store: {
        supplyIds: (page) => store.supplyIds(page),
        totals: (ids) => store.totals(ids),
        read: (ids) => {
          reads.push([...ids])
          return failing ? Promise.reject(new Error('away')) : store.read(ids)
        },
      },
      changes,
      allSupplyIds: () => ['supply1', 'supply2'],
      onError: (error) => errors.push(error),
    })
  })

  afterEach(async () => {
    await feed.dispose()
    vi.useRealTimers()
  })

  function count(supplyId: string, times = 1): void {
    for (let time = 0; time < times; time++) {
      void store.record({ supplyId, country: 'US', responses: [], priceMicros: 0 })
    }
  }

  /** Lets time pass, and the loop turn, in which values are told. */
  async function advance(ms: number): Promise<void> {
    await turns()
    await vi.advanceTimersByTimeAsync(ms)
    await turns()
  }

  async function turns(): Promise<void> {
    for (let turn = 0; turn < 3; turn++) await new Promise(setImmediate)
  }

  /** Reads a subscription to its end, as fast as it tells. */
  function collect(subscription: AsyncIterableIterator<SupplyStats>): { seen: string[]; ended: Promise<void> } {
    const seen: string[] = []
    const ended = (async () => {
      for await (const { supplyId, totalRequests } of subscription) seen.push(`${supplyId}:${totalRequests}`)
    })()
    return { seen, ended }
  }

  it('should tell the current state of every supply at once, those without a request as zeros', async () => {
    count('supply2', 3)
    count('removed')
    const { seen } = collect(feed.subscribe({ supplyIds: undefined, minIntervalMs: 250 }))
    await advance(0)
    expect(seen).toEqual(['supply1:0', 'supply2:3', 'removed:1'])
  })

  it('should begin with many supplies a page at a time, leaving the event loop to others between two', async () => {
    for (let index = 0; index < 1000; index++) count(`supply${1000 + index}`)
    const { seen } = collect(feed.subscribe({ supplyIds: undefined, minIntervalMs: 250 }))
    await advance(0)
    expect(seen.length).toBe(50)
    await advance(5)
    expect(seen.length).toBe(100)
    await advance(1000)
    await vi.waitFor(() => expect(seen.length).toBe(1002))
  })

  it('should look for supplies that the catalogue lacks a page at a time as well', async () => {
    const ids = Array.from({ length: 3500 }, (_, n) => `supply${`${n}`.padStart(4, '0')}`)
    for (const id of [...ids, 'zz-removed']) count(id)
    let turn = 0
    const turns: number[] = []
    const nextTurn = () => {
      turn += 1
      counter = setImmediate(nextTurn)
    }
    let counter = setImmediate(nextTurn)
    const many = createStatsFeed({
      store: {
        ...store,
        supplyIds: (page) => {
          turns.push(turn)
          return store.supplyIds(page)
        },
      },
      changes: createMemoryStatsChanges(),
      allSupplyIds: () => ids,
      onError: (error) => errors.push(error),
    })
    try {
      const { seen } = collect(many.subscribe({ supplyIds: undefined, minIntervalMs: 250 }))
      await vi.waitFor(async () => {
        await advance(100)
        expect(seen.at(-1)).toBe('zz-removed:1')
      }, 10_000)
      expect(seen).toHaveLength(3501)
      expect(new Set(turns).size).toBe(4)
    } finally {
      clearImmediate(counter)
      await many.dispose()
    }
  })

  it('should begin with many supplies for one subscriber after the other, however many begin at once', async () => {
    for (let index = 0; index < 100; index++) count(`supply${1000 + index}`)
    const begun = Array.from({ length: 20 }, () =>
      collect(feed.subscribe({ supplyIds: undefined, minIntervalMs: 60_000 })),
    )
    const told = () => begun.reduce((sum, { seen }) => sum + seen.length, 0)
    await advance(4)
    expect(told()).toBe(50)
    await advance(20)
    expect(told()).toBe(250)
    await advance(1000)
    expect(told()).toBe(20 * 102)
  })

  it('should tell the newest value of a change, and skip the ones in between', async () => {
    const { seen } = collect(feed.subscribe({ supplyIds: ['supply1'], minIntervalMs: 250 }))
    await advance(1000)
    count('supply1')
    await advance(10)
    expect(seen).toEqual(['supply1:0', 'supply1:1'])
    count('supply1', 5)
    await advance(100)
    count('supply1', 5)
    await advance(300)
    expect(seen).toEqual(['supply1:0', 'supply1:1', 'supply1:11'])
  })

  it('should tell a supply at most once per interval, and others without waiting for it', async () => {
    const { seen } = collect(feed.subscribe({ supplyIds: undefined, minIntervalMs: 1000 }))
    await advance(1000)
    seen.length = 0
    for (let tenth = 0; tenth < 30; tenth++) {
      count('supply1')
      if (tenth === 5) count('supply2')
      await advance(100)
    }
    expect(seen.filter((value) => value.startsWith('supply1')).length).toBeLessThanOrEqual(4)
    expect(seen.indexOf('supply2:1')).toBe(1)
  })

  it('should read changed supplies once for all subscribers, at most each 100 ms', async () => {
    for (let index = 0; index < 50; index++) collect(feed.subscribe({ supplyIds: ['supply1'], minIntervalMs: 50 }))
    await advance(1000)
    reads.length = 0
    for (let hundredth = 0; hundredth < 100; hundredth++) {
      count('supply1')
      await advance(10)
    }
    expect(reads.length).toBeGreaterThan(5)
    expect(reads.length).toBeLessThanOrEqual(11)
  })

  it('should not read what nobody watches', async () => {
    collect(feed.subscribe({ supplyIds: ['supply1'], minIntervalMs: 50 }))
    await advance(0)
    reads.length = 0
    count('supply2')
    await advance(1000)
    expect(reads).toEqual([])
  })

  it('should give a slow reader the newest value only', async () => {
    const slow = feed.subscribe({ supplyIds: ['supply1'], minIntervalMs: 50 })
    expect((await slow.next()).value?.totalRequests).toBe(0)
    for (let round = 0; round < 20; round++) {
      count('supply1')
      await advance(100)
    }
    const next = slow.next()
    await advance(0)
    expect((await next).value?.totalRequests).toBe(20)
  })

  it('should try a failed read again until it succeeds', async () => {
    const { seen } = collect(feed.subscribe({ supplyIds: ['supply1'], minIntervalMs: 50 }))
    await advance(1000)
    failing = true
    count('supply1', 2)
    await advance(2000)
    expect(errors.length).toBeGreaterThan(1)
    failing = false
    await advance(1000)
    expect(seen).toEqual(['supply1:0', 'supply1:2'])
  })

  it('should end when its reader leaves, and then hold nothing', async () => {
    const subscription = feed.subscribe({ supplyIds: undefined, minIntervalMs: 50 })
    const { ended } = collect(subscription)
    await advance(10)
    expect(feed.subscribers()).toBe(1)
    await subscription.return?.()
    await ended
    expect(feed.subscribers()).toBe(0)
    expect(await subscription.next()).toEqual({ done: true, value: undefined })
  })

  it('should end every subscription when it is disposed, also ones made later', async () => {
    const { ended } = collect(feed.subscribe({ supplyIds: undefined, minIntervalMs: 50 }))
    await feed.dispose()
    await ended
    const late = collect(feed.subscribe({ supplyIds: undefined, minIntervalMs: 50 }))
    await late.ended
    expect(late.seen).toEqual([])
  })

  describe('whose changes can get lost', () => {
    let totals: string[][]
    let tell: (changed: readonly string[] | 'all') => void

    beforeEach(async () => {
      await feed.dispose()
      totals = []
      store = createMemoryStatsStore({ changes: { publish: () => {} } })
      feed = createStatsFeed({
        store: {
          supplyIds: (page) => store.supplyIds(page),
          totals: (ids) => {
            totals.push([...ids])
            return failing ? Promise.reject(new Error('away')) : store.totals(ids)
          },
          read: (ids) => {
            reads.push([...ids])
            return store.read(ids)
          },
        },
        changes: {
          isLossy: true,
          listen: (listener) => {
            tell = listener
            return () => {}
          },
        },
        allSupplyIds: () => ['supply1', 'supply2'],
        onError: (error) => errors.push(error),
      })
    })

    it('should find what it was not told of, and read that alone', async () => {
      const { seen } = collect(feed.subscribe({ supplyIds: undefined, minIntervalMs: 50 }))
      await advance(1000)
      reads.length = 0
      count('supply2')
      count('new')
      await advance(5000)
      expect(seen).toEqual(['supply1:0', 'supply2:0', 'supply2:1', 'new:1'])
      expect(reads).toEqual([['supply2', 'new']])
    })

    it('should find it at once where it is said that anything may be missed', async () => {
      const { seen } = collect(feed.subscribe({ supplyIds: ['supply1', 'supply2'], minIntervalMs: 50 }))
      await advance(1000)
      reads.length = 0
      count('supply2')
      tell('all')
      await advance(100)
      expect(seen).toEqual(['supply1:0', 'supply2:0', 'supply2:1'])
      expect(reads).toEqual([['supply2']])
    })

    it('should look for nothing while nobody subscribes', async () => {
      await advance(10_000)
      const subscription = feed.subscribe({ supplyIds: ['supply1'], minIntervalMs: 50 })
      collect(subscription)
      await advance(10_000)
      expect(totals.length).toBeGreaterThan(1)
      await subscription.return?.()
      totals.length = 0
      await advance(10_000)
      tell('all')
      expect(totals).toEqual([])
      expect(vi.getTimerCount()).toBe(0)
    })

    it('should leave the first values of a subscriber to many supplies to its own pace', async () => {
      for (let index = 0; index < 1000; index++) count(`supply${1000 + index}`)
      const subscription = feed.subscribe({ supplyIds: undefined, minIntervalMs: 50 })
      expect((await subscription.next()).value?.supplyId).toBe('supply1')
      await advance(10_000)
      expect(reads.flat()).toHaveLength(50)
    })

    it('should try again where the store cannot be read, and say so once', async () => {
      const { seen } = collect(feed.subscribe({ supplyIds: ['supply1'], minIntervalMs: 50 }))
      await advance(1000)
      failing = true
      await advance(20_000)
      expect(errors).toHaveLength(1)
      count('supply1')
      failing = false
      await advance(1000)
      expect(seen).toEqual(['supply1:0', 'supply1:1'])
    })
  })
})
