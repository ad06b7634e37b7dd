import { createKeyTable, FAMILY_BIT, type KeyTable } from './key-table.ts'
import { type PackedKey, packKey } from './packed-key.ts'
import type { RateLimitPolicy, SlidingWindow } from './types.ts'

/**
 * The window for a small `max`, without an object for any key.
 *
 * Keys live in two generations: a key that is used moves to the current one, and each window the current one becomes
 * the previous one and that is dropped whole. So a key untouched for a window goes without any sweep. Where the current
 * one needs more memory, it takes that of the previous one's oldest keys once they have left the window: a steady stream
 * of ever new addresses has the memory of one window's, not of two.
 *
 * Times are kept in 32 bits, in units of which eight windows fit into these: nothing that is looked at is older than
 * three, so differences are right though the number wraps. A time is rounded up, so that never more than `max` are
 * allowed within a window; a wait is two units too long at most, 2 µs where the window is up to eight minutes.
 * @param hashSeed 32 bits that nobody outside knows
 */
export function createPackedWindow(
  { max, windowMs }: RateLimitPolicy,
  { trackedKeysMax, hashSeed }: { readonly trackedKeysMax: number; readonly hashSeed: number },
): SlidingWindow {
  const unitsPerMs = Math.min(UNITS_PER_MS_MAX, 2 ** Math.floor(Math.log2(2 ** 32 / (WINDOWS_IN_RANGE * windowMs))))
  const windowUnits = Math.ceil(windowMs * unitsPerMs)
  const key: PackedKey = { family: 0, high: 0, low: 0 }
  const newTable = () => createKeyTable({ recordWords: TIMES + max, hashSeed })
  let current = newTable()
  let previous = newTable()
  /** How many keys of the previous generation are in the current one too. */
  let moved = 0
  let rotateAt = Number.NEGATIVE_INFINITY
  /** Where the record that was found last begins. */
  let words: Uint32Array = NO_WORDS
  let at = 0

  function rotate(now: number): void {
    // After a quiet window nothing of the current generation is within the window either.
    const isQuiet = now >= rotateAt + windowMs
    const dropped = previous
    previous = isQuiet ? newTable() : current
    current = dropped.recycle()
    moved = 0
    rotateAt = now + windowMs
  }

  /** Sets `words` and `at` to the record of a key, without the times that have left the window; false where there is none. */
  function find(text: string, now: number): boolean {
    if (now >= rotateAt || current.size() >= trackedKeysMax / 2) rotate(now)
    packKey(text, key)
    const nowUnits = Math.floor(now * unitsPerMs) | 0
    const record = current.find(key)
    if (record !== -1) pointTo(current, record)
    else {
      if (current.isFull()) reuseOldest(nowUnits)
      if (!findAged()) return false
    }
    forget(nowUnits)
    return true
  }

  /** Takes over the previous generation's oldest keys' memory, where none of them counts any more. */
  function reuseOldest(nowUnits: number): void {
    const [from, to] = previous.oldestChunk() ?? NO_CHUNK
    let movedBefore = 0
    for (let record = from; record < to; record += 1) {
      pointTo(previous, record)
      forget(nowUnits)
      if (isMoved()) movedBefore += 1
      else if (countOf() > 0 || isRefused()) return
    }
    if (to === from) return
    previous.giveOldestChunk(current)
    moved -= movedBefore
  }

  function findAged(): boolean {
    const record = previous.find(key)
    if (record === -1) return false
    pointTo(previous, record)
    const [agedWords, agedAt] = [words, at]
    insert()
    for (let word = 0; word < TIMES + max; word += 1) words[at + word] = agedWords[agedAt + word] as number
    agedWords[agedAt] = (agedWords[agedAt] as number) | MOVED_BIT
    moved += 1
    return true
  }

  /** Adds the key last looked for. */
  function insert(): void {
    pointTo(current, current.insert(key))
  }

  function pointTo(table: KeyTable, record: number): void {
    words = table.chunkOf(record)
    at = table.wordOf(record)
  }

  /** Forgets what no longer counts: times that have left the window, and a refusal that has ended. */
  function forget(nowUnits: number): void {
    const count = countOf()
    let gone = 0
    while (gone < count && ((nowUnits - (words[at + TIMES + gone] as number)) | 0) >= windowUnits) gone += 1
    if (gone > 0) {
      dropOldest(gone, count)
      setCount(count - gone)
    }
    if (isRefused() && (((words[at + REFUSED_UNTIL] as number) - nowUnits) | 0) <= 0) {
      words[at] = (words[at] as number) & ~REFUSED_BIT
    }
  }

  /** After how many milliseconds the record found last lets a request pass. */
  function waitOf(now: number): number {
    const nowUnits = Math.floor(now * unitsPerMs) | 0
    const full = countOf() === max ? ((words[at + TIMES] as number) + windowUnits - nowUnits) | 0 : 0
    const refused = isRefused() ? ((words[at + REFUSED_UNTIL] as number) - nowUnits) | 0 : 0
    return Math.ceil(Math.max(full, refused, 0) / unitsPerMs)
  }

  /** Adds a time to the record found last, in place of the oldest where it has as many as it may. */
  function add(now: number): void {
    let count = countOf()
    if (count === max) {
      dropOldest(1, count)
      count -= 1
    }
    words[at + TIMES + count] = Math.ceil(now * unitsPerMs)
    setCount(count + 1)
  }

  function countOf(): number {
    return (words[at] as number) >>> COUNT_SHIFT
  }

  function setCount(count: number): void {
    words[at] = ((words[at] as number) & KEPT_BITS) | (count << COUNT_SHIFT)
  }

  function isRefused(): boolean {
    return ((words[at] as number) & REFUSED_BIT) !== 0
  }

  /** Of a record of the previous generation: whether the current one has the key. */
  function isMoved(): boolean {
    return ((words[at] as number) & MOVED_BIT) !== 0
  }

  /** By hand: for a few words that is quicker than `copyWithin`. */
  function dropOldest(dropped: number, count: number): void {
    for (let word = at + TIMES; word < at + TIMES + count - dropped; word += 1) {
      words[word] = words[word + dropped] as number
    }
  }

  return {
    take: (text, now) => {
      if (!find(text, now)) insert()
      const wait = waitOf(now)
      if (wait === 0) add(now)
      return wait
    },
    waitMs: (text, now) => (find(text, now) ? waitOf(now) : 0),
    count: (text, now) => {
      if (!find(text, now)) insert()
      add(now)
    },
    refuseUntil: (text, until, now) => {
      if (!find(text, now)) insert()
      const units = Math.ceil(until * unitsPerMs)
      const isLater = ((units - (words[at + REFUSED_UNTIL] as number)) | 0) >= 0
      if (isRefused() && isLater) return
      words[at] = (words[at] as number) | REFUSED_BIT
      words[at + REFUSED_UNTIL] = units
    },
    size: () => current.size() + previous.size() - moved,
  }
}

/** A record's first word holds the key's own bit, whether REFUSED_UNTIL counts, whether it was moved, and how many times follow. */
const REFUSED_BIT = 2
const MOVED_BIT = 4
const KEPT_BITS = FAMILY_BIT | REFUSED_BIT | MOVED_BIT
const COUNT_SHIFT = 3
const REFUSED_UNTIL = 1
const TIMES = 2
const WINDOWS_IN_RANGE = 8
const UNITS_PER_MS_MAX = 1024
const NO_WORDS = new Uint32Array()
const NO_CHUNK = [0, 0] as const
