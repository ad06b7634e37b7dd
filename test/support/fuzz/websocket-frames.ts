/** A frame of RFC 6455 as it goes out. Its payload's bytes are characters of Latin-1. */
export interface Frame {
  readonly isLast: boolean
  /** The three reserved bits. */
  readonly reserved: number
  readonly opcode: number
  readonly isMasked: boolean
  readonly payload: string
  /** How much longer it says to be than it is. */
  readonly missing: number
}

/** A message of one frame, but for what is said. */
export function frame(of: Partial<Frame>): Frame {
  return { isLast: true, reserved: 0, opcode: 1, isMasked: true, payload: '', missing: 0, ...of }
}

/** The mask is of zeros: it changes nothing. */
export function encode({ isLast, reserved, opcode, isMasked, payload, missing }: Frame): Buffer {
  const bytes = Buffer.from(payload, 'latin1')
  const length = bytes.length + missing
  const isShort = length < 126
  const isMiddling = length < 65_536
  const head = Buffer.alloc(isShort ? 2 : isMiddling ? 4 : 10)
  head[0] = (isLast ? 0x80 : 0) | (reserved << 4) | opcode
  head[1] = (isMasked ? 0x80 : 0) | (isShort ? length : isMiddling ? 126 : 127)
  if (!isShort && isMiddling) head.writeUInt16BE(length, 2)
  else if (!isShort) head.writeBigUInt64BE(BigInt(length), 2)
  return Buffer.concat([head, Buffer.alloc(isMasked ? 4 : 0), bytes])
}

/** The first frame of what a server sent; undefined where it has not arrived. */
export function decode(bytes: Buffer): { opcode: number; payload: Buffer; length: number } | undefined {
  if (bytes.length < 2) return undefined
  const short = (bytes[1] as number) & 0x7f
  const start = short < 126 ? 2 : short === 126 ? 4 : 10
  if (bytes.length < start) return undefined
  const size = short < 126 ? short : short === 126 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2))
  if (bytes.length < start + size) return undefined
  return { opcode: (bytes[0] as number) & 0x0f, payload: bytes.subarray(start, start + size), length: start + size }
}
