// Addresses through the limiter, in a process of its own: how much memory they take, and how long they keep the loop.
import { setImmediate as nextTurn } from 'node:timers/promises'
import { DIST } from './dist.mjs'
import { runDelayMs } from './run-delay.mjs'

/** @type {typeof import('../../src/rate-limit/memory.ts')} */
const { createMemoryRateLimiter } = await import(`${DIST}rate-limit/memory.js`)

/** @typedef {{ longestHoldMs: number, bytes: number, remembered: number }} Window */

const POLICY = { max: 3, windowMs: 60_000 }
const WINDOWS = 3
/** Requests of a turn of the loop: as many as connections in the other sections. */
const TURN = 64

/** The limiter's clock: addresses come evenly over a window, however quick this process is. */
let now = 0

process.on('message', async (/** @type {{ addresses: number }} */ { addresses }) => {
  // Compiled, and its young generation as large as it gets, with hardly an address remembered.
  await takeAll(newLimiter(), addresses, () => TURN)
  const before = residentBytes()
  const limiter = newLimiter()
  let next = 0
  /** @type {Window[]} */
  const windows = []
  for (let window = 0; window < WINDOWS; window++) {
    const longestHoldMs = await takeAll(limiter, addresses, () => next++)
    windows.push({ longestHoldMs, bytes: residentBytes() - before, remembered: limiter.size() })
  }
  process.send?.(windows)
})
process.on('disconnect', () => process.exit())

function newLimiter() {
  return createMemoryRateLimiter({ policy: POLICY, now: () => now })
}

/**
 * Takes so many within a window.
 * @param {import('../../src/rate-limit/memory.ts').MemoryRateLimiter} limiter
 * @param {number} count
 * @param {() => number} nextAddress
 * @returns {Promise<number>} the longest that a turn of them kept the loop, in milliseconds
 */
async function takeAll(limiter, count, nextAddress) {
  let longestHoldMs = 0
  for (let taken = 0; taken < count; taken += TURN) {
    const waitedMs = runDelayMs()
    const startedAt = performance.now()
    for (let index = 0; index < TURN; index++) {
      now += POLICY.windowMs / count
      limiter.take(addressOf(nextAddress()))
    }
    const heldMs = performance.now() - startedAt
    longestHoldMs = Math.max(longestHoldMs, heldMs - (runDelayMs() - waitedMs))
    await nextTurn()
  }
  return longestHoldMs
}

/** @param {number} index */
function addressOf(index) {
  return `${10 + (index >>> 24)}.${(index >>> 16) & 255}.${(index >>> 8) & 255}.${index & 255}`
}

function residentBytes() {
  globalThis.gc?.()
  globalThis.gc?.()
  return process.memoryUsage().rss
}
