import { NO_SETTINGS } from './settings-table.ts'

/**
 * Supplies and the numbers of their bidders, packed into typed arrays: a million supplies are some two thousand objects,
 * which a garbage collection does not walk through.
 *
 * Each supply is a record in a block that is never moved: its id, then the number of its settings where it has any, then
 * its list. An open-addressing index finds a record by the id's hash and then compares the whole id; it is split by hash
 * into shards that grow one at a time, so that nothing waits for a large one to be made anew.
 */
export interface SupplyTable {
  readonly ids: SupplyIds
  /** The number of the supply's record, or NO_RECORD. */
  find(id: string): number
  /** The block that a record's list lies in: at `listOf(record)` is how many there are, and then they. */
  blockOf(record: number): Uint32Array
  listOf(record: number): number
  /** The number of its settings, NO_SETTINGS where nothing is said of it. */
  settingsOf(record: number): number
  /**
   * Adds a supply, or changes it as a whole: to the first `count` of the numbers, and to the settings of that number.
   * Returns the number of those it had.
   */
  set(id: string, numbers: ArrayLike<number>, count: number, settings: number): number
  /** Returns the number of its settings. */
  delete(id: string): number
  /** Whether more than half of the memory is of records that changes have left behind. */
  isWasteful(): boolean
}

/** The ids of the supplies: in the order they were added, but for those whose list has grown since. */
export interface SupplyIds {
  readonly size: number
  has(id: string): boolean
  keys(): IterableIterator<string>
}

export const NO_RECORD = -1

export function createSupplyTable(): SupplyTable {
  const shards = Array.from({ length: SHARDS }, () => new Uint32Array(SHARD_WORDS_MIN))
  /** Entries of each shard, those of deleted supplies included. */
  const shardSizes = new Uint32Array(SHARDS)
  const blocks: Uint32Array[] = []
  let blockEnd = 0
  let size = 0
  let wordsWasted = 0

  const ids: SupplyIds = {
    get size() {
      return size
    },
    has: (id) => find(id) !== NO_RECORD,
    *keys() {
      for (const block of blocks) {
        for (let at = 0; at < block.length && block[at] !== 0; at += recordWords(block, at)) {
          if (((block[at] as number) & LEFT) === 0) yield readId(block, at)
        }
      }
    },
  }

  return {
    ids,
    find,
    blockOf,
    listOf(record) {
      const at = record & BLOCK_MASK
      return at + listOffset(blockOf(record)[at] as number)
    },

    settingsOf,

    set(id, numbers, count, settings) {
      const hashed = hash(id)
      const known = shardOf(hashed)[slotOf(id, hashed) + 1] as number
      if (known === FREE) {
        index(hashed, write(id, numbers, count, settings))
        size++
        return NO_SETTINGS
      }
      const record = known - 1
      const settingsBefore = settingsOf(record)
      if (hasRoomFor(record, count, settings)) {
        writeContent(record, numbers, count, settings)
      } else {
        leave(record)
        shardOf(hashed)[slotOf(id, hashed) + 1] = write(id, numbers, count, settings) + 1
      }
      return settingsBefore
    },

    delete(id) {
      const hashed = hash(id)
      const slot = slotOf(id, hashed)
      const shard = shardOf(hashed)
      const entry = shard[slot + 1] as number
      if (entry === FREE) return NO_SETTINGS
      leave(entry - 1)
      shard[slot + 1] = DELETED
      size--
      return settingsOf(entry - 1)
    },

    isWasteful: () => wordsWasted > WASTE_WORDS_MIN && wordsWasted > (blocks.length * BLOCK_WORDS) / 2,
  }

  function find(id: string): number {
    const hashed = hash(id)
    return (shardOf(hashed)[slotOf(id, hashed) + 1] as number) - 1
  }

  function shardOf(hashed: number): Uint32Array {
    return shards[hashed >>> SHARD_SHIFT] as Uint32Array
  }

  /** Where in its shard the id's entry is, or the free one where it would be. */
  function slotOf(id: string, hashed: number): number {
    const shard = shardOf(hashed)
    const mask = shard.length - ENTRY_WORDS
    for (let slot = (hashed * ENTRY_WORDS) & mask; ; slot = (slot + ENTRY_WORDS) & mask) {
      const entry = shard[slot + 1] as number
      if (entry === FREE) return slot
      if (shard[slot] === hashed && entry !== DELETED && isId(entry - 1, id)) return slot
    }
  }

  function isId(record: number, id: string): boolean {
    const block = blockOf(record)
    const at = record & BLOCK_MASK
    if (((block[at] as number) & ID_UNITS) !== id.length) return false
    for (let unit = 0, word = at + HEADER_WORDS; unit < id.length; unit += 2, word++) {
      if (block[word] !== unitPair(id, unit)) return false
    }
    return true
  }

  function index(hashed: number, record: number): void {
    const number = hashed >>> SHARD_SHIFT
    const shard = shards[number] as Uint32Array
    if (((shardSizes[number] as number) + 1) * ENTRY_WORDS * 2 > shard.length) grow(number)
    put(shardOf(hashed), hashed, record + 1)
    shardSizes[number] = (shardSizes[number] as number) + 1
  }

  /** Makes a shard anew, without the entries of deleted supplies. */
  function grow(number: number): void {
    const old = shards[number] as Uint32Array
    let entries = 0
    for (let slot = 1; slot < old.length; slot += ENTRY_WORDS) if (isUsed(old[slot] as number)) entries++
    let words = SHARD_WORDS_MIN
    while ((entries + 1) * ENTRY_WORDS * 3 > words) words *= 2
    const shard = new Uint32Array(words)
    for (let slot = 0; slot < old.length; slot += ENTRY_WORDS) {
      if (isUsed(old[slot + 1] as number)) put(shard, old[slot] as number, old[slot + 1] as number)
    }
    shards[number] = shard
    shardSizes[number] = entries
  }

  function blockOf(record: number): Uint32Array {
    return blocks[record >>> BLOCK_BITS] as Uint32Array
  }

  function settingsOf(record: number): number {
    const block = blockOf(record)
    const at = record & BLOCK_MASK
    const head = block[at] as number
    return (head & HAS_SETTINGS) === 0 ? NO_SETTINGS : (block[at + listOffset(head) - 1] as number)
  }

  function hasRoomFor(record: number, count: number, settings: number): boolean {
    const block = blockOf(record)
    const at = record & BLOCK_MASK
    if (settings !== NO_SETTINGS && ((block[at] as number) & HAS_SETTINGS) === 0) return false
    return count <= (block[at + 1] as number)
  }

  /** Writes a record behind the last one; its number. */
  function write(id: string, numbers: ArrayLike<number>, count: number, settings: number): number {
    const head = (settings === NO_SETTINGS ? USED : USED | HAS_SETTINGS) | id.length
    const words = listOffset(head) + 1 + count
    let block = blocks.at(-1)
    if (block === undefined || blockEnd + words > block.length) {
      if (block !== undefined) wordsWasted += block.length - blockEnd
      block = new Uint32Array(Math.max(words, BLOCK_WORDS))
      blocks.push(block)
      blockEnd = 0
    }
    const at = blockEnd
    blockEnd += words
    block[at] = head
    block[at + 1] = count
    for (let unit = 0, word = at + HEADER_WORDS; unit < id.length; unit += 2, word++) block[word] = unitPair(id, unit)
    const record = (((blocks.length - 1) << BLOCK_BITS) | at) >>> 0
    writeContent(record, numbers, count, settings)
    return record
  }

  function writeContent(record: number, numbers: ArrayLike<number>, count: number, settings: number): void {
    const block = blockOf(record)
    const at = record & BLOCK_MASK
    const head = block[at] as number
    const list = at + listOffset(head)
    if ((head & HAS_SETTINGS) !== 0) block[list - 1] = settings
    block[list] = count
    for (let i = 0; i < count; i++) block[list + 1 + i] = numbers[i] as number
  }

  function leave(record: number): void {
    const block = blockOf(record)
    const at = record & BLOCK_MASK
    block[at] = (block[at] as number) | LEFT
    wordsWasted += recordWords(block, at)
  }
}

// A record is USED, LEFT, HAS_SETTINGS and how many UTF-16 units its id has; how many numbers its list may have; the id, two
// units a word; the number of its settings, where it has a word for that; how many numbers its list has, and they.
const USED = 0x80000000
/** Deleted, or moved because its list has grown. */
const LEFT = 0x40000000
const HAS_SETTINGS = 0x20000000
const ID_UNITS = 0xffff
const HEADER_WORDS = 2

const BLOCK_BITS = 16
const BLOCK_WORDS = 1 << BLOCK_BITS
const BLOCK_MASK = BLOCK_WORDS - 1
/** A few records that were left are no reason to do anything. */
const WASTE_WORDS_MIN = 4 * BLOCK_WORDS

const SHARDS = 256
const SHARD_SHIFT = 24
const SHARD_WORDS_MIN = 16
/** An entry is the id's hash, and the record's number and one. */
const ENTRY_WORDS = 2
const FREE = 0
const DELETED = 0xffffffff

function isUsed(entry: number): boolean {
  return entry !== FREE && entry !== DELETED
}

function put(shard: Uint32Array, hashed: number, entry: number): void {
  const mask = shard.length - ENTRY_WORDS
  let slot = (hashed * ENTRY_WORDS) & mask
  while (shard[slot + 1] !== FREE) slot = (slot + ENTRY_WORDS) & mask
  shard[slot] = hashed
  shard[slot + 1] = entry
}

function listOffset(head: number): number {
  return HEADER_WORDS + (((head & ID_UNITS) + 1) >>> 1) + ((head & HAS_SETTINGS) === 0 ? 0 : 1)
}

function recordWords(block: Uint32Array, at: number): number {
  return listOffset(block[at] as number) + 1 + (block[at + 1] as number)
}

/** Two UTF-16 units of an id, the second 0 behind its end. */
function unitPair(id: string, unit: number): number {
  const first = id.charCodeAt(unit)
  return (unit + 1 < id.length ? first | (id.charCodeAt(unit + 1) << 16) : first) >>> 0
}

function readId(block: Uint32Array, at: number): string {
  const units = (block[at] as number) & ID_UNITS
  const codes: number[] = []
  for (let unit = 0; unit < units; unit++) {
    const word = block[at + HEADER_WORDS + (unit >>> 1)] as number
    codes.push(unit & 1 ? word >>> 16 : word & 0xffff)
  }
  return String.fromCharCode(...codes)
}

/** A multiplicative hash, mixed at its end: shards are told apart by the high bits, slots by the low ones. */
function hash(id: string): number {
  let hashed = id.length
  for (let unit = 0; unit < id.length; unit++) hashed = Math.imul(hashed ^ id.charCodeAt(unit), 0x9e3779b1)
  hashed = Math.imul(hashed ^ (hashed >>> 15), 0x85ebca6b)
  return (hashed ^ (hashed >>> 13)) >>> 0
}
