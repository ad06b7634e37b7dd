import { describe, expect, it } from 'vitest'
import { DataFileError, parseDataFile } from '../../src/catalog/data-file.ts'
import { DEFAULT_SUPPLY_SETTINGS } from '../../src/catalog/types.ts'

const VARIABLES = { ACME_TOKEN: 's3cret', EMPTY: '', TWO_LINES: 'a\nb' }
const HTTP = { country: 'US', endpoint: 'https://bid.example/rtb' }

function parse({ bidder = { country: 'US' }, supply = ['acme'] }: { bidder?: unknown; supply?: unknown }) {
  const text = JSON.stringify({ bidders: { acme: bidder }, supplies: { news: supply } })
  return parseDataFile(text, 'f', VARIABLES)
}

/** What is wrong, without the place's line and column. */
function problem(entries: Parameters<typeof parse>[0]): string {
  try {
    parse(entries)
  } catch (error) {
    if (error instanceof DataFileError) return error.message.replace(/^f: | \(line \d+, column \d+\)\.$/g, '')
    throw error
  }
  return 'no problem'
}

describe('a bidder of a data file', () => {
  it('should be asked as it says', () => {
    const headers = { Authorization: 'Bearer ${ACME_TOKEN}', 'x-seat': '7 (test)' }
    const said = {
      endpoint: 'http://[::1]:9000/a?b=c%20d',
      timeoutMs: 120,
      maxQps: 500,
      maxInFlight: 20,
      headers,
      gzip: true,
    }

    expect(parse({ bidder: { country: 'US', ...said } }).http.get('acme')).toEqual(said)
    expect(parse({ bidder: HTTP }).http.get('acme')).toEqual({
      endpoint: 'https://bid.example/rtb',
      timeoutMs: null,
      maxQps: null,
      maxInFlight: null,
      headers: {},
      gzip: false,
    })
    expect(parse({}).http.size).toBe(0)
  })

  it.each<[said: object, message: string]>([
    [{ timeoutMs: 0 }, 'bidders.acme.timeoutMs is 0, and must be a whole number from 1 to 5000'],
    [{ timeoutMs: 5001 }, 'bidders.acme.timeoutMs is 5001, and must be a whole number from 1 to 5000'],
    [{ timeoutMs: '100' }, 'bidders.acme.timeoutMs is "100", and must be a whole number from 1 to 5000'],
    [{ timeoutMs: null }, 'bidders.acme.timeoutMs must be a whole number from 1 to 5000, not null'],
    [{ maxQps: 0.5 }, 'bidders.acme.maxQps is 0.5, and must be a whole number of at least 1'],
    [{ maxInFlight: -1 }, 'bidders.acme.maxInFlight is -1, and must be a whole number of at least 1'],
    [{ maxInFlight: 1e300 }, 'bidders.acme.maxInFlight is 1e+300, and must be a whole number of at least 1'],
    [{ gzip: 1 }, 'bidders.acme.gzip is 1, and must be true or false'],
    [{ endpoint: 7 }, 'bidders.acme.endpoint must be a URL such as "https://bid.example/rtb", not the number 7'],
    ...[
      '',
      'bid.example',
      '/rtb',
      'ftp://bid.example',
      'http:bid.example',
      'https://',
      'https://a b/',
      ' http://a',
      'http://a\\b',
      'http://a:99999',
    ].map<[object, string]>((endpoint) => [
      { endpoint },
      `bidders.acme.endpoint is ${JSON.stringify(endpoint)}, and must be an absolute URL of http or https, such as "https://bid.example/rtb"`,
    ]),
    [
      { endpoint: 'https://me:pass@bid.example/' },
      'bidders.acme.endpoint is "https://me:pass@bid.example/", and must not have a user or password; send them in a header',
    ],
    [
      { endpoint: 'https://bid.example/#' },
      'bidders.acme.endpoint is "https://bid.example/#", and must not have a fragment; leave out what begins with #',
    ],
    [
      { endpoint: 'https://bid.example/${ACME_TOKEN}' },
      'bidders.acme.endpoint is "https://bid.example/${ACME_TOKEN}", and cannot have variables; headers can',
    ],
    [{ endpoint: undefined, gzip: true }, 'bidders.acme.gzip needs an endpoint; without one the bidder is simulated'],
    [
      { qps: 1 },
      'bidders.acme.qps is not known; a bidder has country, endpoint, timeoutMs, maxQps, maxInFlight, headers and gzip',
    ],
    [
      { endpoint: `https://bid.example/${'x'.repeat(8192)}` },
      'bidders.acme is too large: endpoint, headers and limits have at most 8192 bytes, these 8227',
    ],
  ])('should be refused with %j', (said, message) => {
    expect(problem({ bidder: { ...HTTP, ...said } })).toBe(message)
  })

  it.each<[said: object, message: string]>([
    [[], 'bidders.acme.headers must be an object, not a list'],
    [{ a: 1 }, 'bidders.acme.headers.a must be a text, not the number 1'],
    [{ '': 'a' }, 'bidders.acme.headers[""] is no name of a header; use letters, digits and -'],
    [{ 'a b': 'a' }, 'bidders.acme.headers["a b"] is no name of a header; use letters, digits and -'],
    [{ Host: 'a' }, 'bidders.acme.headers.Host is a header that the service sets itself; leave it out'],
    [
      { 'Content-Length': '1' },
      'bidders.acme.headers.Content-Length is a header that the service sets itself; leave it out',
    ],
    [
      { 'Accept-Encoding': 'br' },
      'bidders.acme.headers.Accept-Encoding is a header that the service sets itself; leave it out',
    ],
    [{ TE: 'a' }, 'bidders.acme.headers.TE is a header that the service sets itself; leave it out'],
    [{ 'x-a': 'a', 'X-A': 'b' }, 'bidders.acme.headers.X-A is there twice; upper and lower case are the same'],
    ...['', ' a', 'a ', 'a\r\nb', 'é', 'a\u007F'].map<[object, string]>((value) => [
      { a: value },
      `bidders.acme.headers.a is ${JSON.stringify(value).replace('\u007F', '\uFFFD')}, and must be printable ASCII, without white space at its ends`,
    ]),
    [{ a: '${A' }, 'bidders.acme.headers.a is "${A", and has ${ without a name and }; write ${NAME}'],
    [{ a: '${A B}' }, 'bidders.acme.headers.a is "${A B}", and has ${ without a name and }; write ${NAME}'],
    [
      { a: 'x ${NONE}' },
      'bidders.acme.headers.a names the environment variable NONE, which is not set; set it, or correct its name',
    ],
    [
      { a: '${EMPTY}' },
      'bidders.acme.headers.a names the environment variable EMPTY, which is not set; set it, or correct its name',
    ],
    [
      { a: '${TWO_LINES}' },
      'bidders.acme.headers.a is "${TWO_LINES}", which cannot be sent: set the variable to printable ASCII, without line breaks',
    ],
  ])('should be refused with the headers %j', (headers, message) => {
    expect(problem({ bidder: { ...HTTP, headers } })).toBe(message)
  })
})

describe('a supply of a data file', () => {
  it('should sell as it says', () => {
    const settings = {
      auctionType: 'SECOND_PRICE',
      impression: {
        banner: { format: [{ w: 300, h: 250 }], pos: 1, ext: { deep: [null] } },
        native: { request: '{}' },
      },
      site: { domain: 'news.example', cat: ['IAB12'], publisher: { id: 'p1' } },
      blockedCategories: ['IAB25'],
    }
    const said = { bidders: ['acme'], floor: 0.1234567, blockedAdvertisers: ['Ads.Example'], ...settings }
    const data = parse({ supply: said })

    expect(data.supplies.get('news')).toEqual(['acme'])
    expect(data.settings.get('news')).toEqual({
      ...settings,
      floorMicros: 123_457,
      app: null,
      blockedAdvertisers: ['ads.example'],
    })
  })

  it('should be as one that is a list where it says nothing but its bidders, or what is so by default', () => {
    for (const said of [{}, { floor: 0, auctionType: 'FIRST_PRICE', blockedCategories: [] }, { floor: 1e-9 }]) {
      const { supplies, settings } = parse({ supply: { bidders: ['acme'], ...said } })
      expect([supplies.get('news'), settings.size]).toEqual([['acme'], 0])
    }
  })

  it('should have one object for all that sell alike', () => {
    const supply = { bidders: [], floor: 1, app: { bundle: 'a' } }
    const { settings } = parseDataFile(JSON.stringify({ bidders: {}, supplies: { a: supply, b: supply } }), 'f')

    expect(settings.get('a')).toBe(settings.get('b'))
    expect(settings.get('a')).toEqual({ ...DEFAULT_SUPPLY_SETTINGS, floorMicros: 1_000_000, app: { bundle: 'a' } })
  })

  it.each<[said: object, message: string]>([
    [{ bidders: undefined }, 'supplies.news.bidders is missing'],
    [{ bidders: 'acme' }, 'supplies.news.bidders must be a list of bidder ids, not a text'],
    [{ bidders: [7] }, 'supplies.news.bidders[0] must be a bidder’s id, not the number 7'],
    [{ bidders: ['acme', 'acme'] }, 'supplies.news.bidders[1] repeats "acme"; name each bidder once'],
    [{ bidders: ['acmee'] }, 'supplies.news.bidders[0] is "acmee", which is not defined under bidders'],
    [{ floor: -0.01 }, 'supplies.news.floor is -0.01, and must be a number from 0 to 1000000'],
    [{ floor: 1e7 }, 'supplies.news.floor is 10000000, and must be a number from 0 to 1000000'],
    [{ floor: '1' }, 'supplies.news.floor is "1", and must be a number from 0 to 1000000'],
    [{ auctionType: 'SECOND' }, 'supplies.news.auctionType is "SECOND", and must be "FIRST_PRICE" or "SECOND_PRICE"'],
    [{ auctionType: 2 }, 'supplies.news.auctionType is 2, and must be "FIRST_PRICE" or "SECOND_PRICE"'],
    [
      { sites: {} },
      'supplies.news.sites is not known; a supply has bidders, floor, auctionType, impression, site, app, blockedCategories and blockedAdvertisers',
    ],
    [{ impression: [] }, 'supplies.news.impression must be an object, not a list'],
    [{ impression: {} }, 'supplies.news.impression is empty; put a banner, a video or a native into it'],
    [
      { impression: { baner: {} } },
      'supplies.news.impression.baner is not known; an impression has banner, video and native',
    ],
    [
      { impression: { banner: {} } },
      'supplies.news.impression.banner needs a size: w and h, or format, a list of such',
    ],
    [
      { impression: { banner: { w: 300 } } },
      'supplies.news.impression.banner needs a size: w and h, or format, a list of such',
    ],
    [
      { impression: { banner: { w: 0, h: 1 } } },
      'supplies.news.impression.banner.w is 0, and must be a whole number of at least 1',
    ],
    [
      { impression: { banner: { format: [] } } },
      'supplies.news.impression.banner.format is empty; list sizes such as {"w": 300, "h": 250}',
    ],
    [{ impression: { banner: { format: [{ w: 300 }] } } }, 'supplies.news.impression.banner.format[0] needs w and h'],
    [
      { impression: { banner: { format: [{ w: 300, h: -250 }] } } },
      'supplies.news.impression.banner.format[0].h is -250, and must be a whole number of at least 1',
    ],
    [{ impression: { video: {} } }, 'supplies.news.impression.video.mimes is missing; list types such as "video/mp4"'],
    [
      { impression: { video: { mimes: [] } } },
      'supplies.news.impression.video.mimes is empty; list types such as "video/mp4"',
    ],
    [
      { impression: { video: { mimes: ['a'], h: 0 } } },
      'supplies.news.impression.video.h is 0, and must be a whole number of at least 1',
    ],
    [
      { impression: { native: {} } },
      'supplies.news.impression.native.request is missing; put the native request there, as JSON in a text',
    ],
    [
      { impression: { native: { request: {} } } },
      'supplies.news.impression.native.request must be the native request, as JSON in a text, not an object',
    ],
    [
      { impression: { native: { request: 'a' } } },
      'supplies.news.impression.native.request is "a", and must be the native request as JSON',
    ],
    [{ site: 'news.example' }, 'supplies.news.site must be an object, not a text'],
    [{ site: { domain: 7 } }, 'supplies.news.site.domain must be a text, not the number 7'],
    [{ site: {}, app: {} }, 'supplies.news has a site and an app; choose one'],
    [{ app: { publisher: { id: 7 } } }, 'supplies.news.app.publisher.id must be a text, not the number 7'],
    [
      { site: { name: 'a\0b' } },
      'supplies.news.site.name has the character \\u0000, which cannot be stored; leave it out',
    ],
    [{ site: { 'a\uD800': 1 } }, 'supplies.news.site["a\\ud800"] is not valid Unicode: it has half a surrogate pair'],
    [
      { blockedCategories: [''] },
      'supplies.news.blockedCategories[0] is "", and must not be empty, nor have white space',
    ],
    [
      { blockedAdvertisers: ['https://ads.example/'] },
      'supplies.news.blockedAdvertisers[0] is "https://ads.example/", and must be a domain alone, such as "ads.example"',
    ],
    [
      { blockedCategories: ['x'.repeat(8192)] },
      'supplies.news is too large: all but its bidders has at most 8192 bytes as JSON, this 8218',
    ],
  ])('should be refused with %j', (said, message) => {
    expect(problem({ supply: { bidders: ['acme'], ...said } })).toBe(message)
  })

  it('should be refused with names that objects have of their own, names that are there twice and numbers without end', () => {
    const problemOf = (site: string) => {
      try {
        parseDataFile(`{"bidders": {},\n"supplies": {"news": {"bidders": [], "site": ${site}}}}`, 'f')
      } catch (error) {
        return (error as Error).message
      }
      return 'no problem'
    }
    expect(problemOf('{"constructor": 1, "toString": {}}')).toBe('no problem')
    expect(problemOf('{"__proto__": 1}')).toBe(
      'f: supplies.news.site.__proto__ cannot be a name; choose another (line 2, column 47).',
    )
    expect(problemOf('{"a": 1, "a": 2}')).toBe('f: supplies.news.site.a is there twice (line 2, column 55).')
    expect(problemOf('{"a": 1e999}')).toBe('f: supplies.news.site.a is too large a number (line 2, column 52).')
    expect(problemOf(`${'['.repeat(12)}1${']'.repeat(12)}`)).toMatch(/ is nested too deeply; put at most 12 /)
  })
})
