import { describe, expect, it } from 'vitest'
import { numberArray, textArray } from '../../src/history/array-literal.ts'

// That PostgreSQL reads them as what they were is shown in test/integration/auction-log.test.ts.
describe('textArray', () => {
  it.each([
    ['nothing', [], '{}'],
    ['null beside a text that looks like it', [null, 'NULL'], '{NULL,"NULL"}'],
    ['an empty text', [''], '{""}'],
    ['quotes and backslashes', ['a"b', 'c\\d', '\\"'], '{"a\\"b","c\\\\d","\\\\\\""}'],
    ['braces, commas and spaces', ['{', 'a,b', ' '], '{"{","a,b"," "}'],
    ['an array within', [textArray(['a"b'])], '{"{\\"a\\\\\\"b\\"}"}'],
  ])('should write %s', (_what, values, literal) => {
    expect(textArray(values)).toBe(literal)
  })
})

describe('numberArray', () => {
  it('should write numbers, also large ones, and null', () => {
    expect(numberArray([])).toBe('{}')
    expect(numberArray([1, -2, 0.5, null, 2 ** 53, 10n ** 18n])).toBe(
      '{1,-2,0.5,NULL,9007199254740992,1000000000000000000}',
    )
  })
})
