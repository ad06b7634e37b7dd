import { httpOf, httpText, type StoredHttp } from './bidder-http.ts'
import { countryProblem } from './country.ts'
import { fields, objectOf, text, trueOrFalse, wholeNumber, wrongKind } from './data-file-checks.ts'
import { quote } from './data-file-problems.ts'
import type { Fail, Node } from './data-file-tree.ts'
import { HEADER_VALUE, hasBrokenVariable, type Variables, variablesIn, withVariables } from './header-variables.ts'
import type { BidderHttp } from './types.ts'

export interface BidderEntry {
  readonly country: string
  /** Undefined where it is simulated. */
  readonly http: BidderHttp | undefined
}

/** How a bidder is asked, as JSON in UTF-8. */
export const MAX_HTTP_BYTES = 8192
export const MAX_TIMEOUT_MS = 5000

/** Reads what a data file says of a bidder. @param variables those that its headers may refer to */
export function createBidderReader(variables: Variables): (entry: Node, fail: Fail) => BidderEntry {
  const readFields = fields<{ country: string } & StoredHttp>('a bidder', {
    country: text('a country code, such as "US"', countryProblem),
    endpoint: text('a URL such as "https://bid.example/rtb"', endpointProblem),
    timeoutMs: wholeNumber(1, MAX_TIMEOUT_MS),
    maxQps: wholeNumber(1),
    maxInFlight: wholeNumber(1),
    headers: (node, fail) => readHeaders(node, fail, variables),
    gzip: trueOrFalse,
  })
  return (entry, fail) => {
    if (!(entry.value instanceof Map)) return wrongKind(entry, 'an object such as {"country": "US"}', fail)
    const { country, endpoint, ...others } = readFields(entry, fail)
    if (country === undefined) return fail(entry, 'is missing', 'country')
    if (endpoint === undefined) {
      const [name] = Object.keys(others)
      if (name === undefined) return { country, http: undefined }
      return fail(entry.value.get(name) ?? entry, 'needs an endpoint; without one the bidder is simulated')
    }
    const http = httpOf({ endpoint, ...others })
    const bytes = Buffer.byteLength(httpText(http) ?? '')
    if (bytes > MAX_HTTP_BYTES) {
      return fail(
        entry,
        `is too large: endpoint, headers and limits have at most ${MAX_HTTP_BYTES} bytes, these ${bytes}`,
      )
    }
    return { country, http }
  }
}

function endpointProblem(endpoint: string): string | undefined {
  if (endpoint.includes('${')) return 'cannot have variables; headers can'
  // What the URL parser would take away, or mend.
  if (!/^https?:\/\/[^\s\\]+$/i.test(endpoint) || !URL.canParse(endpoint)) {
    return 'must be an absolute URL of http or https, such as "https://bid.example/rtb"'
  }
  const { username, password } = new URL(endpoint)
  if (username !== '' || password !== '') return 'must not have a user or password; send them in a header'
  return endpoint.includes('#') ? 'must not have a fragment; leave out what begins with #' : undefined
}

function readHeaders(node: Node, fail: Fail, variables: Variables): Record<string, string> {
  const headers: Record<string, string> = {}
  const seen = new Set<string>()
  for (const [name, child] of objectOf(node, fail)) {
    const lower = name.toLowerCase()
    if (!HEADER_NAME.test(name)) fail(child, 'is no name of a header; use letters, digits and -')
    if (NOT_YOURS.has(lower)) fail(child, 'is a header that the service sets itself; leave it out')
    if (seen.has(lower)) fail(child, 'is there twice; upper and lower case are the same')
    seen.add(lower)
    headers[name] = readHeader(child, fail, variables)
  }
  return headers
}

function readHeader(node: Node, fail: Fail, variables: Variables): string {
  const { value } = node
  if (typeof value !== 'string') return wrongKind(node, 'a text', fail)
  if (!HEADER_VALUE.test(value)) {
    return fail(node, `is ${quote(value)}, and must be printable ASCII, without white space at its ends`)
  }
  if (hasBrokenVariable(value)) {
    return fail(node, `is ${quote(value)}, and has \${ without a name and }; write \${NAME}`)
  }
  for (const name of variablesIn(value)) {
    if (!variables[name])
      return fail(node, `names the environment variable ${name}, which is not set; set it, or correct its name`)
  }
  // The value of a variable is a secret, and not shown.
  if (!HEADER_VALUE.test(withVariables(value, variables) ?? '')) {
    return fail(
      node,
      `is ${quote(value)}, which cannot be sent: set the variable to printable ASCII, without line breaks`,
    )
  }
  return value
}

/** RFC 9110, 5.1. */
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
/** Those of one connection alone, and those that say what a body is or may be. */
const NOT_YOURS: ReadonlySet<string> = new Set([
  'accept-encoding',
  'connection',
  'content-encoding',
  'content-length',
  'expect',
  'host',
  'http2-settings',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])
