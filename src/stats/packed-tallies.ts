import type { BidderOutcome } from '../bidders/types.ts'
import type { SupplyTotals } from '../history/types.ts'
import { compareIds } from '../id-order.ts'
import type { AuctionCount, BidderStats, CountryRequests, SupplyStats } from './types.ts'

/**
 * The counters of many supplies, in typed arrays: a million supplies are a few thousand objects, which a garbage
 * collection does not walk through, and a supply's first request allocates nothing but a piece of them.
 *
 * A supply has a block for each country it was asked for in, since those that are asked there are the same ones each time,
 * in the same order. Bidders that come later get a block of their own behind it. Blocks are never moved.
 */
export interface PackedTallies {
  /** Adds one request and its outcomes. Returns whether it was the supply's first. */
  add(count: AuctionCount): boolean
  /** Adds what a supply had before. Returns whether it is new here. */
  restore(totals: SupplyTotals): boolean
  /** Takes away what was counted of a supply, and is a part of what it has. */
  subtract(totals: SupplyTotals): void
  /** How many requests a supply has. */
  requests(supplyId: string): number
  /** The immutable value of a supply's counters as they stand; undefined where it has no request. */
  stats(supplyId: string): SupplyStats | undefined
  /** Gives what a supply has, and forgets the supply; undefined where there is none. */
  take(supplyId: string): SupplyTotals | undefined
  /** Of every supply, the first one's that came first, also while some are taken. */
  supplyIds(): Iterator<string>
}

export function createPackedTallies(): PackedTallies {
  const firstBlocks = new Map<string, number>()
  /** Of countries and bidders. */
  const names: string[] = []
  const numbers = new Map<string, number>()
  const chunks: Uint32Array[] = []
  /** Where the last chunk is free. Block 0 is none, so nothing lies there. */
  let free = 1
  /** What a counter is beyond its word, in units of WORD_VALUES, by the counter's place. */
  const carries = new Map<number, number>()
  /** Errors and times skipped, by the counter's place: few bidders have any, so that they have no words. */
  const rare = new Map<number, number>()

  return {
    add({ supplyId, country, responses, priceMicros }) {
      const countryNumber = numberOf(country)
      const first = firstBlocks.get(supplyId)
      const block =
        (first === undefined ? NONE : find(first, countryNumber)) || allocate(first, countryNumber, responses)
      if (first === undefined) firstBlocks.set(supplyId, block)
      const chunk = chunkOf(block)
      const start = offsetOf(block)
      if (chunk[start + REQUESTS] === WORD_MAX) increase(block, start + REQUESTS, 1)
      else (chunk[start + REQUESTS] as number)++
      const bidders = chunk[start + BIDDERS] as number
      // By index: this is the hot path, and an iterator costs more than all the rest of the loop.
      for (let index = 0; index < responses.length; index += 1) {
        const { bidderId, outcome } = responses[index] as AuctionCount['responses'][number]
        const counters = start + HEADER_WORDS + index * BIDDER_WORDS
        if (index >= bidders || names[chunk[counters + NAME] as number] !== bidderId) {
          addElsewhere(block, countryNumber, bidderId, outcome, priceMicros)
          continue
        }
        const ofOutcome = wordOf(outcome)
        if (ofOutcome >= BIDDER_WORDS) {
          increaseRare(block, counters + ofOutcome, 1)
          continue
        }
        const word = counters + ofOutcome
        if (chunk[word] === WORD_MAX) increase(block, word, 1)
        else (chunk[word] as number)++
        if (outcome === 'WON') increase(block, counters + REVENUE, priceMicros)
      }
      return first === undefined
    },
    restore(totals) {
      const isNew = !firstBlocks.has(totals.supplyId)
      change(totals, 1)
      return isNew
    },
    subtract: (totals) => change(totals, -1),
    requests(supplyId) {
      let requests = 0
      for (const block of blocksOf(supplyId)) requests += read(block, offsetOf(block) + REQUESTS)
      return requests
    },
    stats(supplyId) {
      let totalRequests = 0
      const countries: CountryRequests[] = []
      const bidders = new Map<string, BidderStats>()
      for (const block of blocksOf(supplyId)) {
        const chunk = chunkOf(block)
        const start = offsetOf(block)
        const requests = read(block, start + REQUESTS)
        totalRequests += requests
        // A block behind the country's first one counts no requests.
        if (requests > 0) countries.push(Object.freeze({ country: nameAt(chunk, start + COUNTRY), requests }))
        const end = start + HEADER_WORDS + (chunk[start + BIDDERS] as number) * BIDDER_WORDS
        for (let at = start + HEADER_WORDS; at < end; at += BIDDER_WORDS) {
          const bidderId = nameAt(chunk, at + NAME)
          const stats = statsOfBidder(bidderId, block, at, bidders.get(bidderId))
          if (hasCounted(stats)) bidders.set(bidderId, stats)
        }
      }
      if (totalRequests === 0) return undefined
      return Object.freeze({
        supplyId,
        totalRequests,
        requestsPerCountry: Object.freeze(countries.sort((a, b) => compareIds(a.country, b.country))),
        bidders: Object.freeze([...bidders.values()].sort((a, b) => compareIds(a.bidderId, b.bidderId))),
      })
    },
    take(supplyId) {
      if (!firstBlocks.has(supplyId)) return undefined
      const countries: SupplyTotals['countries'][number][] = []
      const bidders: SupplyTotals['bidders'][number][] = []
      for (const block of blocksOf(supplyId)) {
        const chunk = chunkOf(block)
        const start = offsetOf(block)
        const country = nameAt(chunk, start + COUNTRY)
        const requests = read(block, start + REQUESTS)
        // A block behind the country's first one counts no requests.
        if (requests > 0) countries.push({ country, requests })
        const end = start + HEADER_WORDS + (chunk[start + BIDDERS] as number) * BIDDER_WORDS
        for (let at = start + HEADER_WORDS; at < end; at += BIDDER_WORDS) {
          bidders.push({ ...statsOfBidder(nameAt(chunk, at + NAME), block, at, undefined), country })
        }
      }
      firstBlocks.delete(supplyId)
      return { supplyId, countries, bidders }
    },
    supplyIds: () => firstBlocks.keys(),
  }

  /** Adds what a supply had, or takes it away. */
  function change({ supplyId, countries, bidders }: SupplyTotals, sign: 1 | -1): void {
    for (const { country, requests } of countries) {
      const ofCountry = bidders.filter((bidder) => bidder.country === country)
      const countryNumber = numberOf(country)
      const first = firstBlocks.get(supplyId)
      const block =
        (first === undefined ? NONE : find(first, countryNumber)) || allocate(first, countryNumber, ofCountry)
      if (first === undefined) firstBlocks.set(supplyId, block)
      increase(block, offsetOf(block) + REQUESTS, sign * requests)
      for (const [index, bidder] of ofCountry.entries()) {
        const place = placeOfBidder(block, countryNumber, index, bidder.bidderId)
        increase(place.block, place.counters + WON, sign * bidder.wins)
        increase(place.block, place.counters + LOST, sign * bidder.losses)
        increase(place.block, place.counters + NO_BID, sign * bidder.noBids)
        increase(place.block, place.counters + TIMED_OUT, sign * bidder.timeouts)
        increaseRare(place.block, place.counters + ERROR, sign * bidder.errors)
        increaseRare(place.block, place.counters + SKIPPED, sign * bidder.skipped)
        increase(place.block, place.counters + REVENUE, sign * bidder.revenueMicros)
      }
    }
  }

  /** Where a bidder's counters are: most often at the same index as the time before. */
  function placeOfBidder(block: number, countryNumber: number, index: number, bidderId: string): BidderPlace {
    const chunk = chunkOf(block)
    const counters = offsetOf(block) + HEADER_WORDS + index * BIDDER_WORDS
    const isThere =
      index < (chunk[offsetOf(block) + BIDDERS] as number) && names[chunk[counters + NAME] as number] === bidderId
    return isThere ? { block, counters } : findBidder(block, countryNumber, bidderId)
  }

  /** A bidder's counters, added to those that it has in another country. */
  function statsOfBidder(bidderId: string, block: number, at: number, other: BidderStats | undefined): BidderStats {
    return Object.freeze({
      bidderId,
      wins: read(block, at + WON) + (other?.wins ?? 0),
      losses: read(block, at + LOST) + (other?.losses ?? 0),
      noBids: read(block, at + NO_BID) + (other?.noBids ?? 0),
      timeouts: read(block, at + TIMED_OUT) + (other?.timeouts ?? 0),
      errors: readRare(block, at + ERROR) + (other?.errors ?? 0),
      skipped: readRare(block, at + SKIPPED) + (other?.skipped ?? 0),
      revenueMicros: read(block, at + REVENUE) + (other?.revenueMicros ?? 0),
    })
  }

  function* blocksOf(supplyId: string): Generator<number> {
    for (let block = firstBlocks.get(supplyId) ?? NONE; block !== NONE; block = nextOf(block)) yield block
  }

  /** The next block of a country, from this one on; NONE where there is none. */
  function find(from: number, countryNumber: number): number {
    let block = from
    while (block !== NONE && chunkOf(block)[offsetOf(block) + COUNTRY] !== countryNumber) block = nextOf(block)
    return block
  }

  /** Counts a bidder that is not where it was the time before: wherever it is, or in a block of its own. */
  function addElsewhere(
    from: number,
    countryNumber: number,
    bidderId: string,
    outcome: BidderOutcome,
    priceMicros: number,
  ): void {
    const { block, counters } = findBidder(from, countryNumber, bidderId)
    const word = wordOf(outcome)
    if (word >= BIDDER_WORDS) increaseRare(block, counters + word, 1)
    else increase(block, counters + word, 1)
    if (outcome === 'WON') increase(block, counters + REVENUE, priceMicros)
  }

  function findBidder(from: number, countryNumber: number, bidderId: string): BidderPlace {
    const nameNumber = numberOf(bidderId)
    for (let block = from; block !== NONE; block = find(nextOf(block), countryNumber)) {
      const chunk = chunkOf(block)
      const start = offsetOf(block) + HEADER_WORDS
      const end = start + (chunk[offsetOf(block) + BIDDERS] as number) * BIDDER_WORDS
      for (let counters = start; counters < end; counters += BIDDER_WORDS) {
        if (chunk[counters + NAME] === nameNumber) return { block, counters }
      }
    }
    const block = allocate(from, countryNumber, [{ bidderId }])
    return { block, counters: offsetOf(block) + HEADER_WORDS }
  }

  /** A new block, at the end of the supply's others. One that is larger than a chunk gets a chunk that is as large. */
  function allocate(
    previous: number | undefined,
    countryNumber: number,
    bidders: readonly { readonly bidderId: string }[],
  ): number {
    const words = HEADER_WORDS + bidders.length * BIDDER_WORDS
    const last = chunks.at(-1)
    if (last === undefined || free + words > last.length) {
      if (last !== undefined) free = 0
      chunks.push(new Uint32Array(Math.max(CHUNK_WORDS, free + words)))
    }
    const block = (chunks.length - 1) * CHUNK_WORDS + free
    const chunk = chunkOf(block)
    chunk[free + COUNTRY] = countryNumber
    chunk[free + BIDDERS] = bidders.length
    for (const [index, { bidderId }] of bidders.entries()) {
      chunk[free + HEADER_WORDS + index * BIDDER_WORDS + NAME] = numberOf(bidderId)
    }
    free += words
    if (previous !== undefined) {
      let end = previous
      while (nextOf(end) !== NONE) end = nextOf(end)
      chunkOf(end)[offsetOf(end) + NEXT] = block
    }
    return block
  }

  function increase(block: number, offset: number, by: number): void {
    const chunk = chunkOf(block)
    const sum = (chunk[offset] as number) + by
    if (sum < WORD_VALUES && sum >= 0) {
      chunk[offset] = sum
      return
    }
    const place = placeOf(block, offset)
    const carry = Math.floor(sum / WORD_VALUES)
    carries.set(place, (carries.get(place) ?? 0) + carry)
    chunk[offset] = sum - carry * WORD_VALUES
  }

  function read(block: number, offset: number): number {
    return (chunkOf(block)[offset] as number) + (carries.get(placeOf(block, offset)) ?? 0) * WORD_VALUES
  }

  function increaseRare(block: number, offset: number, by: number): void {
    if (by === 0) return
    const place = placeOf(block, offset)
    const sum = (rare.get(place) ?? 0) + by
    if (sum === 0) rare.delete(place)
    else rare.set(place, sum)
  }

  function readRare(block: number, offset: number): number {
    return rare.get(placeOf(block, offset)) ?? 0
  }

  function numberOf(name: string): number {
    let number = numbers.get(name)
    if (number === undefined) {
      number = names.push(name) - 1
      numbers.set(name, number)
    }
    return number
  }

  function nameAt(chunk: Uint32Array, offset: number): string {
    return names[chunk[offset] as number] as string
  }

  function chunkOf(block: number): Uint32Array {
    return chunks[block >>> CHUNK_BITS] as Uint32Array
  }

  function nextOf(block: number): number {
    return chunkOf(block)[offsetOf(block) + NEXT] as number
  }
}

/** Not where all that it was asked for has been taken away. */
function hasCounted({ wins, losses, noBids, timeouts, errors, skipped }: BidderStats): boolean {
  return wins + losses + noBids + timeouts + errors + skipped > 0
}

interface BidderPlace {
  readonly block: number
  readonly counters: number
}

function offsetOf(block: number): number {
  return block & (CHUNK_WORDS - 1)
}

/** Compared one after the other, which is quicker than to look it up by its name. */
function wordOf(outcome: BidderOutcome): number {
  if (outcome === 'NO_BID') return NO_BID
  if (outcome === 'LOST') return LOST
  if (outcome === 'WON') return WON
  if (outcome === 'TIMED_OUT') return TIMED_OUT
  return outcome === 'ERROR' ? ERROR : SKIPPED
}

/** Of a counter: unique, since a chunk may be longer than CHUNK_WORDS. */
function placeOf(block: number, offset: number): number {
  return (block >>> CHUNK_BITS) * WORD_VALUES + offset
}

const NONE = 0
const CHUNK_BITS = 16
const CHUNK_WORDS = 1 << CHUNK_BITS
/** How many values a word has. */
const WORD_VALUES = 2 ** 32
const WORD_MAX = WORD_VALUES - 1

/** A block's words: the supply's next block, its country, requests, how many bidders follow. */
const NEXT = 0
const COUNTRY = 1
const REQUESTS = 2
const BIDDERS = 3
const HEADER_WORDS = 4

/** A bidder's words: its name, its outcomes, what it paid. */
const NAME = 0
const WON = 1
const LOST = 2
const NO_BID = 3
const TIMED_OUT = 4
const REVENUE = 5
const BIDDER_WORDS = 6
/** Places of what is kept as rare, which are nobody else's there: words of the next bidder, were they words. */
const ERROR = BIDDER_WORDS
const SKIPPED = BIDDER_WORDS + 1
