import type { SessionAnswer } from './run-session.ts'
import { type FuzzAnswer, RESULT, STREAM } from './send-request.ts'

/** @throws where an answer is not one that clients may see */
export function judgeAnswer(answer: FuzzAnswer, method = 'POST'): void {
  const { status, headers, text } = answer
  const type = String(headers['content-type'])
  if (!OTHER_TYPE.test(type)) judgeText(text)
  if (!STATUSES.has(status)) throw new Error(`The status ${status}`)
  if (status < 400 || method === 'HEAD' || isOfNode(answer)) return
  // A stream may have been left before it said anything.
  if (STREAM.test(type)) return
  if (!JSON_TYPE.test(type) || !resultsIn(text).some(({ errors }) => errors)) {
    throw new Error(`The status ${status} without a coded error: ${JSON.stringify(headers)} ${text}`)
  }
}

/** Of all that came back over one connection. */
export function judgeRaw(text: string): void {
  judgeText(text)
  for (const [, status] of text.matchAll(/^HTTP\/1\.1 (\d{3})/gm)) {
    if (!STATUSES.has(Number(status)) && !OF_NODE.has(Number(status))) throw new Error(`The status ${status}`)
  }
}

export function judgeSession({ status, messages, closeCode, closeReason }: SessionAnswer): void {
  if (!SESSION_STATUSES.has(status)) throw new Error(`The status ${status} of a handshake`)
  for (const message of messages) judgeText(message)
  if (LEAK.test(closeReason)) throw new Error(`The reason ${closeReason}`)
  if (closeCode !== undefined && !CLOSE_CODES.has(closeCode)) throw new Error(`Closed with ${closeCode} ${closeReason}`)
}

/** How many auctions of a request were held, as its results say. */
export function heldIn(texts: readonly string[]): number {
  let held = 0
  for (const { data, errors = [] } of texts.flatMap(resultsIn)) {
    for (const [name, value] of Object.entries(data ?? {})) {
      if (isObject(value) && HELD.has(value.__typename as string)) held += 1
      // What of it was asked for could not be told.
      else if (value === null && errors.some(({ path }) => path?.[0] === name && path.length > 1)) held += 1
    }
  }
  return held
}

interface Result {
  readonly data?: Readonly<Record<string, unknown>> | null
  readonly errors?: readonly {
    readonly message?: unknown
    readonly path?: readonly unknown[]
    readonly extensions?: { readonly code?: unknown }
  }[]
}

/** Results of every media type, and those in messages of the WebSocket protocol. */
function resultsIn(text: string): Result[] {
  const results: Result[] = []
  for (const [, line] of text.matchAll(new RegExp(RESULT, 'g'))) {
    const json = parse(line as string)
    if (!isObject(json)) continue
    const { type, payload } = json
    if (type === 'error' && Array.isArray(payload)) results.push({ errors: payload })
    else if (type === 'next' && isObject(payload)) results.push(payload)
    else if (type === undefined) results.push(json)
  }
  return results
}

function judgeText(text: string): void {
  const leak = LEAK.exec(text)
  if (leak) throw new Error(`It says "${text.slice(Math.max(0, leak.index - 100), leak.index + 200)}"`)
  for (const { errors } of resultsIn(text)) {
    if (errors !== undefined && errors.length === 0) throw new Error('Errors without one')
    for (const { message, extensions } of errors ?? []) {
      if (typeof message !== 'string' || message === '') throw new Error(`An error without a message: ${text}`)
      if (!CODES.has(extensions?.code)) throw new Error(`The code ${extensions?.code}: ${message}`)
    }
  }
}

/** Node refuses what it cannot read, and what it does not take, before the service sees it. */
function isOfNode({ status, headers, text }: FuzzAnswer): boolean {
  return (
    text === '' &&
    OF_NODE.has(status) &&
    headers['content-type'] === undefined &&
    headers['content-length'] === undefined
  )
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

/** What stands in stacks, paths and the messages of libraries, and in none of ours. */
const LEAK =
  /INTERNAL_SERVER_ERROR|Unexpected error|\n\s+at |\\n\s+at |node_modules|\/(src|dist|work|home)\/|\.[mc]?[jt]s:\d|Cannot (read|set|convert|destructure)|is not (a function|iterable|a constructor)|(Syntax|Type|Range|Reference|URI)Error|Maximum call stack|[Pp]risma|invalid input syntax|ECONN|undefined|\[object /
const STATUSES = new Set([200, 204, 302, 304, 400, 403, 404, 405, 406, 413, 415, 421, 422, 429, 503])
/** GraphiQL, which is a program, and what Prometheus is told, which names each code, also those that never came. */
const OTHER_TYPE = /^(text\/html|text\/plain; version=|application\/openmetrics-text)/
const JSON_TYPE = /^application\/(graphql-response\+)?json/
const OF_NODE = new Set([100, 101, 400, 408, 417, 431, 426])
const SESSION_STATUSES = new Set([0, 101, 400, 403, 404, 405, 421, 426, 503])
/** Those of RFC 6455 for what a client does wrong, and those of graphql-transport-ws. */
const CLOSE_CODES = new Set([1000, 1001, 1002, 1003, 1005, 1007, 1009, 4400, 4401, 4406, 4408, 4409, 4429])
const HELD = new Set(['Auction', 'NoBidsError', 'NoEligibleBiddersError'])
const CODES = new Set<unknown>([
  'BAD_REQUEST',
  'BAD_USER_INPUT',
  // Of a machine that is too busy for its database.
  'DATABASE_UNAVAILABLE',
  'FORBIDDEN_ORIGIN',
  'GRAPHQL_PARSE_FAILED',
  'GRAPHQL_VALIDATION_FAILED',
  'IDEMPOTENCY_KEY_REUSED',
  'METHOD_NOT_ALLOWED',
  'MISDIRECTED_REQUEST',
  'NOT_ACCEPTABLE',
  'NOT_FOUND',
  'OPERATION_RESOLUTION_FAILURE',
  'OVERLOADED',
  'PAYLOAD_TOO_LARGE',
  'PERSISTED_QUERY_NOT_SUPPORTED',
  'RANGE_TOO_LARGE',
  'RATE_LIMITED',
  'SUPPLY_NOT_FOUND',
  'TOO_MANY_CONNECTIONS',
  'TOO_MANY_SUBSCRIPTIONS',
  'UNSUPPORTED_MEDIA_TYPE',
])
