import { stat } from 'node:fs/promises'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createGroupCommit, type GroupCommit, type GroupCommitOptions } from '../../src/commit/group-commit.ts'
import { COMMIT_TIMEOUT_MS } from '../../src/commit/lane.ts'

type Item = readonly [key: string, amount: number]

describe('createGroupCommit', () => {
  let isAway: boolean
  /** What was sent and not answered, oldest first. */
  let sent: {
    sequence: number
    lane: string | undefined
    values: Record<string, number>
    answer(error?: Error): void
  }[]
  let errors: unknown[]
  let commits: GroupCommit<unknown>[]

  beforeEach(() => {
    vi.useFakeTimers()
    isAway = false
    sent = []
    errors = []
    commits = []
  })
  afterEach(async () => {
    for (const commit of commits) await commit.dispose()
    vi.useRealTimers()
  })

  /** Sums by key, of which ten fit into a batch. */
  function open(more: Partial<GroupCommitOptions<Item, number>> = {}): GroupCommit<Item> {
    const commit = createGroupCommit<Item, number>({
      keyOf: ([key]) => key,
      merge: (sum = 0, [, amount]) => sum + amount,
      weigh: () => 1,
      batchWeightMax: 10,
      isAway: () => isAway,
      apply: ({ sequence, entries }, lane) =>
        new Promise((resolve, reject) => {
          const values = Object.fromEntries([...entries].map(([key, { value }]) => [key, value]))
          sent.push({ sequence, lane, values, answer: (error) => (error ? reject(error) : resolve()) })
        }),
      onError: (error) => errors.push(error),
      ...more,
    })
    commits.push(commit)
    return commit
  }

  /** Answers the oldest batch that was sent. */
  async function answer(error?: Error): Promise<void> {
    sent.shift()?.answer(error)
    await vi.advanceTimersByTimeAsync(0)
  }

  /** The keys and sums sent and not answered. */
  const sentValues = () => sent.map(({ values }) => values)

  it('should commit at once what comes while nothing is in flight, and all that comes meanwhile together', async () => {
    const commit = open()
    const first = commit.add(['a', 1])
    const others = [commit.add(['a', 2]), commit.add(['b', 3]), commit.add(['a', 4])]
    expect(sentValues()).toEqual([{ a: 1 }])
    expect(commit.pending()).toBe(4)
    await answer()
    await first
    expect(sentValues()).toEqual([{ a: 6, b: 3 }])
    await answer()
    await Promise.all(others)
    expect(sent).toEqual([])
    expect(commit.pending()).toBe(0)
  })

  it('should make one promise for all who wait for one key of one batch', async () => {
    const commit = open()
    void commit.add(['a', 1])
    const waiting = commit.add(['b', 1])
    expect(commit.add(['b', 1])).toBe(waiting)
    expect(commit.add(['c', 1])).not.toBe(waiting)
  })

  it('should keep to the size of a batch, those first that waited longest, and let each go with its own', async () => {
    const commit = open({ weigh: (sum) => sum })
    void commit.add(['first', 1])
    const released: string[] = []
    for (const [key, amount] of [
      ['a', 6],
      ['b', 4],
      ['c', 3],
      ['d', 50],
    ] as const) {
      void commit.add([key, amount])?.then(() => released.push(key))
    }
    await answer()
    expect(sentValues()).toEqual([{ a: 6, b: 4 }])
    await answer()
    expect(released).toEqual(['a', 'b'])
    expect(sentValues()).toEqual([{ c: 3 }])
    await answer()
    // Larger than a batch on its own: it goes alone.
    expect(sentValues()).toEqual([{ d: 50 }])
    expect(commit.pending()).toBe(1)
    await answer()
    expect(commit.pending()).toBe(0)
  })

  it('should serve items that are not added up but listed, in pages', async () => {
    const batches: (readonly string[])[] = []
    let added = 0
    const commit = createGroupCommit<string, string[]>({
      keyOf: () => {
        added += 1
        return `page${Math.floor(added / 3)}`
      },
      merge: (page = [], line) => {
        page.push(line)
        return page
      },
      weigh: (page) => page.length,
      batchWeightMax: 6,
      isAway: () => false,
      apply: async ({ entries }) => void batches.push([...entries.values()].flatMap(({ value }) => value)),
      onError: (error) => errors.push(error),
    })
    commits.push(commit)
    const lines = Array.from({ length: 20 }, (_, index) => `line${index}`)
    await Promise.all(lines.map((line) => commit.add(line)))
    expect(batches.flat()).toEqual(lines)
    expect(batches.every((batch) => batch.length <= 6)).toBe(true)
    expect(commit.pending()).toBe(0)
  })

  it('should send a failed batch again as it was, and what came meanwhile after it', async () => {
    const commit = open()
    const first = commit.add(['a', 1])
    const second = commit.add(['a', 2])
    await answer(new Error('refused'))
    await Promise.all([first, second])
    expect(commit.add(['a', 4])).toBeUndefined()
    expect(commit.status()).toEqual({ pending: 3, isStalled: true, error: new Error('refused') })
    await vi.advanceTimersByTimeAsync(250)
    expect(sent).toMatchObject([{ sequence: 1, values: { a: 1 } }])
    await answer()
    expect(sent).toMatchObject([{ sequence: 2, values: { a: 6 } }])
    await answer()
    expect(commit.status()).toEqual({ pending: 0, isStalled: false, error: undefined })
  })

  it('should let everyone go where a commit is late, and send no other while it may still come', async () => {
    const commit = open()
    const first = commit.add(['a', 1])
    const second = commit.add(['b', 2])
    await vi.advanceTimersByTimeAsync(COMMIT_TIMEOUT_MS + 1)
    await Promise.all([first, second])
    expect(commit.add(['b', 3])).toBeUndefined()
    expect(commit.status()).toMatchObject({ pending: 3, isStalled: true })
    await vi.advanceTimersByTimeAsync(60_000)
    expect(sentValues()).toEqual([{ a: 1 }])
    await answer()
    expect(sentValues()).toEqual([{ b: 5 }])
    await answer()
    expect(commit.status()).toMatchObject({ pending: 0, isStalled: false })
  })

  it('should not take a commit for late whose answer this process was too busy to read', async () => {
    vi.useRealTimers()
    // Answered by the system, as a store's socket is.
    const commit = open({ apply: async () => void (await stat('.')) })
    // From an immediate on, the event loop comes to its timers before it reads what has come.
    await new Promise(setImmediate)
    const committed = commit.add(['a', 1])
    const end = performance.now() + COMMIT_TIMEOUT_MS + 50
    while (performance.now() < end);
    await committed
    expect(commit.pending()).toBe(0)
  })

  it('should add up what comes while the store is away, and commit it when told that it is back', async () => {
    const commit = open()
    isAway = true
    let waits = 0
    for (let time = 0; time < 100_000; time += 1) if (commit.add([`${time % 5}`, 1])) waits += 1
    expect(waits).toBe(0)
    await vi.advanceTimersByTimeAsync(60_000)
    expect(sent).toEqual([])
    expect(commit.pending()).toBe(100_000)
    isAway = false
    commit.retry()
    expect(sentValues()).toEqual([{ 0: 20_000, 1: 20_000, 2: 20_000, 3: 20_000, 4: 20_000 }])
    await answer()
    expect(commit.pending()).toBe(0)
  })

  it('should have each lane go on without the others, and forget one that is idle', async () => {
    const commit = open({ laneOf: (key) => key })
    void commit.add(['a', 1])
    void commit.add(['b', 2])
    void commit.add(['b', 3])
    expect(sent).toMatchObject([
      { lane: 'a', sequence: 1, values: { a: 1 } },
      { lane: 'b', sequence: 2, values: { b: 2 } },
    ])
    await answer(new Error('a is away'))
    await answer()
    expect(sent).toMatchObject([{ lane: 'b', sequence: 3, values: { b: 3 } }])
    await answer()
    expect(commit.status()).toMatchObject({ pending: 1, isStalled: true })
    await vi.advanceTimersByTimeAsync(250)
    await answer()
    expect(commit.status()).toMatchObject({ pending: 0, isStalled: false })
  })

  it('should flush everything, or say what is left', async () => {
    const commit = open()
    expect(await commit.flush(0)).toBe(0)
    void commit.add(['a', 1])
    void commit.add(['a', 2])
    const tooShort = commit.flush(10)
    await vi.advanceTimersByTimeAsync(10)
    expect(await tooShort).toBe(2)
    const flushed = commit.flush(10_000)
    await answer()
    await answer()
    expect(await flushed).toBe(0)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('should go on where what is told of a commit throws, and say so', async () => {
    const broken = new Error('broken')
    const commit = open({
      onCommitted: () => {
        throw broken
      },
    })
    const unhandled: unknown[] = []
    const note = (reason: unknown) => unhandled.push(reason)
    process.on('unhandledRejection', note)
    try {
      const first = commit.add(['a', 1])
      const second = commit.add(['a', 2])
      await answer()
      await answer()
      await Promise.all([first, second])
      vi.useRealTimers()
      await new Promise(setImmediate)
    } finally {
      process.off('unhandledRejection', note)
    }
    expect(unhandled).toEqual([])
    expect(errors).toEqual([broken, broken])
    expect(commit.pending()).toBe(0)
  })

  it('should try nothing any more after it was disposed', async () => {
    const commit = open()
    void commit.add(['a', 1])
    await answer(new Error('refused'))
    await commit.dispose()
    await vi.advanceTimersByTimeAsync(10_000)
    expect(sent).toEqual([])
  })
})
