/** Numbers of ids, looked up by the ids' bytes as they arrive, so that no text is made of each mention. */
export interface ByteDictionary {
  /** The number of the id from `start` to `end` in the bytes, whose hash by `hashStep` is given; -1 where it has none. */
  numberOf(bytes: Uint8Array, start: number, end: number, hashed: number): number
}

export const HASH_START = 0

/** The hash of an id's bytes is this of one after the other, from HASH_START on. */
export function hashStep(hashed: number, byte: number): number {
  return Math.imul(hashed ^ byte, 0x9e3779b1)
}

/** @param ids each with its number; there are at least as many numbers as ids */
export function createByteDictionary(ids: Iterable<readonly [id: string, number: number]>): ByteDictionary {
  const words = [...ids].map(([id, number]) => ({ bytes: Buffer.from(id), number }))
  let size = SLOTS_MIN
  while (size < SLOTS_PER_ID * words.length) size *= 2
  const mask = size - 1
  /** The place in `words` and one, 0 where it is free. */
  const slots = new Uint32Array(size)
  for (const [index, { bytes }] of words.entries()) {
    let slot = spread(bytes.reduce(hashStep, HASH_START)) & mask
    while (slots[slot] !== 0) slot = (slot + 1) & mask
    slots[slot] = index + 1
  }

  return {
    numberOf(bytes, start, end, hashed) {
      for (let slot = spread(hashed) & mask; slots[slot] !== 0; slot = (slot + 1) & mask) {
        const word = words[(slots[slot] as number) - 1] as { bytes: Buffer; number: number }
        if (isSame(word.bytes, bytes, start, end)) return word.number
      }
      return -1
    },
  }
}

const SLOTS_MIN = 16
const SLOTS_PER_ID = 4

/** The high bits of a multiplicative hash are the better ones. */
function spread(hashed: number): number {
  return hashed ^ (hashed >>> 15)
}

function isSame(word: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  if (word.length !== end - start) return false
  for (let at = 0; at < word.length; at++) if (word[at] !== bytes[start + at]) return false
  return true
}
