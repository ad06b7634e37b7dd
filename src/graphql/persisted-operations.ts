import { createHash } from 'node:crypto'
import { GraphQLError } from 'graphql'
import { isObject } from '../is-object.ts'

/** Which operations clients may send, and by what instead of their text. */
export interface PersistedOperations {
  /** Whether a request's parameters name an operation in the place of its text. */
  isNamed(parameters: unknown): boolean
  /**
   * Parameters with the text that they stand for; a GraphQLError where it may not be executed. What has neither a text nor
   * what stands for one is given back as it is, for its transport to refuse.
   */
  resolve(parameters: unknown): unknown
}

/** As it is where any text may be sent, and none is persisted. */
export const ANY_OPERATION: PersistedOperations = {
  isNamed: hasHashAlone,
  resolve: (parameters) => (hasHashAlone(parameters) ? notSupported() : parameters),
}

/**
 * Lets clients send these operations alone: each by its id, as a `documentId` or as the hash of Apollo's persisted queries, by the
 * SHA-256 of its text as either of them, or by exactly its text.
 * @param listed texts by their ids
 */
export function createPersistedOperations(listed: ReadonlyMap<string, string>): PersistedOperations {
  const texts = new Set(listed.values())
  const byId = new Map<string, string>()
  for (const text of texts) {
    const sha256 = createHash('sha256').update(text).digest('hex')
    byId.set(sha256, text).set(`sha256:${sha256}`, text)
  }
  for (const [id, text] of listed) byId.set(id, text)

  return {
    isNamed: (parameters) => isObject(parameters) && !parameters.query && idOf(parameters) !== undefined,

    resolve(parameters) {
      if (!isObject(parameters)) return parameters
      const { documentId: _documentId, ...others } = parameters
      const { query } = others
      if (query) return typeof query !== 'string' || texts.has(query) ? others : listedAlone()
      const id = idOf(parameters)
      if (id === undefined) return others
      const text = byId.get(id)
      return text === undefined ? notFound(id) : { ...others, query: text }
    },
  }
}

function idOf({ documentId, extensions }: Record<string, unknown>): string | undefined {
  if (typeof documentId === 'string') return documentId
  if (!isObject(extensions) || !isObject(extensions.persistedQuery)) return undefined
  const { sha256Hash } = extensions.persistedQuery
  // What is no text is never made one: an object can bring a `toString` that throws. No operation has an empty id.
  return typeof sha256Hash === 'string' ? sha256Hash : ''
}

/** Whether parameters have a query's hash in its place, as the first request of Apollo's persisted queries has. */
function hasHashAlone(value: unknown): boolean {
  return isObject(value) && !value.query && isObject(value.extensions) && isObject(value.extensions.persistedQuery)
}

/**
 * A query's hash without its text, as Apollo's clients send it first: told so, with the very message, code and status of
 * Apollo Server, they send the text, and no hash again.
 */
function notSupported(): GraphQLError {
  return new GraphQLError('PersistedQueryNotSupported', {
    extensions: { code: 'PERSISTED_QUERY_NOT_SUPPORTED', http: { status: 200 } },
  })
}

function notFound(id: string): GraphQLError {
  return new GraphQLError(
    `No operation has the id ${JSON.stringify(id.slice(0, SHOWN_MAX))}: PERSISTED_OPERATIONS_FILE, read when the service is started, lists those that have one.`,
    { extensions: { code: 'PERSISTED_OPERATION_NOT_FOUND', http: { status: 400 } } },
  )
}

function listedAlone(): GraphQLError {
  return new GraphQLError(
    'Only operations that are listed in PERSISTED_OPERATIONS_FILE may be sent: by their id, as documentId or extensions.persistedQuery.sha256Hash, or by exactly their text.',
    { extensions: { code: 'PERSISTED_OPERATIONS_ONLY', http: { status: 400 } } },
  )
}

const SHOWN_MAX = 100
