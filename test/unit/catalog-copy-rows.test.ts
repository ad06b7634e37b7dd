import { describe, expect, it } from 'vitest'
import { createCopyRows } from '../../src/catalog/copy-rows.ts'
import fc from '../support/fast-check.ts'

const SIGNATURE = Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1')

function field(text: string | null): Buffer {
  if (text === null) return Buffer.from([0xff, 0xff, 0xff, 0xff])
  const length = Buffer.alloc(4)
  length.writeUInt32BE(Buffer.byteLength(text))
  return Buffer.concat([length, Buffer.from(text)])
}

type Row = readonly [string, string, string | null]

function copyOf(rows: readonly Row[]): Buffer {
  const tuples = rows.map((row) => Buffer.concat([Buffer.from([0, 3]), ...row.map(field)]))
  return Buffer.concat([SIGNATURE, Buffer.alloc(8), ...tuples, Buffer.from([0xff, 0xff])])
}

describe('createCopyRows', () => {
  it('should read every row, wherever the bytes are cut', () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 12 })
    const rowsOf = fc.array(fc.tuple(text, text, fc.option(text)), { maxLength: 20 })
    fc.assert(
      fc.property(rowsOf, fc.integer({ min: 1, max: 40 }), (rows, size) => {
        const bytes = copyOf(rows)
        const read: Row[] = []
        const push = createCopyRows((chunk, a, b, c, d, e, f) =>
          read.push([
            chunk.toString('utf8', a, b),
            chunk.toString('utf8', c, d),
            f < e ? null : chunk.toString('utf8', e, f),
          ]),
        )
        for (let at = 0; at < bytes.length; at += size) push(bytes.subarray(at, at + size))
        expect(read).toEqual(rows)
      }),
    )
  })
})
