import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DataFileError, parseDataFile } from '../../src/catalog/data-file.ts'
import { formatDataFile } from '../../src/catalog/generate.ts'
import { readDataFile } from '../../src/catalog/read-data-file.ts'
import { settingsText } from '../../src/catalog/supply-settings.ts'
import type { SupplySettings } from '../../src/catalog/types.ts'
import { arbitraryCatalog } from '../support/arbitrary-catalog.ts'
import fc from '../support/fast-check.ts'

const BIDDERS = '"bidders": {"acme": {"country": "US"}, "bolt": {"country": "GB"}}'

function problem(text: string): string {
  try {
    parseDataFile(text, 'data.json')
  } catch (error) {
    if (error instanceof DataFileError) return error.message
    throw error
  }
  return 'no problem'
}

describe('parseDataFile', () => {
  it('should read supplies and bidders', () => {
    const data = parseDataFile(`{"supplies": {"news": ["bolt", "acme"], "new-one": []}, ${BIDDERS}}`, 'data.json')

    expect([...data.supplies]).toEqual([
      ['news', ['bolt', 'acme']],
      ['new-one', []],
    ])
    expect([...data.bidders]).toEqual([
      ['acme', 'US'],
      ['bolt', 'GB'],
    ])
  })

  it('should take a byte order mark, any white space, escapes and names that objects have of their own', () => {
    const text =
      '\uFEFF{\r\n\t"bidders": {"constructor": {"country": "U\\u0053"}},\n "supplies": {"toString": ["constructor"]}}'

    const data = parseDataFile(text, 'data.json')

    expect(data.bidders.get('constructor')).toBe('US')
    expect(data.supplies.get('toString')).toEqual(['constructor'])
  })

  it('should take an id of 128 characters, whatever their size in memory', () => {
    const id = '😀'.repeat(128)

    const data = parseDataFile(JSON.stringify({ supplies: { [id]: [id] }, bidders: { [id]: { country: 'FR' } } }), 'f')

    expect(data.supplies.get(id)).toEqual([id])
  })

  it.each([
    // Not JSON.
    ['', 'data.json is not JSON: it is empty (line 1, column 1).'],
    [' \n ', 'data.json is not JSON: it is empty (line 2, column 2).'],
    ['<html>', 'data.json is not JSON: "<html>" cannot be here (line 1, column 1).'],
    [
      `{"supplies": {},\n  ${BIDDERS},}`,
      'data.json is not JSON: a name in double quotes is expected, not "}" (line 2, column 69).',
    ],
    [
      '{"supplies": {"news": ["acme" "bolt"]}}',
      'data.json is not JSON: a comma is missing before "\\"bolt\\"" (line 1, column 31).',
    ],
    ['{"supplies" {}}', 'data.json is not JSON: a colon is missing before "{" (line 1, column 13).'],
    ['{"supplies": }', 'data.json is not JSON: a value is expected, not "}" (line 1, column 14).'],
    ['{"supplies": {', 'data.json is not JSON: it ends too early (line 1, column 15).'],
    ['{supplies: {}}', 'data.json is not JSON: "supplies" cannot be here (line 1, column 2).'],
    ['{// note\n}', 'data.json is not JSON: it has a comment (line 1, column 2).'],
    ['{"supplies": {"news\n": []}}', 'data.json is not JSON: a text is not closed (line 1, column 15).'],
    [
      '{"supplies": {"a\tb": []}}',
      'data.json is not JSON: a control character that is not escaped, in "\\"a\\tb\\"" (line 1, column 15).',
    ],
    ['{"supplies": {"\\x": []}}', 'data.json is not JSON: an unknown escape, in "\\"\\\\x\\"" (line 1, column 15).'],
    [`{"supplies": {"news": []}, ${BIDDERS}} x`, 'data.json is not JSON: "x" cannot be here (line 1, column 95).'],
    [
      `{"supplies": {"news": []}, ${BIDDERS}}{}`,
      'data.json is not JSON: nothing may follow its end, but "{" does (line 1, column 94).',
    ],
    // Wrong shape.
    ['[]', 'data.json must be {"supplies": …, "bidders": …}, not a list (line 1, column 1).'],
    ['42', 'data.json must be {"supplies": …, "bidders": …}, not the number 42 (line 1, column 1).'],
    ['null', 'data.json must be {"supplies": …, "bidders": …}, not null (line 1, column 1).'],
    ['{}', 'data.json: supplies is missing.'],
    ['{"supplies": {"news": []}}', 'data.json: bidders is missing.'],
    [`{${BIDDERS}}`, 'data.json: supplies is missing.'],
    ['{"supplies": []}', 'data.json: supplies must be an object, not a list (line 1, column 14).'],
    ['{"bidders": null}', 'data.json: bidders must be an object, not null (line 1, column 13).'],
    ['{"version": 1}', 'data.json: version is not known; a file has supplies and bidders (line 1, column 2).'],
    ['{"supplies": {"news": {}}}', 'data.json: supplies.news.bidders is missing (line 1, column 23).'],
    [
      '{"supplies": {"news": "acme"}}',
      'data.json: supplies.news must be a list of bidder ids, or an object such as {"bidders": ["acme"], "floor": 0.1}, not a text (line 1, column 23).',
    ],
    [
      '{"supplies": {"news": ["acme", 7]}}',
      'data.json: supplies.news[1] must be a bidder’s id, not the number 7 (line 1, column 32).',
    ],
    [
      '{"supplies": {"a.b": [[]]}}',
      'data.json: supplies["a.b"][0] must be a bidder’s id, not a list (line 1, column 23).',
    ],
    [
      '{"supplies": {"news": [{}]}}',
      'data.json: supplies.news[0] must be a bidder’s id, not an object (line 1, column 24).',
    ],
    [
      '{"bidders": {"acme": "US"}}',
      'data.json: bidders.acme must be an object such as {"country": "US"}, not a text (line 1, column 22).',
    ],
    [
      '{"bidders": {"acme": []}}',
      'data.json: bidders.acme must be an object such as {"country": "US"}, not a list (line 1, column 22).',
    ],
    ['{"bidders": {"acme": {}}}', 'data.json: bidders.acme.country is missing (line 1, column 22).'],
    [
      '{"bidders": {"acme": {"country": true}}}',
      'data.json: bidders.acme.country must be a country code, such as "US", not the boolean true (line 1, column 34).',
    ],
    [
      '{"bidders": {"acme": {"country": ["US"]}}}',
      'data.json: bidders.acme.country must be a country code, such as "US", not a list (line 1, column 34).',
    ],
    [
      '{"bidders": {"acme": {"country": {}}}}',
      'data.json: bidders.acme.country must be a country code, such as "US", not an object (line 1, column 34).',
    ],
    [
      '{"bidders": {"acme": {"country": "US", "bid": 1}}}',
      'data.json: bidders.acme.bid is not known; a bidder has country, endpoint, timeoutMs, maxQps, maxInFlight, headers and gzip (line 1, column 47).',
    ],
    // Countries.
    [
      '{"bidders": {"acme": {"country": "us"}}}',
      'data.json: bidders.acme.country is "us", and must be in upper case: "US" (line 1, column 34).',
    ],
    [
      '{"bidders": {"acme": {"country": "XX"}}}',
      'data.json: bidders.acme.country is "XX", and must be an ISO 3166-1 alpha-2 country code, such as "US" (line 1, column 34).',
    ],
    [
      '{"bidders": {"acme": {"country": ""}}}',
      'data.json: bidders.acme.country is "", and must be an ISO 3166-1 alpha-2 country code, such as "US" (line 1, column 34).',
    ],
    // Contents.
    [`{"supplies": {}, ${BIDDERS}}`, 'data.json: supplies is empty; define one at least.'],
    [
      `{"supplies": {"news": ["acme", "acmee"]}, ${BIDDERS}}`,
      'data.json: supplies.news[1] is "acmee", which is not defined under bidders (line 1, column 32).',
    ],
    [
      '{"supplies": {"news": ["toString"]}, "bidders": {}}',
      'data.json: supplies.news[0] is "toString", which is not defined under bidders (line 1, column 24).',
    ],
    [
      `{"supplies": {"news": ["acme", "bolt", "acme"]}, ${BIDDERS}}`,
      'data.json: supplies.news[2] repeats "acme"; name each bidder once (line 1, column 40).',
    ],
    // The same key twice, which JSON.parse would let pass.
    ['{"supplies": {"news": [], "news": []}}', 'data.json: supplies.news is defined twice (line 1, column 27).'],
    [`{${BIDDERS}, ${BIDDERS}}`, 'data.json: bidders is there twice; put both together (line 1, column 69).'],
    [
      '{"bidders": {"a": {"country": "US"}, "\\u0061": {"country": "US"}}}',
      'data.json: bidders.a is defined twice (line 1, column 38).',
    ],
    [
      '{"bidders": {"a": {"country": "US", "country": "US"}}}',
      'data.json: bidders.a.country is there twice (line 1, column 37).',
    ],
    // Ids.
    ['{"supplies": {"": []}}', 'data.json: supplies[""] is an empty id; give it a name (line 1, column 15).'],
    [
      '{"bidders": {"__proto__": {}}}',
      'data.json: bidders.__proto__ cannot be an id; choose another name (line 1, column 14).',
    ],
    [
      '{"supplies": {" news": []}}',
      'data.json: supplies[" news"] must not begin or end with white space (line 1, column 15).',
    ],
    [
      '{"supplies": {"a\\u0000b": []}}',
      'data.json: supplies["a\\u0000b"] must not have control characters or line breaks (line 1, column 15).',
    ],
    [
      '{"supplies": {"a\u2028b": []}}',
      'data.json: supplies["a\uFFFDb"] must not have control characters or line breaks (line 1, column 15).',
    ],
    [
      '{"supplies": {"a\\ud800": []}}',
      'data.json: supplies["a\\ud800"] is not valid Unicode: it has half a surrogate pair (line 1, column 15).',
    ],
    [
      `{"supplies": {"${'x'.repeat(129)}": []}}`,
      `data.json: supplies["${'x'.repeat(60)}…"] is 129 characters long; an id has at most 128 (line 1, column 15).`,
    ],
  ])('should say what is wrong with %j', (text, message) => {
    expect(problem(text)).toBe(message)
  })

  it('should end at the first problem of a deeply nested file', () => {
    expect(problem('['.repeat(1_000_000))).toMatch(/^data.json must be/)
    expect(problem(`{"supplies": ${'{"a":'.repeat(1_000_000)}`)).toMatch(
      /^data.json: supplies[.a]+ is nested too deeply; put at most 12 lists and objects into each other \(line 1,/,
    )
  })

  it('should agree with JSON.parse on what is JSON', () => {
    const good = JSON.stringify({ supplies: { 'a"\\é': ['b'], c: [] }, bidders: { b: { country: 'US' } } }, null, 1)
    const edit = fc.record({
      at: fc.nat(good.length),
      removed: fc.nat(2),
      inserted: fc.constantFrom(
        '',
        '{',
        '}',
        '[',
        ']',
        ',',
        ':',
        '"',
        '\\',
        '/',
        '\n',
        '\u0000',
        '\u00A0',
        'u',
        '1',
        'null',
      ),
    })

    fc.assert(
      fc.property(fc.array(edit, { maxLength: 2 }), (edits) => {
        const text = edits.reduce(
          (t, { at, removed, inserted }) => t.slice(0, at) + inserted + t.slice(at + removed),
          good,
        )
        // A file with a wrong shape may also be no JSON, further on: only what passes or fails as JSON is compared.
        const found = problem(text)
        if (found === 'no problem') JSON.parse(text)
        else if (found.includes('is not JSON')) expect(() => JSON.parse(text)).toThrow()
        else expect(found).toMatch(/^data\.json[: ].+\.$/)
      }),
      { numRuns: 2000 },
    )
  })

  it('should give back every catalogue that was written as JSON', () => {
    fc.assert(
      fc.property(arbitraryCatalog, (catalog) => {
        const text = [...formatDataFile(catalog)].join('')
        const isSaid = (settings: SupplySettings) => settingsText(settings) !== undefined
        const settings = new Map([...catalog.settings].filter(([, value]) => isSaid(value)))

        expect(parseDataFile(text, 'data.json', { A: 'a secret' })).toEqual({ ...catalog, settings })
        const { supplies, bidders } = JSON.parse(text)
        expect(Object.keys(supplies)).toEqual(Object.keys(Object.fromEntries(catalog.supplies)))
        expect(Object.keys(bidders)).toEqual(Object.keys(Object.fromEntries(catalog.bidders)))
      }),
    )
  })
})

describe('readDataFile', () => {
  let folder: string

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'data-file-'))
  })
  afterAll(() => {
    rmSync(folder, { recursive: true })
  })

  it('should read a file', async () => {
    const file = join(folder, 'good.json')
    writeFileSync(file, `\uFEFF{"supplies": {"news": ["acme"]}, ${BIDDERS}}`)

    expect((await readDataFile(file)).supplies.size).toBe(1)
  })

  it('should say that a file does not exist', async () => {
    const file = join(folder, 'none.json')

    await expect(readDataFile(file)).rejects.toThrow(
      `${file} does not exist; \`auction generate-input-json --output ${file}\` makes one.`,
    )
  })

  it('should say that a folder is no file', async () => {
    await expect(readDataFile(folder)).rejects.toThrow(`${folder} is a directory; name a file.`)
  })

  it('should refuse what is not UTF-8', async () => {
    const file = join(folder, 'utf-16.json')
    writeFileSync(file, Buffer.from('\uFEFF{"supplies": {}}', 'utf16le'))

    await expect(readDataFile(file)).rejects.toThrow(`${file} is not UTF-8 text; save it in that encoding.`)
  })

  it('should refuse a file that is too large, and one without end', async () => {
    const file = join(folder, 'large.json')
    writeFileSync(file, ' '.repeat(3_000_001))

    await expect(readDataFile(file, { maxBytes: 3_000_000 })).rejects.toThrow(
      `${file} is too large: a data file has at most 3 MB.`,
    )
    await expect(readDataFile('/dev/zero', { maxBytes: 3_000_000 })).rejects.toThrow('/dev/zero is too large')
  })
})
