import fc from 'fast-check'

/**
 * Valid texts with some of their bytes changed. A text's bytes are characters of Latin-1 each, so that a counterexample can
 * be read, and need not be UTF-8.
 */
export function editedBytes(texts: readonly string[]): fc.Arbitrary<string> {
  return fc
    .record({ text: fc.constantFrom(...texts), edits: fc.array(byteEdits, { minLength: 1, maxLength: 4 }) })
    .map(({ text, edits }) => edits.reduce(editBytes, Buffer.from(text).toString('latin1')))
}

/** JSON texts of valid values, of which some parts are replaced by what they never are, left out or added. */
export function editedJson(values: readonly object[]): fc.Arbitrary<string> {
  return fc
    .record({ value: fc.constantFrom(...values), edits: fc.array(jsonEdits, { minLength: 1, maxLength: 4 }) })
    .map(({ value, edits }) => Buffer.from(editJson(value, edits)).toString('latin1'))
}

/** Where in a text, in ten-thousandths of its length: it stays in the text when that shrinks. */
const places = fc.nat(9999)
const byteEdits = fc.oneof(
  fc.record({ edit: fc.constant('flip' as const), at: places, bit: fc.nat(7) }),
  fc.record({ edit: fc.constant('cut' as const), at: places, length: fc.integer({ min: 1, max: 60 }) }),
  fc.record({
    edit: fc.constant('repeat' as const),
    at: places,
    length: fc.integer({ min: 1, max: 40 }),
    times: fc.integer({ min: 1, max: 50 }),
  }),
  fc.record({
    edit: fc.constant('insert' as const),
    at: places,
    piece: fc.oneof(fc.constantFrom(...oddPieces()), fc.uint8Array({ maxLength: 8 }).map(toLatin1)),
  }),
)
type ByteEdit = typeof byteEdits extends fc.Arbitrary<infer T> ? T : never

function editBytes(text: string, change: ByteEdit): string {
  const at = Math.floor((change.at * text.length) / 10_000)
  const before = text.slice(0, at)
  const after = text.slice(at)
  if (change.edit === 'cut') return before + after.slice(change.length)
  if (change.edit === 'insert') return before + change.piece + after
  if (change.edit === 'repeat') return before + after.slice(0, change.length).repeat(change.times) + after
  return before + String.fromCharCode(after.charCodeAt(0) ^ (1 << change.bit)) + after.slice(1)
}

function oddPieces(): string[] {
  return [
    // Bytes that UTF-8 does not have: an overlong NUL, half a surrogate pair, beyond Unicode, a character's beginning.
    ...[[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf5, 0x80, 0x80, 0x80], [0xe2, 0x82]].map(toLatin1),
    // A byte order mark, line separators, an emoji.
    ...['\ufeff', '\u2028', '😀'].map((text) => Buffer.from(text).toString('latin1')),
    ...[
      '\0',
      '\r\n',
      '"',
      '\\',
      '\\ud800',
      '\\udc00\\ud800',
      '\\u0000',
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '#',
      '"""',
      '$',
      '@',
    ],
    ...['"__proto__":{"polluted":1},', '"constructor":{"prototype":{"polluted":1}},', '"query":"{ __typename }",'],
    ...['"variables":{},', '"extensions":{"persistedQuery":{"version":1,"sha256Hash":"x"}},', 'null', '1e999', '-0'],
    ...[
      '9'.repeat(400),
      '['.repeat(5000),
      '{"a":'.repeat(3000),
      '{a'.repeat(500),
      'x'.repeat(20_000),
      '(a:{b:['.repeat(99),
    ],
  ]
}

const jsonEdits = fc.record({
  edit: fc.constantFrom('replace' as const, 'add' as const, 'remove' as const),
  at: fc.nat(200),
  name: fc.constantFrom('__proto__', 'constructor', 'toJSON', 'length', '', 'query', 'supplyId', 'id', 'ext', 'ip'),
  value: fc.constantFrom(...oddValues()),
})
type JsonEdit = typeof jsonEdits extends fc.Arbitrary<infer T> ? T : never

/** Values are put in as texts: not each can be written by JSON.stringify. */
function editJson(value: object, edits: readonly JsonEdit[]): string {
  const root = { value: structuredClone(value) }
  const all = placesIn(root)
  edits.forEach(({ edit, at, name }, index) => {
    const [holder, key] = all[at % all.length] as Place
    const child = holder[key]
    if (edit === 'replace') holder[key] = markOf(index)
    else if (edit === 'remove' && holder !== root) delete holder[key]
    else if (typeof child === 'object' && child !== null)
      Object.assign(child, { [`${markOf(index)}${name}`]: markOf(index) })
  })
  return edits.reduce(
    (text, { value: odd }, index) => text.replaceAll(`"${markOf(index)}"`, () => odd).replaceAll(markOf(index), ''),
    JSON.stringify(root.value) ?? 'null',
  )
}

type Place = readonly [Record<string, unknown>, string]

function placesIn(holder: object): Place[] {
  return Object.entries(holder).flatMap(([key, child]): Place[] => {
    const place: Place = [holder as Record<string, unknown>, key]
    return typeof child === 'object' && child !== null ? [place, ...placesIn(child)] : [place]
  })
}

function markOf(index: number): string {
  return `@${index}@`
}

function oddValues(): string[] {
  return [
    ...['null', 'true', '0', '-1', '1', '1.5', '-0', '1e308', '1e999', '9007199254740993', '2147483648', '1e-400'],
    ...[
      '""',
      '" "',
      '"7"',
      '"\\u0000"',
      '"\\ud800"',
      '"__proto__"',
      '"constructor"',
      '"toString"',
      '"😀"',
      `"${'x'.repeat(5000)}"`,
    ],
    ...[
      '[]',
      '{}',
      '[null]',
      '[{}]',
      '[[[[]]]]',
      '{"length":1000000000}',
      '{"__proto__":{"polluted":1}}',
      '{"toJSON":1}',
    ],
    ...[
      '{"toString":1,"valueOf":null}',
      '{"a":1,"a":{"a":[]}}',
      '{"constructor":{"prototype":{"polluted":1}}}',
      '["US","US"]',
    ],
    `${'['.repeat(60)}${']'.repeat(60)}`,
    `${'['.repeat(20_000)}${']'.repeat(20_000)}`,
    `${'{"a":'.repeat(9000)}1${'}'.repeat(9000)}`,
    '1'.repeat(400),
  ]
}

function toLatin1(bytes: Iterable<number>): string {
  return Buffer.from([...bytes]).toString('latin1')
}
