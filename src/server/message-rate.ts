import type { Reading } from './reading.ts'

/**
 * Makes the function that is told of each message of a client's, and lets it send `perSecond` of them. What comes beyond is
 * not refused but left unread until its time has come, so that TCP holds the client up; what had been read with it is taken
 * all the same, and paid for with a longer wait.
 */
export function createMessageRate(reading: Reading, perSecond: number) {
  const perMs = perSecond / 1000
  const burst = Math.max(1, perMs * BURST_MS)
  let allowed = burst
  let atMs = performance.now()
  let isPaused = false

  function refill(nowMs: number): void {
    allowed = Math.min(burst, allowed + (nowMs - atMs) * perMs)
    atMs = nowMs
  }

  function resume(): void {
    refill(performance.now())
    if (allowed < 0) {
      wait()
      return
    }
    isPaused = false
    reading.resume()
  }

  function wait(): void {
    setTimeout(resume, Math.ceil(-allowed / perMs)).unref()
  }

  /** @param nowMs by `performance.now()` */
  return (nowMs: number): void => {
    refill(nowMs)
    allowed -= 1
    if (allowed >= 0 || isPaused) return
    isPaused = true
    reading.pause()
    wait()
  }
}

/** What a client may send at once after a silence: what it may send in so many milliseconds. */
const BURST_MS = 100
