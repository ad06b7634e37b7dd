import type { Auction } from '../auction/types.ts'
import { REASONS } from '../bidders/reasons.ts'
import type { BidderOutcome } from '../bidders/types.ts'
import { noticesBytesMax, packNotices, startOfNotices } from '../notices/packed-notices.ts'
import type { Notice } from '../notices/types.ts'

/**
 * An auction as it is on its way to the log: in memory, between threads, in a stream. Little-endian, one after the other:
 *
 *     bytes of the entry, these included  u32
 *     id                                  16 bytes
 *     country                             2 bytes
 *     tmax, ms                            u16, of which the highest bits say what follows the responses
 *     duration, ms                        f32
 *     price paid, millionths              f64
 *     supply id                           u16 length, UTF-8
 *     how many responses                  u16, then of each:
 *         bidder id                       u16 length, UTF-8
 *         outcome                         u8, the code of its letter
 *         latency, ms                     f32, NaN where it is not known
 *         price bid, millionths           f64, NaN where there is none
 *     reasons, where HAS_REASONS says so  u8 of each response, its code of REASONS, 0 where it has none
 *     notices, where HAS_NOTICES says so  as packNotices writes them, up to the entry's end
 */
export interface PackedAuctions {
  readonly bytes: Buffer
  /** How many auctions. */
  readonly count: number
}

/** An outcome's letter: won, lost, no bid, timed out, error, skipped. */
export const OUTCOME_CODES: Readonly<Record<BidderOutcome, number>> = {
  WON: 'w'.charCodeAt(0),
  LOST: 'l'.charCodeAt(0),
  NO_BID: 'n'.charCodeAt(0),
  TIMED_OUT: 't'.charCodeAt(0),
  ERROR: 'e'.charCodeAt(0),
  SKIPPED: 's'.charCodeAt(0),
}

/** The reverse, by the letter. */
export const OUTCOMES: Readonly<Record<string, BidderOutcome>> = {
  w: 'WON',
  l: 'LOST',
  n: 'NO_BID',
  t: 'TIMED_OUT',
  e: 'ERROR',
  s: 'SKIPPED',
}

/** At most so many bytes an auction takes with its notices. */
export function packedBytesMax(
  { responses }: Pick<Auction, 'responses'>,
  notices: readonly Notice[] | undefined,
): number {
  const room = HEADER_BYTES + NAME_BYTES_MAX + responses.length * (NAME_BYTES_MAX + RESPONSE_BYTES + REASON_BYTES)
  return notices === undefined ? room : room + noticesBytesMax(notices)
}

/**
 * Writes an auction where there is room for `packedBytesMax` of it.
 * @param notices what its bidders are to be told, where that is anything
 * @param view of the same bytes
 * @returns where it ends
 */
export function packAuction(
  auction: Auction,
  notices: readonly Notice[] | undefined,
  bytes: Buffer,
  view: DataView,
  start: number,
): number {
  const { id, country, responses } = auction
  packId(id, bytes, start + 4)
  bytes[start + 20] = country.charCodeAt(0)
  bytes[start + 21] = country.charCodeAt(1)
  view.setFloat32(start + 24, auction.durationMs, true)
  view.setFloat64(start + 28, auction.priceMicros, true)
  let at = packName(auction.supplyId, bytes, start + 36)
  view.setUint16(at, responses.length, true)
  at += 2
  let parts = notices === undefined ? 0 : HAS_NOTICES
  // By index: this is the hot path, and an iterator costs more than all the rest of the loop.
  for (let index = 0; index < responses.length; index += 1) {
    const response = responses[index] as Auction['responses'][number]
    at = packName(response.bidderId, bytes, at)
    bytes[at] = OUTCOME_CODES[response.outcome]
    view.setFloat32(at + 1, response.latencyMs ?? Number.NaN, true)
    view.setFloat64(at + 5, response.priceMicros ?? Number.NaN, true)
    if (response.reason !== undefined) parts |= HAS_REASONS
    at += RESPONSE_BYTES - 2
  }
  view.setUint16(start + 22, auction.tmaxMs | parts, true)
  if ((parts & HAS_REASONS) !== 0) at = packReasons(responses, bytes, at)
  if (notices !== undefined) at = packNotices(notices, bytes, view, at)
  view.setUint32(start, at - start, true)
  return at
}

/** One packed auction after the other, read in place: a response's fields are found by its number. */
export interface PackedReader {
  /** Goes on to the next auction; false where there is none. */
  next(): boolean
  readonly idStart: number
  /** By the id, in milliseconds since 1970. */
  readonly startedAtMs: number
  readonly country: string
  readonly tmaxMs: number
  readonly durationMs: number
  readonly priceMicros: number
  readonly supplyStart: number
  readonly supplyEnd: number
  readonly responses: number
  bidderStart(response: number): number
  bidderEnd(response: number): number
  outcome(response: number): number
  /** NaN where it is not known. */
  latencyMs(response: number): number
  /** NaN where there is none. */
  bidMicros(response: number): number
  /** Whether any response has a reason. */
  readonly hasReasons: boolean
  /** The code of REASONS; 0 where there is none. */
  reason(response: number): number
  readonly hasNotices: boolean
  /** Where the entry ends, and its notices with it. */
  readonly end: number
}

/** @throws RangeError where the bytes end within an auction */
export function readPacked({ bytes }: Pick<PackedAuctions, 'bytes'>): PackedReader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  /** Where each response's name begins, and behind the last one. */
  let starts = new Uint32Array(64)
  let entry = 0
  let end = 0
  let supplyEnd = 0
  let responses = 0

  return {
    next() {
      entry = end
      if (entry >= bytes.length) return false
      end = entry + view.getUint32(entry, true)
      supplyEnd = entry + 38 + view.getUint16(entry + 36, true)
      responses = view.getUint16(supplyEnd, true)
      if (responses >= starts.length) starts = new Uint32Array(2 * responses)
      let at = supplyEnd + 2
      for (let index = 0; index < responses; index += 1) {
        starts[index] = at
        at += RESPONSE_BYTES + view.getUint16(at, true)
      }
      starts[responses] = at
      if (has(HAS_REASONS)) at += responses
      if (end > bytes.length || at !== (has(HAS_NOTICES) ? startOfNotices(view, end) : end))
        throw new RangeError('the packed auctions are cut off')
      return true
    },
    get idStart() {
      return entry + 4
    },
    get startedAtMs() {
      return view.getUint32(entry + 4, false) * 2 ** 16 + view.getUint16(entry + 8, false)
    },
    get country() {
      return bytes.toString('latin1', entry + 20, entry + 22)
    },
    get tmaxMs() {
      return view.getUint16(entry + 22, true) & TMAX_BITS
    },
    get durationMs() {
      return view.getFloat32(entry + 24, true)
    },
    get priceMicros() {
      return view.getFloat64(entry + 28, true)
    },
    get supplyStart() {
      return entry + 38
    },
    get supplyEnd() {
      return supplyEnd
    },
    get responses() {
      return responses
    },
    bidderStart: (response) => (starts[response] as number) + 2,
    bidderEnd,
    outcome: (response) => bytes[bidderEnd(response)] as number,
    latencyMs: (response) => view.getFloat32(bidderEnd(response) + 1, true),
    bidMicros: (response) => view.getFloat64(bidderEnd(response) + 5, true),
    get hasReasons() {
      return has(HAS_REASONS)
    },
    reason: (response) => (has(HAS_REASONS) ? (bytes[(starts[responses] as number) + response] as number) : 0),
    get hasNotices() {
      return has(HAS_NOTICES)
    },
    get end() {
      return end
    },
  }

  function has(part: number): boolean {
    return (view.getUint16(entry + 22, true) & part) !== 0
  }

  function bidderEnd(response: number): number {
    return (starts[response + 1] as number) - RESPONSE_BYTES + 2
  }
}

function packReasons(responses: Auction['responses'], bytes: Buffer, start: number): number {
  responses.forEach(({ reason }, index) => {
    bytes[start + index] = reason === undefined ? 0 : REASONS[reason].code
  })
  return start + responses.length
}

/** A UUID's 16 bytes. */
function packId(id: string, bytes: Buffer, at: number): void {
  let target = at
  for (let index = 0; index < UUID_CHARACTERS; index += 2) {
    if (id.charCodeAt(index) === HYPHEN) index += 1
    bytes[target] = ((HEX[id.charCodeAt(index)] as number) << 4) | (HEX[id.charCodeAt(index + 1)] as number)
    target += 1
  }
}

/** A length and the text. Nearly all ids are ASCII, whose characters are written here at less than a call costs. */
function packName(name: string, bytes: Buffer, at: number): number {
  const start = at + 2
  let length = name.length
  for (let index = 0; index < length; index += 1) {
    const unit = name.charCodeAt(index)
    if (unit > 127) {
      length = bytes.write(name, start)
      break
    }
    bytes[start + index] = unit
  }
  bytes[at] = length & 0xff
  bytes[at + 1] = length >>> 8
  return start + length
}

const HEADER_BYTES = 40
/** Enough for the longest tmax. */
const TMAX_BITS = 0x1fff
/** The bits above: what an entry has beside the necessary. */
const HAS_REASONS = 0x4000
const HAS_NOTICES = 0x8000
/** Beside the bidder's id, with its length. */
const RESPONSE_BYTES = 15
const REASON_BYTES = 1
/** Ids have 128 characters at most, of up to three bytes for each UTF-16 unit, and a length. */
const NAME_BYTES_MAX = 2 + 3 * 128

const UUID_CHARACTERS = 36
const HYPHEN = '-'.charCodeAt(0)
const HEX = Uint8Array.from({ length: 128 }, (_, code) => {
  const digit = Number.parseInt(String.fromCharCode(code), 16)
  return Number.isNaN(digit) ? 0 : digit
})
