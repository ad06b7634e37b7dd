import { randomFillSync } from 'node:crypto'

/**
 * Makes UUIDv7 identifiers (RFC 9562): sortable by the millisecond they were made in, and within one process in the
 * order they were made (method 1, a 12-bit counter in rand_a that carries into the timestamp).
 * Random bits come from a pool, so that an identifier costs no system call.
 */
export function createAuctionIds(): (nowMs: number) => string {
  const pool = new Uint8Array(POOL_BYTES)
  let used = POOL_BYTES
  let lastMs = 0
  let counter = 0
  let timePrefix = ''

  return (nowMs) => {
    if (nowMs > lastMs) {
      setTime(nowMs)
    } else if (++counter > MAX_COUNTER) {
      setTime(lastMs + 1)
    }
    if (used + RANDOM_BYTES > POOL_BYTES) {
      randomFillSync(pool)
      used = 0
    }
    const at = used
    used += RANDOM_BYTES
    return `${timePrefix}${HEX[counter >>> 8]?.[1]}${HEX[counter & 255]}-${HEX[((pool[at] ?? 0) & 0x3f) | 0x80]}${HEX[pool[at + 1] ?? 0]}-${HEX[pool[at + 2] ?? 0]}${HEX[pool[at + 3] ?? 0]}${HEX[pool[at + 4] ?? 0]}${HEX[pool[at + 5] ?? 0]}${HEX[pool[at + 6] ?? 0]}${HEX[pool[at + 7] ?? 0]}`
  }

  function setTime(ms: number): void {
    lastMs = ms
    counter = 0
    const hex = ms.toString(16).padStart(12, '0')
    timePrefix = `${hex.slice(0, 8)}-${hex.slice(8)}-7`
  }
}

/** When an auction began, by its id, in milliseconds since 1970; undefined where the text is no UUIDv7. */
export function timeOfAuctionId(id: string): number | undefined {
  return UUID_V7.test(id) ? Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16) : undefined
}

const UUID_V7 = /^[\da-f]{8}-[\da-f]{4}-7[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/i
const RANDOM_BYTES = 8
const POOL_BYTES = 1024 * RANDOM_BYTES
const MAX_COUNTER = 0xfff
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))
