/**
 * A bounded share of the event loop, so that however many subscribers there are, auctions have the rest. Tasks are run in
 * slices, in the order they were asked for; after each slice the loop is others' for so long that the share holds.
 */
export interface LoopShare {
  /** Runs a task when its turn comes: once, however often it is asked for before. */
  run(task: () => void): void
  /** For how long there has been something to do all the time, in milliseconds; 0 where nothing waits. */
  heldBackMs(): number
  /** Drops what waits. */
  dispose(): void
}

/** @param share how much of the loop's time it may take, above 0 and at most 1 */
export function createLoopShare(share: number): LoopShare {
  const waiting = new Set<() => void>()
  let isScheduled = false
  let freeAtMs = Number.NEGATIVE_INFINITY
  let busySinceMs: number | undefined

  function schedule(): void {
    if (isScheduled || waiting.size === 0) return
    isScheduled = true
    const waitMs = freeAtMs - performance.now()
    if (waitMs > 0) setTimeout(runSlice, Math.ceil(waitMs))
    else setImmediate(runSlice)
  }

  async function runSlice(): Promise<void> {
    const startedAtMs = performance.now()
    let nowMs = startedAtMs
    for (const task of waiting) {
      waiting.delete(task)
      task()
      // What follows from it, up to the message that is written, is its own.
      await afterMicrotasks()
      nowMs = performance.now()
      if (nowMs - startedAtMs >= SLICE_MS) break
    }
    freeAtMs = nowMs + ((nowMs - startedAtMs) * (1 - share)) / share
    if (waiting.size === 0) busySinceMs = undefined
    isScheduled = false
    schedule()
  }

  return {
    run(task) {
      busySinceMs ??= performance.now()
      waiting.add(task)
      schedule()
    },
    heldBackMs: () => (busySinceMs === undefined ? 0 : performance.now() - busySinceMs),
    dispose() {
      waiting.clear()
      busySinceMs = undefined
    },
  }
}

/** Node.js runs a tick that is asked for among microtasks when these are done, with those that they led to. */
function afterMicrotasks(): Promise<void> {
  return new Promise((resolve) => queueMicrotask(() => process.nextTick(resolve)))
}

/** How long the loop may be kept at a time, in milliseconds. */
const SLICE_MS = 3
