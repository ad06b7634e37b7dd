import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createCopyRows } from '../../src/catalog/copy-rows.ts'

const SIGNATURE = Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1')

function field(text: string): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(Buffer.byteLength(text))
  return Buffer.concat([length, Buffer.from(text)])
}

function copyOf(rows: readonly (readonly [string, string])[]): Buffer {
  const tuples = rows.map(([first, second]) => Buffer.concat([Buffer.from([0, 2]), field(first), field(second)]))
  return Buffer.concat([SIGNATURE, Buffer.alloc(8), ...tuples, Buffer.from([0xff, 0xff])])
}

describe('createCopyRows', () => {
  it('should read every row, wherever the bytes are cut', () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 12 })
    fc.assert(
      fc.property(fc.array(fc.tuple(text, text), { maxLength: 20 }), fc.integer({ min: 1, max: 40 }), (rows, size) => {
        const bytes = copyOf(rows)
        const read: [string, string][] = []
        const push = createCopyRows((chunk, a, b, c, d) =>
          read.push([chunk.toString('utf8', a, b), chunk.toString('utf8', c, d)]),
        )
        for (let at = 0; at < bytes.length; at += size) push(bytes.subarray(at, at + size))
        expect(read).toEqual(rows)
      }),
    )
  })
})
