import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createMemoryStatsChanges } from '../../src/stats/changes-memory.ts'
import { createStatsFeed, type StatsFeed } from '../../src/stats/feed.ts'
import { createMemoryStatsStore, type MemoryStatsStore } from '../../src/stats/memory.ts'
import { msToNextHour } from '../../src/stats/window.ts'

const HOUR_MS = 3_600_000
const MINUTE_MS = 60_000

describe('the live feed of the last hours', () => {
  let store: MemoryStatsStore
  let feed: StatsFeed
  let reads: number
  let looks: number

  beforeEach(() => {
    vi.useFakeTimers({
      toFake: ['setTimeout', 'clearTimeout', 'performance', 'Date'],
      now: Date.parse('2026-03-10T12:30:00Z'),
    })
    reads = 0
    looks = 0
    const changes = createMemoryStatsChanges()
    store = createMemoryStatsStore({ changes, window: { hours: 2 } })
    feed = createStatsFeed({
      store: {
        supplyIds: (page) => store.supplyIds(page),
        totals: (ids) => {
          looks += 1
          return store.totals(ids)
        },
        read: (ids) => {
          reads += ids.length
          return store.read(ids)
        },
      },
      changes,
      allSupplyIds: () => ['supply1', 'supply2'],
      msToNextHour: () => msToNextHour(Date.now()),
      onError: (error) => expect.unreachable(String(error)),
    })
  })
  afterEach(async () => {
    await feed.dispose()
    vi.useRealTimers()
  })

  const count = (supplyId: string, country = 'US') => store.record({ supplyId, country, responses: [], priceMicros: 0 })

  /** Lets time pass, and the loop turn, in which values are told. */
  async function advance(ms: number): Promise<void> {
    await turns()
    await vi.advanceTimersByTimeAsync(ms)
    await turns()
  }

  async function turns(): Promise<void> {
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
  }

  function watch(supplyIds?: readonly string[]): string[] {
    const seen: string[] = []
    void (async () => {
      for await (const { supplyId, requestsPerCountry } of feed.subscribe({ supplyIds, minIntervalMs: 50 })) {
        seen.push(`${supplyId} ${requestsPerCountry.map(({ country, requests }) => country + requests).join()}`)
      }
    })()
    return seen
  }

  it('should tell what an hour has taken along when it leaves, and nothing of what it has left alone', async () => {
    const seen = watch()
    await advance(1000)
    count('supply1')
    await advance(HOUR_MS)
    count('supply2')
    await advance(1000)
    expect(seen).toEqual(['supply1 ', 'supply2 ', 'supply1 US1', 'supply2 US1'])
    expect(looks).toBe(1)
    reads = 0
    // To 13:59:55.
    await advance(29 * MINUTE_MS + 53_000)
    expect(reads).toBe(0)
    await advance(6_000)
    expect(seen.slice(4)).toEqual(['supply1 '])
    expect(reads).toBe(1)
    await advance(HOUR_MS)
    expect(seen.slice(5)).toEqual(['supply2 '])
  })

  it('should tell a value of as many requests as the one before, if they are others', async () => {
    const seen = watch(['supply1'])
    await advance(1000)
    count('supply1', 'US')
    await advance(1000)
    // Between two refreshes the hour leaves and another request comes.
    vi.setSystemTime(Date.parse('2026-03-10T14:00:00Z'))
    count('supply1', 'GB')
    await advance(1000)
    expect(seen).toEqual(['supply1 ', 'supply1 US1', 'supply1 GB1'])
  })

  it('should tell of very many supplies with the event loop free in between', async () => {
    const ids = Array.from({ length: 3000 }, (_, index) => `many${index}`)
    for (const id of ids) count(id)
    const seen = watch()
    await vi.waitFor(async () => {
      await advance(1000)
      expect(seen.filter((line) => line.endsWith('US1'))).toHaveLength(3000)
    }, 10_000)
    const perTurn: number[] = []
    let before = reads
    const sample = () => {
      perTurn.push(reads - before)
      before = reads
      sampler = setImmediate(sample)
    }
    let sampler = setImmediate(sample)
    vi.setSystemTime(Date.parse('2026-03-10T14:00:00Z'))
    await vi.waitFor(async () => {
      await advance(HOUR_MS)
      expect(seen.filter((line) => /^many\d+ $/.test(line))).toHaveLength(3000)
    }, 10_000)
    clearImmediate(sampler)
    expect(Math.max(...perTurn)).toBe(100)
  })
})
