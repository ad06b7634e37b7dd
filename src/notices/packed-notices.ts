import type { Notice, NoticeKind } from './types.ts'

/**
 * An auction's notices on their way to the log. Little-endian, one after the other:
 *
 *     kind        u8, the code of its letter
 *     bidder id   u16 length, UTF-8
 *     URL         u16 length, UTF-8
 *
 * and at the end how many bytes all of these have, u32, so that they are found from there.
 */
export function packNotices(notices: readonly Notice[], bytes: Buffer, view: DataView, start: number): number {
  let at = start
  for (const { kind, bidderId, url } of notices) {
    bytes[at] = KIND_CODES[kind]
    at = packText(bidderId, bytes, view, at + 1)
    at = packText(url, bytes, view, at)
  }
  view.setUint32(at, at - start, true)
  return at + SIZE_BYTES
}

/** At most so many bytes they take. */
export function noticesBytesMax(notices: readonly Notice[]): number {
  let bytes = SIZE_BYTES
  // A UTF-16 unit has three bytes of UTF-8 at most.
  for (const { bidderId, url } of notices) bytes += NOTICE_BYTES + 3 * (bidderId.length + url.length)
  return bytes
}

/**
 * Where the notices that end at a place begin.
 * @throws RangeError where they cannot
 */
export function startOfNotices(view: DataView, end: number): number {
  return end - SIZE_BYTES - view.getUint32(end - SIZE_BYTES, true)
}

/** The notices that end at a place. */
export function readNotices(bytes: Buffer, end: number): Notice[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const notices: Notice[] = []
  const last = end - SIZE_BYTES
  for (let at = startOfNotices(view, end); at < last; ) {
    const kind = KINDS.get(bytes[at] ?? 0) ?? 'LOSS'
    const idEnd = at + 3 + view.getUint16(at + 1, true)
    const urlEnd = idEnd + 2 + view.getUint16(idEnd, true)
    notices.push({
      bidderId: bytes.toString('utf8', at + 3, idEnd),
      kind,
      url: bytes.toString('utf8', idEnd + 2, urlEnd),
    })
    at = urlEnd
  }
  return notices
}

function packText(text: string, bytes: Buffer, view: DataView, at: number): number {
  const length = bytes.write(text, at + 2)
  view.setUint16(at, length, true)
  return at + 2 + length
}

const KIND_CODES: Readonly<Record<NoticeKind, number>> = {
  WIN: 'w'.charCodeAt(0),
  LOSS: 'l'.charCodeAt(0),
  BILLING: 'b'.charCodeAt(0),
}
const KINDS = new Map(Object.entries(KIND_CODES).map(([kind, code]) => [code, kind as NoticeKind]))

const SIZE_BYTES = 4
/** Beside the texts: the kind and two lengths. */
const NOTICE_BYTES = 5
