/** Told where in the bytes a row's three columns are; of the third, a null ends before it starts. */
export type OnCopyRow = (
  bytes: Buffer,
  firstStart: number,
  firstEnd: number,
  secondStart: number,
  secondEnd: number,
  thirdStart: number,
  thirdEnd: number,
) => void

/**
 * Reads rows of three columns, of which the third alone may be null, from COPY's binary format, cut into chunks anywhere.
 * https://www.postgresql.org/docs/15/sql-copy.html#id-1.9.3.55.9.4
 */
export function createCopyRows(onRow: OnCopyRow): (chunk: Buffer) => void {
  let rest: Buffer | undefined
  let isHeaderDue = true

  return (chunk) => {
    const bytes = rest === undefined ? chunk : Buffer.concat([rest, chunk])
    let at = 0
    if (isHeaderDue && bytes.length >= HEADER_BYTES) {
      at = HEADER_BYTES
      isHeaderDue = false
    }
    while (!isHeaderDue && at + ROW_HEAD_BYTES <= bytes.length) {
      const firstStart = at + ROW_HEAD_BYTES
      const firstEnd = firstStart + bytes.readUInt32BE(at + COUNT_BYTES)
      const secondStart = firstEnd + LENGTH_BYTES
      if (secondStart > bytes.length) break
      const secondEnd = secondStart + bytes.readUInt32BE(firstEnd)
      const thirdStart = secondEnd + LENGTH_BYTES
      if (thirdStart > bytes.length) break
      // A null's length is -1.
      const thirdEnd = thirdStart + bytes.readInt32BE(secondEnd)
      if (thirdEnd > bytes.length) break
      onRow(bytes, firstStart, firstEnd, secondStart, secondEnd, thirdStart, thirdEnd)
      at = Math.max(thirdStart, thirdEnd)
    }
    rest = at < bytes.length ? bytes.subarray(at) : undefined
  }
}

/** A signature of 11 bytes, flags, and the length of what follows them, which is nothing. */
const HEADER_BYTES = 19
/** How many columns a row has; the end is told by -1 there, with nothing behind it. */
const COUNT_BYTES = 2
const LENGTH_BYTES = 4
const ROW_HEAD_BYTES = COUNT_BYTES + LENGTH_BYTES
