import type { PackedKey } from './packed-key.ts'

/**
 * Keys with a record of 32-bit words each, in typed arrays: a million keys are a few hundred objects, which a garbage
 * collection does not walk through, and no key costs an allocation of its own.
 *
 * Records lie one after the other in chunks that are never moved. An open-addressing index finds a key's record by its
 * hash and then compares the whole key. The index is split by hash into shards that grow one at a time, so that no
 * request waits for a large one to be made anew.
 */
export interface KeyTable {
  /** The number of the key's record, or -1. */
  find(key: PackedKey): number
  /** Adds a key that is not there; the number of its record, all zeros but for FAMILY_BIT of the first word. */
  insert(key: PackedKey): number
  /** The chunk that a record lies in; its first word is at `wordOf(record)`. */
  chunkOf(record: number): Uint32Array
  wordOf(record: number): number
  size(): number
  /** Whether the next key needs memory for another chunk. */
  isFull(): boolean
  /** Its oldest chunk, all full: the number of its first record, and of the first after it; undefined where there is none. */
  oldestChunk(): readonly [from: number, to: number] | undefined
  /** Forgets the keys of its oldest chunk, which another table of the same kind uses for its next. No key may be added after. */
  giveOldestChunk(other: KeyTable): void
  /** Takes over a chunk that is not used any more. */
  useChunk(chunk: Uint32Array): void
  /** An empty table that uses this one's memory: this one must not be used any more. */
  recycle(): KeyTable
}

/** The bit of a record's first word that is part of its key: leave it as it is. */
export const FAMILY_BIT = 1

/**
 * @param recordWords how many words a record has, at least one
 * @param hashSeed what keeps an attacker from choosing keys of one hash, 32 bits
 */
export function createKeyTable(options: { readonly recordWords: number; readonly hashSeed: number }): KeyTable {
  return createTable(options.recordWords, options.hashSeed, [], [])
}

/**
 * @param spareChunks chunks of a table that is not used any more
 * @param spareShards its shards, by their number; undefined where they were far too large for it
 */
function createTable(
  recordWords: number,
  hashSeed: number,
  spareChunks: Uint32Array[],
  spareShards: readonly (Uint32Array | undefined)[],
): KeyTable {
  const stride = KEY_WORDS + recordWords
  const chunks: Uint32Array[] = []
  const shards: (Uint32Array | undefined)[] = new Array(SHARDS).fill(undefined)
  const shardSizes = new Uint32Array(SHARDS)
  let size = 0
  /** Records before this one are forgotten; the index still has them. */
  let first = 0

  function isKey(record: number, { family, high, low }: PackedKey): boolean {
    const chunk = chunks[record >>> CHUNK_BITS] as Uint32Array
    const word = (record & CHUNK_MASK) * stride
    return (
      chunk[word + 1] === low && chunk[word] === high && ((chunk[word + KEY_WORDS] as number) & FAMILY_BIT) === family
    )
  }

  function hashOfRecord(record: number): number {
    const chunk = chunks[record >>> CHUNK_BITS] as Uint32Array
    const word = (record & CHUNK_MASK) * stride
    return hash(
      chunk[word] as number,
      chunk[word + 1] as number,
      (chunk[word + KEY_WORDS] as number) & FAMILY_BIT,
      hashSeed,
    )
  }

  /** A shard holds the record's number and one, 0 where it is free. */
  function put(shard: Uint32Array, hashed: number, record: number): void {
    const mask = shard.length - 1
    let slot = hashed & mask
    while (shard[slot] !== 0) slot = (slot + 1) & mask
    shard[slot] = record + 1
  }

  function newShard(number: number): Uint32Array {
    return spareShards[number]?.fill(0) ?? new Uint32Array(SHARD_SLOTS_MIN)
  }

  function grow(shard: Uint32Array): Uint32Array {
    const grown = new Uint32Array(shard.length * 2)
    for (let slot = 0; slot < shard.length; slot += 1) {
      const entry = shard[slot] as number
      if (entry !== 0) put(grown, hashOfRecord(entry - 1), entry - 1)
    }
    return grown
  }

  return {
    find(key) {
      const hashed = hash(key.high, key.low, key.family, hashSeed)
      const shard = shards[hashed >>> SHARD_SHIFT]
      if (!shard) return -1
      const mask = shard.length - 1
      for (let slot = hashed & mask; ; slot = (slot + 1) & mask) {
        const entry = shard[slot] as number
        if (entry === 0) return -1
        if (entry > first && isKey(entry - 1, key)) return entry - 1
      }
    },
    insert(key) {
      const record = size
      size += 1
      if ((record & CHUNK_MASK) === 0) chunks.push(spareChunks.pop() ?? new Uint32Array(stride * CHUNK_RECORDS))
      const chunk = chunks[record >>> CHUNK_BITS] as Uint32Array
      const word = (record & CHUNK_MASK) * stride
      chunk[word] = key.high
      chunk[word + 1] = key.low
      chunk[word + KEY_WORDS] = key.family
      for (let offset = KEY_WORDS + 1; offset < stride; offset += 1) chunk[word + offset] = 0

      const hashed = hash(key.high, key.low, key.family, hashSeed)
      const number = hashed >>> SHARD_SHIFT
      const shardSize = (shardSizes[number] as number) + 1
      shardSizes[number] = shardSize
      let shard = shards[number] ?? newShard(number)
      if (shardSize * 4 > shard.length * 3) shard = grow(shard)
      shards[number] = shard
      put(shard, hashed, record)
      return record
    },
    chunkOf: (record) => chunks[record >>> CHUNK_BITS] as Uint32Array,
    wordOf: (record) => (record & CHUNK_MASK) * stride + KEY_WORDS,
    size: () => size - first,
    isFull: () => (size & CHUNK_MASK) === 0 && spareChunks.length === 0,
    oldestChunk: () => (first + CHUNK_RECORDS <= size ? [first, first + CHUNK_RECORDS] : undefined),
    giveOldestChunk: (other) => {
      other.useChunk(chunks[first >>> CHUNK_BITS] as Uint32Array)
      chunks[first >>> CHUNK_BITS] = GIVEN
      first += CHUNK_RECORDS
    },
    useChunk: (chunk) => void spareChunks.push(chunk),
    recycle: () => {
      const used = shards.map((shard, number) =>
        shard && (shardSizes[number] as number) * SPARE_SLOTS_MAX >= shard.length ? shard : undefined,
      )
      return createTable(recordWords, hashSeed, chunks.slice(first >>> CHUNK_BITS), used)
    },
  }
}

/** Source: the finalizer of MurmurHash3, over the key's words one after the other. */
function hash(high: number, low: number, family: number, seed: number): number {
  return mix(mix(seed ^ low) ^ high ^ family)
}

function mix(value: number): number {
  let mixed = value ^ (value >>> 16)
  mixed = Math.imul(mixed, 0x85ebca6b)
  mixed ^= mixed >>> 13
  mixed = Math.imul(mixed, 0xc2b2ae35)
  return (mixed ^ (mixed >>> 16)) >>> 0
}

/** Words of a record before those of its user. */
const KEY_WORDS = 2
/** Records of a chunk: 2^12. */
const CHUNK_BITS = 12
const CHUNK_RECORDS = 1 << CHUNK_BITS
const CHUNK_MASK = CHUNK_RECORDS - 1
const GIVEN = new Uint32Array()
/** A shard of a table of a million keys has four thousand of them: made anew in less than a millisecond. */
const SHARDS = 256
const SHARD_SHIFT = 24
const SHARD_SLOTS_MIN = 16
/** A shard with more slots a key than this is not used again, so that memory goes with the crowd that needed it. */
const SPARE_SLOTS_MAX = 8
