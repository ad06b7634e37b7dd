import { OUTCOME_CODES, type PackedReader } from './packed-auction.ts'

/** The columns, in the order in which `createCopyRows` writes them. */
export const COLUMNS =
  'started_at, id, supply_id, country, tmax_ms, winner_id, price_micros, duration_ms, bidder_ids, outcomes, prices_micros, latencies_ms, bidder_set_id, reasons'

/** Rows of auction_log in COPY's binary format, https://www.postgresql.org/docs/15/sql-copy.html#id-1.9.3.55.9.4 */
export interface CopyRows {
  /**
   * Adds the auction that the reader stands at.
   * @param bidderSetId where its row names its bidders' set; else it has the bidders themselves
   */
  add(bytes: Buffer, auction: PackedReader, bidderSetId: Buffer | undefined): void
  /** Everything that was added, in pieces, with the format's beginning and end. */
  finish(): readonly Buffer[]
}

export function createCopyRows(): CopyRows {
  const pieces: Buffer[] = []
  let piece = Buffer.allocUnsafeSlow(PIECE_BYTES)
  let view = viewOf(piece)
  let at = SIGNATURE.copy(piece)

  return {
    add(bytes, auction, bidderSetId) {
      makeRoom(FIXED_BYTES + 2 * (auction.supplyEnd - auction.supplyStart) + bytesOfResponses(auction))
      int16(COLUMN_COUNT)
      int32(8)
      timestamp(auction.startedAtMs)
      text(bytes, auction.idStart, auction.idStart + 16)
      text(bytes, auction.supplyStart, auction.supplyEnd)
      text(bytes, auction.idStart + 16, auction.idStart + 18)
      int32(2)
      int16(auction.tmaxMs)
      const winner = winnerOf(auction)
      if (winner < 0) int32(NULL)
      else text(bytes, auction.bidderStart(winner), auction.bidderEnd(winner))
      int32(8)
      int64(auction.priceMicros)
      int32(4)
      float32(auction.durationMs)
      if (bidderSetId === undefined) bidderIds(bytes, auction)
      else int32(NULL)
      outcomes(auction)
      prices(auction)
      latencies(auction)
      if (bidderSetId === undefined) int32(NULL)
      else text(bidderSetId, 0, bidderSetId.length)
      if (auction.hasReasons) reasons(auction)
      else int32(NULL)
    },
    finish() {
      makeRoom(2)
      int16(-1)
      pieces.push(piece.subarray(0, at))
      return pieces.splice(0)
    },
  }

  function makeRoom(size: number): void {
    if (at + size <= piece.length) return
    pieces.push(piece.subarray(0, at))
    piece = Buffer.allocUnsafeSlow(Math.max(PIECE_BYTES, size))
    view = viewOf(piece)
    at = 0
  }

  function bidderIds(bytes: Buffer, auction: PackedReader): void {
    const start = beginArray(TEXT_OID, auction.responses, false)
    for (let index = 0; index < auction.responses; index += 1) {
      text(bytes, auction.bidderStart(index), auction.bidderEnd(index))
    }
    endArray(start)
  }

  function outcomes(auction: PackedReader): void {
    const start = beginArray(CHAR_OID, auction.responses, false)
    for (let index = 0; index < auction.responses; index += 1) {
      int32(1)
      piece[at] = auction.outcome(index)
      at += 1
    }
    endArray(start)
  }

  function prices(auction: PackedReader): void {
    const start = beginArray(INT8_OID, auction.responses, true)
    for (let index = 0; index < auction.responses; index += 1) {
      const price = auction.bidMicros(index)
      int32(Number.isNaN(price) ? NULL : 8)
      if (!Number.isNaN(price)) int64(price)
    }
    endArray(start)
  }

  function latencies(auction: PackedReader): void {
    const start = beginArray(FLOAT4_OID, auction.responses, true)
    for (let index = 0; index < auction.responses; index += 1) {
      const latency = auction.latencyMs(index)
      int32(Number.isNaN(latency) ? NULL : 4)
      if (!Number.isNaN(latency)) float32(latency)
    }
    endArray(start)
  }

  function reasons(auction: PackedReader): void {
    const start = beginArray(INT2_OID, auction.responses, false)
    for (let index = 0; index < auction.responses; index += 1) {
      int32(2)
      int16(auction.reason(index))
    }
    endArray(start)
  }

  /** An array of one dimension, or of none where it is empty. */
  function beginArray(elementOid: number, length: number, hasNulls: boolean): number {
    const start = at
    at += 4
    int32(length > 0 ? 1 : 0)
    int32(hasNulls ? 1 : 0)
    int32(elementOid)
    if (length > 0) {
      int32(length)
      int32(1)
    }
    return start
  }

  function endArray(start: number): void {
    view.setInt32(start, at - start - 4)
  }

  /** Also of a uuid, whose bytes are its value. */
  function text(bytes: Buffer, start: number, end: number): void {
    int32(end - start)
    at += bytes.copy(piece, at, start, end)
  }

  function timestamp(ms: number): void {
    view.setBigInt64(at, BigInt(ms - POSTGRES_EPOCH_MS) * 1000n)
    at += 8
  }

  /** Of a whole number up to 2^53. */
  function int64(value: number): void {
    const high = Math.floor(value / 2 ** 32)
    view.setInt32(at, high)
    view.setUint32(at + 4, value - high * 2 ** 32)
    at += 8
  }

  function float32(value: number): void {
    view.setFloat32(at, value)
    at += 4
  }

  function int32(value: number): void {
    view.setInt32(at, value)
    at += 4
  }

  function int16(value: number): void {
    view.setInt16(at, value)
    at += 2
  }
}

/** The number of the response that won; -1 where none did. */
function winnerOf(auction: PackedReader): number {
  for (let index = 0; index < auction.responses; index += 1) {
    if (auction.outcome(index) === OUTCOME_CODES.WON) return index
  }
  return -1
}

/** At most: each id may be the winner's as well. */
function bytesOfResponses(auction: PackedReader): number {
  let bytes = 0
  for (let index = 0; index < auction.responses; index += 1) {
    bytes += RESPONSE_BYTES + 2 * (auction.bidderEnd(index) - auction.bidderStart(index))
  }
  return bytes
}

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

const SIGNATURE = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1')
const COLUMN_COUNT = 14
const NULL = -1
const POSTGRES_EPOCH_MS = Date.UTC(2000, 0)

const TEXT_OID = 25
const CHAR_OID = 18
const INT8_OID = 20
const INT2_OID = 21
const FLOAT4_OID = 700

const PIECE_BYTES = 65_536
/** What a row takes beside ids and responses. */
const FIXED_BYTES = 256
/** What a response takes beside its bidder's id: a length for each of its five elements, and four of these. */
const RESPONSE_BYTES = 5 * 4 + 1 + 8 + 4 + 2
