import { readFile } from 'node:fs/promises'
import { isObject } from '../is-object.ts'

/** The operations that a file lists. */
export interface PersistedFile {
  readonly path: string
  /** By their ids. */
  readonly texts: ReadonlyMap<string, string>
}

/** A list of operations that cannot be used; the message names the file, what is wrong with it, and the remedy. */
export class PersistedOperationsError extends Error {
  override readonly name = 'PersistedOperationsError'
  readonly code = 'PERSISTED_OPERATIONS_INVALID'

  constructor(path: string, problem: string) {
    super(`PERSISTED_OPERATIONS_FILE=${path} cannot be used: ${problem}`)
  }
}

/**
 * Reads the texts of operations by their ids, from Apollo's persisted query manifest or from an object of texts by id, as
 * Relay's compiler and GraphQL Code Generator write it.
 * @throws PersistedOperationsError
 */
export async function readPersistedFile(path: string): Promise<PersistedFile> {
  const fail = (problem: string) => new PersistedOperationsError(path, problem)
  const text = await readFile(path, 'utf8').catch((error: Error) => {
    throw fail(`it cannot be read (${error.message}).`)
  })
  const value = parseJson(text)
  if (!isObject(value)) throw fail(`it is no JSON object: ${ALLOWED}.`)
  const texts = new Map<string, string>()
  for (const [id, operation] of entriesOf(value)) {
    if (typeof id !== 'string' || typeof operation !== 'string' || id === '') {
      throw fail(`an entry of it (${JSON.stringify(id)}) is not a text with an id: ${ALLOWED}.`)
    }
    if ((texts.get(id) ?? operation) !== operation) throw fail(`it has two texts of the id ${JSON.stringify(id)}.`)
    texts.set(id, operation)
  }
  if (texts.size === 0) throw fail('it lists no operation, so that nothing could be sent.')
  if (texts.size > OPERATIONS_MAX) throw fail(`it lists ${texts.size} operations of at most ${OPERATIONS_MAX}.`)
  return { path, texts }
}

/** Ids with texts, as far as the file has them so. */
function entriesOf(value: Record<string, unknown>): (readonly [unknown, unknown])[] {
  if (value.format !== APOLLO_FORMAT) return Object.entries(value)
  const { operations } = value
  if (!Array.isArray(operations)) return [['operations', operations]]
  return operations.map((operation) => (isObject(operation) ? [operation.id, operation.body] : [operation, undefined]))
}

/** Undefined where the text is not JSON. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const APOLLO_FORMAT = 'apollo-persisted-query-manifest'
const ALLOWED =
  "it must be Apollo's persisted query manifest, or an object of texts by their ids, as Relay's compiler writes it"
/** Each is compiled at the start, and kept. */
const OPERATIONS_MAX = 10_000
