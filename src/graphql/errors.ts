import { PothosValidationError } from '@pothos/core'
import { type ASTNode, GraphQLError, type GraphQLErrorExtensions } from 'graphql'
import { isDatabaseUnavailable, unusable } from '../db/unavailable.ts'
import { Prisma } from '../generated/prisma/client.ts'
import { ArchiveError } from '../history/archive/archive-error.ts'
import { HistoryError } from '../history/types.ts'
import type { RateLimitPolicy } from '../rate-limit/types.ts'
import { StatsUnavailableError } from '../stats/types.ts'

/** What an error says to an HTTP server, under `extensions.http`; callers do not see it. */
export interface ErrorHttp {
  readonly status?: number
  readonly headers?: Headers
  /** The status is the GraphQL-over-HTTP specification's, which keeps 200 for application/json. */
  readonly spec?: boolean
}

type Headers = Record<string, string>

/** Input that is not allowed; the message names what is. Its status is that of a variable which its type refuses. */
export function badUserInput(message: string): GraphQLError {
  return new GraphQLError(message, { extensions: BAD_USER_INPUT })
}

const BAD_USER_INPUT = { code: 'BAD_USER_INPUT', http: { spec: true, status: 400 } }

/** A request that cannot be read. */
export function badRequest(message: string): GraphQLError {
  return new GraphQLError(message, { extensions: { code: 'BAD_REQUEST', http: { status: 400 } } })
}

/** What asks for the schema where that is not told. */
export function introspectionDisabled(nodes: ASTNode): GraphQLError {
  return new GraphQLError(
    'Introspection is off here: INTROSPECTION=on, set where the service is started, switches it on, and its schema.graphql is the schema.',
    { nodes, extensions: { code: 'INTROSPECTION_DISABLED' } },
  )
}

/** A document with no operation of the name given, or with several and no name. */
export function operationUnknown(): GraphQLError {
  return new GraphQLError('Could not determine what operation to execute.', {
    extensions: { code: 'OPERATION_RESOLUTION_FAILURE', http: { status: 400 } },
  })
}

/**
 * More requests than the rate limit allows. Answered with HTTP status 429, `Retry-After`, and what
 * draft-ietf-httpapi-ratelimit-headers says of a limit: its quota in a window, and when something of that is there again.
 */
export function rateLimited(retryAfterMs: number, policy: RateLimitPolicy): GraphQLError {
  const message = `Too many requests from this address: try again in ${retryAfterMs} ms.`
  return refusedFor(retryAfterMs, 429, 'RATE_LIMITED', message, usedUp('address', retryAfterMs, policy))
}

/** More than an API key's own rate allows; answered as the rate limit is. */
export function keyRateLimited(retryAfterMs: number, policy: RateLimitPolicy): GraphQLError {
  const message = `Too many requests with this API key: try again in ${retryAfterMs} ms, or have its rate raised.`
  return refusedFor(retryAfterMs, 429, 'RATE_LIMITED', message, usedUp('key', retryAfterMs, policy))
}

/** @param what whose limit it is */
function usedUp(what: 'address' | 'key', retryAfterMs: number, { max, windowMs }: RateLimitPolicy): Headers {
  return {
    'RateLimit-Policy': `"${what}";q=${max};w=${wholeSeconds(windowMs)}`,
    RateLimit: `"${what}";r=0;t=${wholeSeconds(retryAfterMs)}`,
  }
}

/** Somebody who brought no API key that holds, where one is needed. */
export function unauthenticated(): GraphQLError {
  return new GraphQLError(
    'This takes an API key that is known and has not expired: send it as `Authorization: Bearer auk_…`, over a WebSocket in the payload of connection_init. `auction keys create` makes one.',
    { extensions: { code: 'UNAUTHENTICATED', http: { status: 401, headers: { 'WWW-Authenticate': 'Bearer' } } } },
  )
}

/** What an API key is not for; the message says which one would be. */
export function forbidden(message: string): GraphQLError {
  return new GraphQLError(message, { extensions: { code: 'FORBIDDEN', http: { status: 403 } } })
}

/** A key that was given for another request. 422 is what draft-ietf-httpapi-idempotency-key-header says of it. */
export function idempotencyKeyReused(): GraphQLError {
  return new GraphQLError(
    'This idempotencyKey was given for a request of this supply with another ip, country or tmax: ask again with the same ones, or take a new key for a new request.',
    { extensions: { code: 'IDEMPOTENCY_KEY_REUSED', http: { status: 422 } } },
  )
}

/** A request with a key of which cannot be told just now whether it was sold. */
export function idempotencyUnavailable(retryAfterMs: number): GraphQLError {
  const message =
    'Whether this idempotencyKey was sold cannot be told just now: ask again with it later. Requests without a key go on.'
  return refusedFor(retryAfterMs, 503, 'IDEMPOTENCY_UNAVAILABLE', message)
}

/** An operation that found too many heavy ones before it. */
export function overloaded(retryAfterMs: number): GraphQLError {
  const message = 'Too many large queries are under way: try again later, or ask for smaller pages. Auctions go on.'
  return refusedFor(retryAfterMs, 503, 'OVERLOADED', message)
}

/** A request that was not taken, since there are more than can be answered in time. */
export function shed(retryAfterMs: number): GraphQLError {
  const message = `The service has more requests than it can answer in time: try again in ${retryAfterMs} ms.`
  return refusedFor(retryAfterMs, 503, 'OVERLOADED', message)
}

/** What may be tried again after so many milliseconds, which HTTP is told in whole seconds. */
function refusedFor(
  retryAfterMs: number,
  status: number,
  code: string,
  message: string,
  moreHeaders?: Headers,
): GraphQLError {
  const http = { status, headers: { 'Retry-After': wholeSeconds(retryAfterMs), ...moreHeaders } }
  return new GraphQLError(message, { extensions: { code, retryAfterMs, http } })
}

/** At least that long. */
function wholeSeconds(ms: number): string {
  return String(Math.ceil(ms / 1000))
}

/** A subscription beyond those that one connection may have. */
export function tooManySubscriptions(max: number): GraphQLError {
  return new GraphQLError(
    `A connection may have ${max} subscriptions at most: complete one, name several supplies in one, or set MAX_SUBSCRIPTIONS_PER_CONNECTION higher.`,
    { extensions: { code: 'TOO_MANY_SUBSCRIPTIONS' } },
  )
}

/** A subscription beyond those that the clients of one address may have. */
export function tooManyOfAddress(max: number): GraphQLError {
  return new GraphQLError(
    `An address may have ${max} subscriptions at most: complete one, name several supplies in one, or set MAX_SUBSCRIPTIONS_PER_ADDRESS higher.`,
    { extensions: { code: 'TOO_MANY_SUBSCRIPTIONS', http: { status: 429 } } },
  )
}

/** A supply that neither the catalogue nor the statistics know. */
export function supplyNotFound(supplyId: string): GraphQLError {
  return new GraphQLError(noSuchSupply(supplyId), { extensions: { code: 'SUPPLY_NOT_FOUND' } })
}

export function noSuchSupply(supplyId: string): string {
  return `No supply has the id ${JSON.stringify(supplyId)}: the query { supplies } lists them.`
}

/**
 * The one place that decides what a caller is told of an error: expected ones carry a code; anything else is a bug,
 * reported through `onUnexpected` and told as INTERNAL_SERVER_ERROR without its message. A database that has no longer what
 * it had is reported as well, as the DatabaseError that says what it takes, and told as one that is away.
 */
export function toClientError(error: unknown, onUnexpected: (error: unknown) => void): GraphQLError {
  const { cause, path } = unwrap(error)
  const options = path === undefined ? {} : { path }
  if (cause instanceof PothosValidationError) {
    return new GraphQLError(cause.message, { ...options, extensions: BAD_USER_INPUT })
  }
  if (cause instanceof HistoryError) {
    return new GraphQLError(cause.message, { ...options, extensions: { ...BAD_USER_INPUT, code: cause.code } })
  }
  if (cause instanceof ArchiveError) {
    return new GraphQLError('An archived day cannot be read: the log says why, and other days can be asked for.', {
      ...options,
      extensions: { code: 'ARCHIVE_UNAVAILABLE', http: { status: 503 } },
    })
  }
  const missing = unusable(cause)
  if (missing) onUnexpected(missing)
  if (cause instanceof StatsUnavailableError || missing || isDatabaseUnavailable(cause)) {
    const [code, what] =
      cause instanceof StatsUnavailableError ? [cause.code, 'statistics'] : ['DATABASE_UNAVAILABLE', 'database']
    return new GraphQLError(`The ${what} cannot be reached just now: try again later. Auctions go on.`, {
      ...options,
      extensions: { code, http: { status: 503 } },
    })
  }
  if (cause instanceof GraphQLError && cause.extensions?.unexpected !== true) {
    const extensions = clientExtensions(cause)
    if (cause === error && extensions === cause.extensions) return cause
    return new GraphQLError(cause.message, {
      nodes: cause.nodes ?? null,
      source: cause.source ?? null,
      positions: cause.positions ?? null,
      path: path ?? cause.path ?? null,
      extensions,
    })
  }
  if (isUnstorableText(cause)) {
    return new GraphQLError('An id cannot have a NUL character.', {
      ...options,
      extensions: BAD_USER_INPUT,
    })
  }
  onUnexpected(cause)
  return new GraphQLError('Unexpected error.', {
    ...options,
    extensions: { code: 'INTERNAL_SERVER_ERROR', http: { status: 500 } },
  })
}

/**
 * An expected error's extensions, with a code. Yoga calls a wrong method BAD_REQUEST, answers some requests that cannot
 * be read with status 200, and tells of a body that is not JSON the parser's error with the whole of it.
 */
function clientExtensions({ extensions }: GraphQLError): GraphQLErrorExtensions {
  const { code = 'BAD_REQUEST', http, originalError: _, ...rest } = (extensions ?? {}) as YogaExtensions
  if (code !== 'BAD_REQUEST') return extensions
  if (http?.status === 405) return { ...extensions, code: 'METHOD_NOT_ALLOWED' }
  return { ...rest, code, http: { ...http, status: 400, spec: false } }
}

interface YogaExtensions extends GraphQLErrorExtensions {
  readonly code?: unknown
  readonly http?: ErrorHttp
}

/** PostgreSQL's refusal (character_not_in_repertoire) of a NUL, which an id or a cursor can bring. */
function isUnstorableText(cause: unknown): boolean {
  const meta = cause instanceof Prisma.PrismaClientKnownRequestError ? cause.meta : undefined
  const adapterError = meta?.driverAdapterError as { cause?: { originalCode?: string } } | undefined
  return adapterError?.cause?.originalCode === '22021'
}

/** An error as it was thrown, with the response path that GraphQL added to it. */
function unwrap(error: unknown): { cause: unknown; path: readonly (string | number)[] | undefined } {
  let cause = error
  let path: readonly (string | number)[] | undefined
  while (cause instanceof GraphQLError && cause.originalError) {
    path ??= cause.path
    cause = cause.originalError
  }
  return { cause, path: path ?? (cause instanceof GraphQLError ? cause.path : undefined) }
}
