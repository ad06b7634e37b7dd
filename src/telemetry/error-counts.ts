import type { GraphQLError } from 'graphql'

/** Errors that callers were told, by code. */
export interface ErrorCounts {
  add(errors: readonly GraphQLError[]): void
  all(): Iterable<readonly [code: string, errors: number]>
}

export function createErrorCounts(): ErrorCounts {
  const counts = new Map<string, number>([...CODES, OTHER_CODE].map((code) => [code, 0]))
  return {
    add(errors) {
      for (const { extensions } of errors) {
        const { code } = extensions ?? {}
        const label = typeof code === 'string' && (counts.has(code) || counts.size < CODES_MAX) ? code : OTHER_CODE
        counts.set(label, (counts.get(label) ?? 0) + 1)
      }
    },
    all: () => counts,
  }
}

/** Told from the start, so that the first one of each is seen to be more than before. */
const CODES: readonly string[] = [
  'ARCHIVE_UNAVAILABLE',
  'BAD_REQUEST',
  'BAD_USER_INPUT',
  'DATABASE_UNAVAILABLE',
  'FORBIDDEN',
  'GRAPHQL_PARSE_FAILED',
  'GRAPHQL_VALIDATION_FAILED',
  'IDEMPOTENCY_KEY_REUSED',
  'IDEMPOTENCY_UNAVAILABLE',
  'INTERNAL_SERVER_ERROR',
  'INTROSPECTION_DISABLED',
  'METHOD_NOT_ALLOWED',
  'OPERATION_RESOLUTION_FAILURE',
  'OVERLOADED',
  'PERSISTED_OPERATIONS_ONLY',
  'PERSISTED_OPERATION_NOT_FOUND',
  'PERSISTED_QUERY_NOT_SUPPORTED',
  'RANGE_TOO_LARGE',
  'RATE_LIMITED',
  'STATS_UNAVAILABLE',
  'SUPPLY_NOT_FOUND',
  'TOO_MANY_SUBSCRIPTIONS',
  'UNAUTHENTICATED',
  'UNSUPPORTED_MEDIA_TYPE',
]
/** Codes are the service's own and few; what one of its libraries might make up without end is told together. */
export const CODES_MAX = 50
const OTHER_CODE = 'other'
