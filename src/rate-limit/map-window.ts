import type { RateLimitPolicy, SlidingWindow } from './types.ts'

interface Entry {
  /** When requests were allowed: at most `max`, a ring once there are that many. */
  readonly times: number[]
  /** Where the oldest of a full ring is. */
  oldest: number
  refusedUntil: number
}

/**
 * The window for a large `max`, with an object for each key.
 *
 * Keys live in two generations: a key that is used moves to the current one, and each window the current one becomes
 * the previous one and that is dropped whole. So a key untouched for a window goes without any sweep.
 */
export function createMapWindow({ max, windowMs }: RateLimitPolicy, trackedKeysMax: number): SlidingWindow {
  let current = new Map<string, Entry>()
  let previous = new Map<string, Entry>()
  let rotateAt = Number.NEGATIVE_INFINITY

  function find(key: string, now: number): Entry | undefined {
    if (now >= rotateAt || current.size >= trackedKeysMax / 2) rotate(now)
    const entry = current.get(key)
    if (entry !== undefined || previous.size === 0) return entry
    const aged = previous.get(key)
    if (aged !== undefined) {
      previous.delete(key)
      current.set(key, aged)
    }
    return aged
  }

  function rotate(now: number): void {
    // After a quiet window nothing of the current generation is within the window either.
    previous = now >= rotateAt + windowMs ? new Map() : current
    current = new Map()
    rotateAt = now + windowMs
  }

  function waitOf(entry: Entry, now: number): number {
    const { times } = entry
    const full = times.length < max ? 0 : (times[entry.oldest] ?? 0) + windowMs - now
    const wait = Math.max(full, entry.refusedUntil - now)
    return wait > 0 ? Math.ceil(wait) : 0
  }

  function add(key: string, entry: Entry | undefined, at: number): void {
    if (entry === undefined) {
      current.set(key, { times: [at], oldest: 0, refusedUntil: 0 })
    } else if (entry.times.length < max) {
      entry.times.push(at)
    } else {
      entry.times[entry.oldest] = at
      entry.oldest = entry.oldest + 1 === max ? 0 : entry.oldest + 1
    }
  }

  return {
    take: (key, now) => {
      const entry = find(key, now)
      const wait = entry === undefined ? 0 : waitOf(entry, now)
      if (wait === 0) add(key, entry, now)
      return wait
    },
    waitMs: (key, now) => {
      const entry = find(key, now)
      return entry === undefined ? 0 : waitOf(entry, now)
    },
    count: (key, at) => add(key, find(key, at), at),
    refuseUntil: (key, until, now) => {
      const entry = find(key, now)
      if (entry === undefined) current.set(key, { times: [], oldest: 0, refusedUntil: until })
      else if (entry.refusedUntil <= now || until < entry.refusedUntil) entry.refusedUntil = until
    },
    size: () => current.size + previous.size,
  }
}
