import { createHash } from 'node:crypto'
import type pg from 'pg'
import { textArray } from './array-literal.ts'
import type { PackedReader } from './packed-auction.ts'

/**
 * Who is asked hardly differs between a supply's auctions of a country, and takes as much room as all else in a row: so
 * the log keeps each such set of bidders once, and a row names it. One of these is of one connection: what it knows to be
 * in the database was written over it, and a batch that fails ends both.
 */
export interface BidderSets {
  /**
   * The id of the set of bidders of the auction that the reader stands at; undefined where its row is to have the bidders
   * themselves. That is so for none, and where the set was not seen lately: one that is seen once would stay for ever, where
   * its auction's day goes.
   */
  idOf(bytes: Buffer, auction: PackedReader): Buffer | undefined
  /** Writes the sets that were named first since it was last called, within the transaction of the rows that name them. */
  store(client: pg.Client): Promise<void>
}

export function createBidderSets(bytesMax = BYTES_MAX): BidderSets {
  // What was used since `recent` was begun, and what was used before: half of all that is remembered is let go of at once.
  let recent = new Map<string, BidderSet>()
  let older = new Map<string, BidderSet>()
  let recentBytes = 0
  let named: NamedSet[] = []
  let scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES)

  function remember(key: string, set: BidderSet): void {
    if (recentBytes > bytesMax / 2) {
      older = recent
      recent = new Map()
      recentBytes = 0
    }
    recent.set(key, set)
    recentBytes += key.length + ENTRY_BYTES
  }

  /** The bidders' ids with their lengths, as they are in the packed auction; in `scratch` as well. */
  function keyOf(bytes: Buffer, auction: PackedReader): string {
    let at = 0
    for (let index = 0; index < auction.responses; index += 1) {
      const start = auction.bidderStart(index) - LENGTH_BYTES
      const end = auction.bidderEnd(index)
      if (at + end - start > scratch.length) scratch = Buffer.concat([scratch], 2 * (at + end - start))
      at += bytes.copy(scratch, at, start, end)
    }
    return scratch.toString('latin1', 0, at)
  }

  return {
    idOf(bytes, auction) {
      if (auction.responses === 0) return undefined
      const key = keyOf(bytes, auction)
      let set = recent.get(key)
      if (set === undefined) {
        const known = older.get(key)
        remember(key, known ?? { id: undefined })
        if (known === undefined) return undefined
        set = known
      }
      if (set.id === undefined) {
        set.id = createHash('sha256').update(scratch.subarray(0, key.length)).digest().subarray(0, ID_BYTES)
        named.push({ id: set.id.toString('hex'), bidderIds: textArray(bidderIdsOf(bytes, auction)) })
      }
      return set.id
    },
    async store(client) {
      if (named.length === 0) return
      // In one order, so that two who write the same ones at once do not wait for each other.
      const sets = named.sort((a, b) => (a.id < b.id ? -1 : 1))
      named = []
      await client.query(INSERT, [
        textArray(sets.map(({ id }) => id)),
        textArray(sets.map(({ bidderIds }) => bidderIds)),
      ])
    },
  }
}

export function bidderIdsOf(bytes: Buffer, auction: PackedReader): string[] {
  return Array.from({ length: auction.responses }, (_, index) =>
    bytes.toString('utf8', auction.bidderStart(index), auction.bidderEnd(index)),
  )
}

interface BidderSet {
  /** By its content: whoever writes it first, and however often, it is the same. Undefined where it was seen once. */
  id: Buffer | undefined
}

interface NamedSet {
  readonly id: string
  /** As an array's literal. */
  readonly bidderIds: string
}

/** Joins the rows of auction_log, or of one of its partitions, with the sets that they name. */
export const JOIN_BIDDER_SETS = 'LEFT JOIN auction_log_bidder_sets USING (bidder_set_id)'
/** Who was asked in an auction: of its set, or of its row. */
export const BIDDER_IDS = 'coalesce(bidder_ids, member_ids)'

const INSERT = `
  INSERT INTO auction_log_bidder_sets (bidder_set_id, member_ids)
  SELECT id, bidder_ids::text[] FROM unnest($1::uuid[], $2::text[]) AS batch (id, bidder_ids)
  ON CONFLICT DO NOTHING`
/** Of a UUID. */
const ID_BYTES = 16
/** Of the length before each id. */
const LENGTH_BYTES = 2
const SCRATCH_BYTES = 4096
/** What is remembered may take so much memory: some 50,000 sets of eight bidders. */
const BYTES_MAX = 16_777_216
/** What a set takes beside its key. */
const ENTRY_BYTES = 200
