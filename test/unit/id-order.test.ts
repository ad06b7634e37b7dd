import { describe, expect, it } from 'vitest'
import { compareIds } from '../../src/id-order.ts'
import fc from '../support/fast-check.ts'

describe('compareIds', () => {
  it('should be the order of UTF-8 bytes', () => {
    const character = fc.constantFrom(
      'a',
      'b',
      'é',
      '\ud7ff',
      '\ue000',
      '\uffff',
      '\u{10000}',
      '\u{1f600}',
      '\u{10ffff}',
    )
    const id = fc.string({ unit: character, maxLength: 4 })
    fc.assert(
      fc.property(id, id, (a, b) => {
        expect(Math.sign(compareIds(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)))
      }),
      { numRuns: 2_000 },
    )
  })
})
