import type { Auction } from '../auction/types.ts'
import { noticesOf } from '../notices/notices-of.ts'
import { type Counted, createCounted, giveUp } from './counted.ts'
import { packAuction, packedBytesMax } from './packed-auction.ts'

/** The part of the log that is committed together with counts, in one call of Redis: both or none. */
export interface CommitPart {
  readonly packed: Buffer[]
  /** What those rows count that are given up. */
  counted: Counted | undefined
}

/** Makes parts of auctions. What waits for its commit is bounded: past that, rows are given up and only counted. */
export interface CommitParts {
  /**
   * Adds an auction to a part, which is made where there is none.
   * @param shard of a cluster, where its supply is
   */
  add(part: CommitPart | undefined, auction: Auction, shard: string | undefined): CommitPart
  /** Parts are in Redis, where their shard's stream now has so many bytes that are not in the database. */
  committed(parts: readonly CommitPart[], streamBytes: number, shard: string | undefined): void
  /** Bytes that wait for their commit. */
  waitingBytes(): number
  /** How many rows were given up here. */
  givenUp(): number
}

export interface CommitPartsOptions {
  /** The most bytes that wait here for their commit. */
  readonly waitingBytesMax: number
  /** The most bytes in a stream, give or take a commit of each process. */
  readonly streamBytesMax: number
}

export function createCommitParts({ waitingBytesMax, streamBytesMax }: CommitPartsOptions): CommitParts {
  let buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES)
  let view = new DataView(buffer.buffer)
  let waitingBytes = 0
  /** Shards whose streams are full. */
  const full = new Set<string | undefined>()
  let givenUp = 0

  function pack(auction: Auction): Buffer {
    const notices = noticesOf(auction)
    const room = packedBytesMax(auction, notices)
    if (room > buffer.length) {
      buffer = Buffer.allocUnsafeSlow(room)
      view = new DataView(buffer.buffer)
    }
    return buffer.subarray(0, packAuction(auction, notices, buffer, view, 0))
  }

  return {
    add(part = { packed: [], counted: undefined }, auction, shard) {
      const packed = pack(auction)
      if (full.has(shard) || waitingBytes + packed.length > waitingBytesMax) {
        givenUp += 1
        part.counted ??= createCounted()
        giveUp(part.counted, { bytes: packed })
      } else {
        waitingBytes += packed.length
        part.packed.push(Buffer.from(packed))
      }
      return part
    },
    committed(parts, streamBytes, shard) {
      for (const { packed } of parts) for (const { length } of packed) waitingBytes -= length
      if (streamBytes > streamBytesMax) full.add(shard)
      else full.delete(shard)
    },
    waitingBytes: () => waitingBytes,
    givenUp: () => givenUp,
  }
}

const BUFFER_BYTES = 65_536
