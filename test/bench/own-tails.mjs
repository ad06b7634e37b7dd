import { monitorEventLoopDelay, PerformanceObserver } from 'node:perf_hooks'
import { runDelayMs } from './run-delay.mjs'

/** How often the event loop is looked at, in milliseconds, which is in what the histogram records. */
const RESOLUTION_MS = 1
const NS_PER_MS = 1e6

/**
 * Measures this process's own tails, so that nobody takes them for those of a server that it loads.
 * @returns {() => import('./types.ts').OwnTails} ends it
 */
export function watchOwnTails() {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  /** @type {number[]} */
  const collectionsMs = []
  const add = (/** @type {import('node:perf_hooks').PerformanceEntry[]} */ entries) => {
    for (const { duration } of entries) collectionsMs.push(duration)
  }
  const observer = new PerformanceObserver((list) => add(list.getEntries()))
  observer.observe({ entryTypes: ['gc'] })
  const waitedMs = runDelayMs()
  const startedAt = performance.now()
  delay.enable()
  return () => {
    delay.disable()
    add(observer.takeRecords())
    observer.disconnect()
    const ms = (/** @type {number} */ ns) => Math.max(0, ns / NS_PER_MS - RESOLUTION_MS)
    return {
      loopDelayMs: { p99: ms(delay.percentile(99)), p999: ms(delay.percentile(99.9)), max: ms(delay.max) },
      collectionMs: { max: Math.max(0, ...collectionsMs), share: sum(collectionsMs) / (performance.now() - startedAt) },
      runDelayShare: (runDelayMs() - waitedMs) / (performance.now() - startedAt),
    }
  }
}

/** @param {readonly number[]} values */
function sum(values) {
  return values.reduce((total, value) => total + value, 0)
}
