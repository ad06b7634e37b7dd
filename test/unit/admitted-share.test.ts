import { describe, expect, it } from 'vitest'
import {
  type AdmittedShare,
  createAdmittedShare,
  INTERVAL_MS,
  INTERVALS_TO_BEGIN,
  MIN_BEATS,
  MIN_SHARE,
} from '../../src/server/admitted-share.ts'

const MAX_DELAY_MS = 30

/** A share with a clock: each interval of its life has beats of these delays, the last one again until they are enough. */
function createIntervals() {
  const share = createAdmittedShare(MAX_DELAY_MS)
  let now = 0
  for (let beat = 0; beat < MIN_BEATS; beat++) share.beat(now, 0)
  return {
    share,
    interval(...delaysMs: readonly number[]): number {
      const beats = Math.max(MIN_BEATS, delaysMs.length)
      for (let beat = 1; beat < beats; beat++) share.beat(now + 1, delaysMs[beat - 1] ?? delaysMs.at(-1) ?? 0)
      now += INTERVAL_MS
      share.beat(now, delaysMs.at(-1) ?? 0)
      return share.value()
    },
  }
}

function admitted(share: AdmittedShare, requests: number): number {
  let count = 0
  for (let index = 0; index < requests; index++) if (share.admits()) count++
  return count
}

describe('the share of requests that is taken', () => {
  it('should be all, however late the loop is now and then', () => {
    const { share, interval } = createIntervals()
    for (let index = 0; index < 50; index++) expect(interval(500, 2, 400)).toBe(1)
    expect(admitted(share, 100)).toBe(100)
  })

  it('should fall once the loop was late all the time in some intervals in a row', () => {
    const { interval } = createIntervals()
    for (let count = 1; count < INTERVALS_TO_BEGIN; count++) expect(interval(40, 60)).toBe(1)
    expect(interval(40, 60)).toBe(0.75)
    expect(interval(33, 60)).toBeCloseTo(0.75 * (30 / 33))
    expect(interval(3000)).toBeCloseTo(0.75 * (30 / 33) * 0.7)
  })

  it('should not fall where the loop stood still once, however long', () => {
    const { share } = createIntervals()
    let now = 1000
    for (let beat = 0; beat < 100; beat++) {
      now += 10_000
      share.beat(now, 9990)
      for (let more = 1; more < MIN_BEATS; more++) share.beat(now, 0)
      expect(share.value()).toBe(1)
    }
  })

  it('should not fall for late intervals that are apart', () => {
    const { interval } = createIntervals()
    for (let index = 0; index < 20; index++) {
      for (let count = 1; count < INTERVALS_TO_BEGIN; count++) expect(interval(100)).toBe(1)
      expect(interval(1)).toBe(1)
    }
  })

  it('should never be nothing, and be all again within four seconds', () => {
    const { share, interval } = createIntervals()
    for (let index = 0; index < 100; index++) interval(1000)
    expect(share.value()).toBe(MIN_SHARE)
    expect(admitted(share, 1000)).toBe(50)
    let intervals = 0
    while (interval(0) < 1) intervals++
    expect(intervals * INTERVAL_MS).toBeLessThan(4000)
  })

  it('should be taken evenly', () => {
    const { share, interval } = createIntervals()
    for (let count = 0; count < INTERVALS_TO_BEGIN; count++) interval(60)
    expect(share.value()).toBe(0.7)
    for (let index = 0; index < 10; index++) expect(Math.abs(admitted(share, 10) - 7)).toBeLessThanOrEqual(1)
  })
})
