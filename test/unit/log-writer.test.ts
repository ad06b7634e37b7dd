import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createLogWriter, type LogProgress, type LogWriter } from '../../src/history/log-writer.ts'
import { readPacked } from '../../src/history/packed-auction.ts'
import { type LogBatch, WHOLE } from '../../src/history/types.ts'
import { packAll, randomAuctions } from '../support/auctions.ts'

const HOUR = Date.UTC(2026, 10, 28, 22) / 3_600_000

/** How often it writes where nothing is full. */
const INTERVAL_MS = 500

describe('createLogWriter', () => {
  /** What the store was given and has not answered. */
  let asked: { readonly batch: LogBatch; answer(error?: Error): Promise<void> }[]
  /** What the store has. */
  let written: LogBatch[]
  let progress: LogProgress[]
  let isStoreDisposed: boolean
  let writers: LogWriter[]
  let onProgress: () => void

  beforeEach(() => {
    vi.useFakeTimers()
    asked = []
    written = []
    progress = []
    isStoreDisposed = false
    writers = []
    onProgress = () => {}
  })
  afterEach(async () => {
    for (const writer of writers) await ended(writer.dispose())
    vi.useRealTimers()
  })

  function open({ batchMax = 10, pendingBytesMax = 1_000_000 } = {}): LogWriter {
    const store = {
      write: (batch: LogBatch) =>
        new Promise<void>((resolve, reject) => {
          const answer = async (error?: Error) => {
            asked.shift()
            if (error) reject(error)
            else {
              written.push(batch)
              resolve()
            }
            await vi.advanceTimersByTimeAsync(0)
          }
          asked.push({ batch, answer })
        }),
      dispose: async () => {
        isStoreDisposed = true
      },
    }
    const writer = createLogWriter({
      store,
      batchMax,
      pendingBytesMax,
      onProgress: (now) => {
        progress.push(now)
        onProgress()
      },
    })
    writers.push(writer)
    return writer
  }

  /** Answers the batch that is under way. */
  async function answer(error?: Error): Promise<void> {
    await asked[0]?.answer(error)
  }

  /** Waits for what ends once everything under way is answered. */
  async function ended(ending: Promise<void>): Promise<void> {
    let isOver = false
    void ending.then(() => {
      isOver = true
    })
    while (!isOver) {
      await answer()
      await vi.advanceTimersByTimeAsync(1)
    }
  }

  const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms)
  const rowsOf = ({ rows }: LogBatch) => rows.reduce((sum, { count }) => sum + count, 0)
  const requestsOf = ({ rollups }: LogBatch) => rollups.supplies().reduce((sum, { requests }) => sum + requests, 0)
  const idsOf = (batches: readonly LogBatch[]) => batches.flatMap(({ rows }) => rows).flatMap(idsIn)
  const newest = () => progress.at(-1)

  it('should write at once after a pause, and then each half second', async () => {
    const writer = open()
    writer.add(packAll(randomAuctions(2)))
    await pass(0)
    expect(asked.map(({ batch }) => rowsOf(batch))).toEqual([2])
    await answer()
    writer.add(packAll(randomAuctions(1)))
    writer.add(packAll(randomAuctions(3)))
    await pass(INTERVAL_MS - 1)
    expect(asked).toEqual([])
    await pass(1)
    expect(asked.map(({ batch }) => rowsOf(batch))).toEqual([4])
    await answer()
    expect(newest()).toEqual({ written: 6, pendingBytes: 0, givenUp: 0, error: undefined })
  })

  it('should write as soon as a batch is full, never two at once, each of at most batchMax', async () => {
    const writer = open()
    const auctions = randomAuctions(61)
    writer.add(packAll(auctions.slice(0, 1)))
    await pass(0)
    for (let from = 1; from < 61; from += 4) writer.add(packAll(auctions.slice(from, from + 4)))
    await pass(0)
    while (asked.length > 0) {
      expect(asked).toHaveLength(1)
      await answer()
    }
    expect(written.map(rowsOf)).toEqual([1, 8, 8, 8, 8, 8, 8, 8])
    await pass(INTERVAL_MS)
    await answer()
    expect(idsOf(written)).toEqual(auctions.map(({ id }) => id))
    expect(new Set(written.map(({ positions }) => positions.get(WHOLE))).size).toBe(written.length)
    for (const batch of written) expect(requestsOf(batch)).toBe(rowsOf(batch))
  })

  it('should send a batch that failed again as it is, ever more slowly, and what came since after it', async () => {
    const writer = open()
    writer.add(packAll(randomAuctions(3)))
    await pass(0)
    const [first] = asked
    const content = contentOf(first?.batch as LogBatch)
    const waits: number[] = []
    for (let time = 0; time < 8; time += 1) {
      await answer(new Error(`away ${time}`))
      expect(newest()).toMatchObject({ written: 0, error: `away ${time}` })
      // Full batches do not bring it forward.
      writer.add(packAll(randomAuctions(10, { seed: 2 + time })))
      let waited = 0
      for (; asked.length === 0; waited += 100) await pass(100)
      waits.push(waited)
      expect(asked[0]?.batch).toBe(first?.batch)
      expect(contentOf(first?.batch as LogBatch)).toEqual(content)
    }
    expect(waits).toEqual([100, 200, 400, 800, 1600, 2000, 2000, 2000])
    await answer()
    expect(newest()).toMatchObject({ written: 3, error: undefined })
    // It has forgotten how long it waited last.
    await answer(new Error('away again'))
    await pass(100)
    expect(asked).toHaveLength(1)
    while (asked.length > 0) await answer()
    expect(written.map(rowsOf)).toEqual([3, 10, 10, 10, 10, 10, 10, 10, 10])
  })

  it('should give up the oldest rows past its bound, and count them, each once', async () => {
    const packed = Array.from({ length: 30 }, (_, index) => packAll(randomAuctions(5, { seed: index + 1 })))
    const bound = packed.slice(20).reduce((sum, { bytes }) => sum + bytes.length, 0)
    const writer = open({ batchMax: 5, pendingBytesMax: bound })
    writer.add(packed[0] as (typeof packed)[0])
    await pass(0)
    await answer(new Error('away'))
    for (const each of packed.slice(1)) {
      writer.add(each)
      await pass(0)
    }
    await pass(100)
    await answer(new Error('away'))
    const { givenUp = 0, pendingBytes } = newest() ?? {}
    expect(pendingBytes).toBeLessThanOrEqual(bound)
    // The batch under way is kept, and of the others as many as there is room for.
    expect(givenUp).toBeGreaterThanOrEqual(19 * 5)
    expect(givenUp).toBeLessThan(22 * 5)
    await pass(200)
    for (; asked.length > 0 || newest()?.pendingBytes !== 0; await pass(INTERVAL_MS)) await answer()

    expect(idsOf(written)).toEqual(
      [packed[0], ...packed.slice(1 + givenUp / 5)].flatMap((each) => idsIn(each as (typeof packed)[0])),
    )
    expect(written.map(rowsOf).reduce((sum, rows) => sum + rows, 0)).toBe(150 - givenUp)
    expect(written.map(requestsOf).reduce((sum, requests) => sum + requests, 0)).toBe(150)
    const byHour = new Map<number, number>()
    for (const batch of written)
      for (const [hour, count] of batch.givenUp) byHour.set(hour, (byHour.get(hour) ?? 0) + count)
    const expected = packed.slice(1, 1 + givenUp / 5).flatMap(hoursIn)
    for (const hour of [HOUR, HOUR + 1, HOUR + 2]) {
      expect(byHour.get(hour)).toBe(expected.filter((each) => each === hour).length)
    }
    expect(newest()).toEqual({ written: 150, pendingBytes: 0, givenUp, error: undefined })
  })

  it('should give up no rows of what alone is more than its bound', async () => {
    const writer = open({ pendingBytesMax: 10 })
    writer.add(packAll(randomAuctions(5)))
    await pass(0)
    expect(asked.map(({ batch }) => rowsOf(batch))).toEqual([5])
    await answer()
    expect(newest()).toMatchObject({ written: 5, givenUp: 0 })
  })

  it('should hold auctions together that come a few at a time', async () => {
    const writer = open({ batchMax: 1000 })
    writer.add(packAll(randomAuctions(1)))
    await pass(0)
    await answer(new Error('away'))
    for (let index = 0; index < 500; index += 1) writer.add(packAll(randomAuctions(1, { seed: index + 1 })))
    await pass(100)
    await answer()
    await pass(INTERVAL_MS)
    expect(asked.map(({ batch }) => rowsOf(batch))).toEqual([500])
    // Each has an object of its own, and a buffer, which are larger than it.
    expect(asked[0]?.batch.rows.length).toBeLessThan(10)
    expect(requestsOf(asked[0]?.batch as LogBatch)).toBe(500)
  })

  it('should write everything at once when flushed, also what waits for the store', async () => {
    const writer = open()
    writer.flush()
    writer.add(packAll(randomAuctions(1)))
    await pass(0)
    await answer()
    writer.add(packAll(randomAuctions(25)))
    writer.add(packAll(randomAuctions(1)))
    await pass(0)
    await answer(new Error('away'))
    writer.flush()
    await pass(0)
    while (asked.length > 0) await answer()
    expect(written.map(rowsOf)).toEqual([1, 25, 1])
    // And waits for more again afterwards.
    writer.add(packAll(randomAuctions(1)))
    await pass(INTERVAL_MS - 1)
    expect(asked).toEqual([])
  })

  it('should write what comes while its last batch is answered', async () => {
    const writer = open()
    writer.add(packAll(randomAuctions(1)))
    await pass(0)
    const answering = answer()
    writer.add(packAll(randomAuctions(1)))
    await answering
    await pass(INTERVAL_MS)
    // Between its end and that this is known.
    onProgress = () => {
      onProgress = () => {}
      queueMicrotask(() => writer.add(packAll(randomAuctions(1))))
    }
    await answer()
    await pass(INTERVAL_MS)
    await answer()
    expect(written.map(rowsOf)).toEqual([1, 1, 1])
    expect(newest()).toMatchObject({ written: 3, pendingBytes: 0 })
  })

  it('should end with the batch under way, and write no other one', async () => {
    const writer = open()
    writer.add(packAll(randomAuctions(1)))
    await pass(0)
    writer.add(packAll(randomAuctions(20)))
    const disposing = writer.dispose()
    await pass(0)
    expect(isStoreDisposed).toBe(false)
    await answer()
    await ended(disposing)
    expect(isStoreDisposed).toBe(true)
    writer.add(packAll(randomAuctions(20)))
    writer.flush()
    await pass(10_000)
    expect(written.map(rowsOf)).toEqual([1])
    expect(asked).toEqual([])
  })

  it('should end at once where the store is away', async () => {
    const writer = open()
    writer.add(packAll(randomAuctions(1)))
    await pass(0)
    await answer(new Error('away'))
    const disposing = writer.dispose()
    await pass(0)
    await disposing
    expect(isStoreDisposed).toBe(true)
    expect(asked).toEqual([])
  })
})

function idsIn(packed: { readonly bytes: Buffer }): string[] {
  const ids: string[] = []
  const reader = readPacked(packed)
  while (reader.next()) {
    const hex = packed.bytes.toString('hex', reader.idStart, reader.idStart + 16)
    ids.push(hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5'))
  }
  return ids
}

function hoursIn(packed: { readonly bytes: Buffer }): number[] {
  const hours: number[] = []
  const reader = readPacked(packed)
  while (reader.next()) hours.push(Math.floor(reader.startedAtMs / 3_600_000))
  return hours
}

function contentOf({ positions, rows, rollups, givenUp }: LogBatch): unknown {
  return structuredClone([positions, rows, rollups.supplies(), rollups.bidders(), givenUp])
}
