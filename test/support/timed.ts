/** How long something took, in milliseconds. */
export interface Took {
  readonly ms: number
  /** Less what this process stood still meanwhile, as a machine that does other things does not always let it run. */
  readonly ownMs: number
}

/** Does something and tells how long that takes: a bound of what a process waits is one of `ownMs`. */
export async function timed(work: () => unknown): Promise<Took> {
  const startedAt = performance.now()
  let stoodStillMs = 0
  let lookedAt = startedAt
  const look = () => {
    const now = performance.now()
    const lateMs = now - lookedAt - LOOK_MS
    if (lateMs > LATE_MS) stoodStillMs += lateMs
    lookedAt = now
  }
  const timer = setInterval(look, LOOK_MS)
  try {
    await work()
  } finally {
    clearInterval(timer)
    look()
  }
  const ms = performance.now() - startedAt
  return { ms, ownMs: ms - stoodStillMs }
}

const LOOK_MS = 5
/** As late a timer may be where nothing is wrong. */
const LATE_MS = 10
