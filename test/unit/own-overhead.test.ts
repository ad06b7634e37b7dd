import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { GraphQLContext } from '../../src/graphql/context.ts'
import { createOwnOverhead, type OwnOverhead, WINDOW_MS } from '../../src/server/own-overhead.ts'

let overhead: OwnOverhead
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] })
  overhead = createOwnOverhead()
})
afterEach(() => {
  overhead.dispose()
  vi.useRealTimers()
})

/** Lets the event loop be asked some times. */
const ticks = () => new Promise((resolve) => setTimeout(resolve, 30))

/** Answers an operation now that arrived so long ago. */
function answer(tookMs: number, biddersMs: number | undefined): void {
  overhead.answered({ receivedAt: performance.now() - tookMs, biddersMs } as GraphQLContext)
}

describe("the service's own overhead", () => {
  it("should be what an auction took less its bidders' time, of the last whole window", () => {
    for (let index = 0; index < 98; index++) answer(102, 100)
    answer(150, 100)
    answer(300, 100)
    expect(overhead.lastWindow().ownOverheadMs).toEqual({ count: 0, p50: 0, p99: 0, p999: 0 })
    vi.advanceTimersByTime(WINDOW_MS)
    const { count, p50, p99, p999 } = overhead.lastWindow().ownOverheadMs
    expect(count).toBe(100)
    expect(p50).toBeCloseTo(2, 1)
    expect(p99).toBeCloseTo(50, 0)
    expect(p999).toBeCloseTo(200, 0)
    vi.advanceTimersByTime(WINDOW_MS)
    expect(overhead.lastWindow().ownOverheadMs).toEqual({ count: 0, p50: 0, p99: 0, p999: 0 })
  })

  it('should leave out what held no auction, and take a timer that was early for nothing', () => {
    answer(500, undefined)
    answer(99.5, 100)
    vi.advanceTimersByTime(WINDOW_MS)
    expect(overhead.lastWindow().ownOverheadMs).toEqual({ count: 1, p50: 0.001, p99: 0.001, p999: 0.001 })
  })

  it('should say how late the event loop was, without the interval at which it is asked', async () => {
    await vi.waitFor(async () => {
      await ticks()
      const busyUntil = process.hrtime.bigint() + 60_000_000n
      while (process.hrtime.bigint() < busyUntil);
      await ticks()
      vi.advanceTimersByTime(WINDOW_MS)
      expect(overhead.lastWindow().eventLoopDelayMs.max).toBeGreaterThan(40)
      expect(overhead.lastWindow().eventLoopDelayMs.p50).toBeLessThan(10)
    })
  })
})
