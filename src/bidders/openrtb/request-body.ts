import { constants, crc32, deflateRawSync } from 'node:zlib'

/** One auction's bid request as bytes, to each of its bidders with the time that it has. */
export interface RequestBody {
  /** @param tmaxMs a whole number */
  plain(tmaxMs: number): Buffer
  /** The same, compressed. What bidders share is compressed once. */
  gzipped(tmaxMs: number): Buffer
}

/** @param beginning all of it but the value of its last member, `tmax`, and the brace behind */
export function createRequestBody(beginning: string): RequestBody {
  const bytes = Buffer.from(beginning)
  let shared: SharedGzip | undefined
  return {
    plain: endings((ending) => {
      const whole = Buffer.allocUnsafe(bytes.length + ending.length)
      bytes.copy(whole)
      whole.write(ending, bytes.length, 'latin1')
      return whole
    }),
    gzipped: endings((ending) => {
      shared ??= compress(bytes)
      return finish(shared, Buffer.from(ending))
    }),
  }
}

/** Bidders that have the same time get the same bytes: most of an auction's do. */
function endings(make: (ending: string) => Buffer): (tmaxMs: number) => Buffer {
  let lastMs = -1
  let last: Buffer | undefined
  return (tmaxMs) => {
    if (last === undefined || tmaxMs !== lastMs) {
      last = make(`${tmaxMs}}`)
      lastMs = tmaxMs
    }
    return last
  }
}

interface SharedGzip {
  /** The header and what was compressed, up to a whole byte. */
  readonly bytes: Buffer
  readonly checksum: number
  readonly length: number
}

/** A gzip file (RFC 1952) that is not finished: flushed, so that any block may follow. */
function compress(beginning: Buffer): SharedGzip {
  const deflated = deflateRawSync(beginning, {
    level: LEVEL,
    windowBits: WINDOW_BITS,
    memLevel: MEMORY_LEVEL,
    finishFlush: constants.Z_SYNC_FLUSH,
  })
  return { bytes: Buffer.concat([GZIP_HEADER, deflated]), checksum: crc32(beginning), length: beginning.length }
}

/** Ends it with a block that is stored as it is (RFC 1951, 3.2.4), and the checksum and length of all. */
function finish({ bytes, checksum, length }: SharedGzip, ending: Buffer): Buffer {
  const whole = Buffer.allocUnsafe(bytes.length + STORED_HEADER_BYTES + ending.length + GZIP_TRAILER_BYTES)
  let at = bytes.copy(whole)
  at = whole.writeUInt8(LAST_STORED_BLOCK, at)
  at = whole.writeUInt16LE(ending.length, at)
  at = whole.writeUInt16LE(~ending.length & 0xffff, at)
  at += ending.copy(whole, at)
  at = whole.writeUInt32LE(crc32(ending, checksum), at)
  whole.writeUInt32LE(length + ending.length, at)
  return whole
}

/** Deflate, no name, no time, from Unix. */
const GZIP_HEADER = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3])
const LAST_STORED_BLOCK = 1
const STORED_HEADER_BYTES = 5
const GZIP_TRAILER_BYTES = 8
/** Bid requests are a few thousand bytes: to find repetitions further apart than that costs memory and finds nothing. */
const LEVEL = 3
const WINDOW_BITS = 12
const MEMORY_LEVEL = 5
