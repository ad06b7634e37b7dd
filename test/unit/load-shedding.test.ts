import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { BEAT_MS } from '../../src/server/admitted-share.ts'
import { createLoadShedding, type LoadShedding } from '../../src/server/load-shedding.ts'

let inFlight = 0
let nowMs = 0
const log = { info: vi.fn(), warn: vi.fn() }
let shedding: LoadShedding

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  inFlight = 0
  vi.clearAllMocks()
  shedding = createLoadShedding({
    maxEventLoopDelayMs: 30,
    maxAuctionsInFlight: 10,
    auctionsInFlight: () => inFlight,
    now: () => nowMs,
    log,
  })
})
afterEach(() => {
  shedding.dispose()
  vi.useRealTimers()
})

/** So many times in turn the loop looks at its timers so late, in milliseconds. */
function beats(count: number, delayMs = 0): void {
  for (let index = 0; index < count; index++) {
    nowMs += BEAT_MS + delayMs
    vi.advanceTimersToNextTimer()
  }
}

describe('load shedding', () => {
  it('should refuse what comes beside as many auctions as may be under way', () => {
    inFlight = 9
    expect(shedding.sheds()).toBe(false)
    inFlight = 10
    expect(shedding.sheds()).toBe(true)
    inFlight = 9
    expect(shedding.sheds()).toBe(false)
    expect(shedding.state()).toEqual({ shed: 1, admittedShare: 1, auctionsInFlight: 9 })
  })

  it('should refuse a part of what comes while the event loop is late all the time', () => {
    beats(60, 200)
    expect(shedding.state().admittedShare).toBeLessThan(0.2)
    const shed = Array.from({ length: 100 }, () => shedding.sheds()).filter(Boolean).length
    expect(shed).toBeGreaterThan(80)
    beats(400)
    expect(shedding.state().admittedShare).toBe(1)
  })

  it('should log the beginning and the end of an overload, not each request', () => {
    inFlight = 10
    for (let index = 0; index < 300; index++) {
      shedding.sheds()
      beats(1)
    }
    expect(log.warn).toHaveBeenCalledOnce()
    expect(log.warn).toHaveBeenCalledWith(expect.objectContaining({ auctionsInFlight: 10 }), expect.any(String))
    expect(log.info).not.toHaveBeenCalled()
    beats(510)
    expect(log.info).toHaveBeenCalledExactlyOnceWith({ shed: 300 }, 'no longer overloaded')
  })
})
