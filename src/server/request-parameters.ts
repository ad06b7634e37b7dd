import type { Variables } from '../graphql/operations.ts'
import { hasParameters, type Parameters } from '../graphql/parameters.ts'
import type { PersistedOperations } from '../graphql/persisted-operations.ts'
import { isObject } from '../is-object.ts'

/**
 * Makes the function that reads the parameters of a request's JSON body; undefined where they are not well formed, or stand
 * for nothing that may be executed.
 *
 * Clients send the same operation again and again, with other variables. So the beginning of a body, up to its
 * variables, is remembered with the query it stands for: where another body begins with the same bytes, its variables
 * alone are decoded and parsed, which are the smaller part.
 * @param resolve puts a text in the place of what stands for one
 */
export function createParametersReader(
  resolve: PersistedOperations['resolve'],
): (body: Buffer) => Parameters | undefined {
  const beginnings: Beginning[] = []
  let next = 0

  return (body) => {
    for (const { bytes, query, operationName } of beginnings) {
      if (body.length <= bytes.length || bytes.compare(body, 0, bytes.length) !== 0) continue
      const variables = parseRest(body, bytes.length)
      if (variables) return { query, operationName, variables }
    }
    const parameters = resolve(parseJson(body.toString()))
    if (!isParameters(parameters)) return undefined
    const beginning = beginningOf(body, resolve)
    if (beginning) {
      beginnings[next] = beginning
      next = (next + 1) % MAX_BEGINNINGS
    }
    return parameters
  }
}

/** A body's bytes up to and including `"variables":`, and what they say. */
interface Beginning {
  readonly bytes: Buffer
  readonly query: string
  readonly operationName: string | null
}

/** Undefined where a body does not have its variables last, or says more than an operation and its variables. */
function beginningOf(body: Buffer, resolve: PersistedOperations['resolve']): Beginning | undefined {
  const at = body.indexOf(VARIABLES)
  if (at === -1 || at > MAX_BEGINNING_BYTES) return undefined
  const bytes = Buffer.from(body.subarray(0, at + VARIABLES.length))
  const parameters = resolve(parseJson(`${bytes.toString()}null}`))
  if (!isParameters(parameters) || 'extensions' in parameters) return undefined
  return { bytes, query: parameters.query, operationName: parameters.operationName ?? null }
}

/** The variables that end a body, where all that follows them is the brace that closes it. */
function parseRest(body: Buffer, from: number): Variables {
  if (body[body.length - 1] !== CLOSING_BRACE) return undefined
  const variables = parseJson(body.toString('utf8', from, body.length - 1))
  return isObject(variables) ? variables : undefined
}

/** Undefined where the text is not JSON. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** HTTP allows no other parameters. */
function isParameters(value: unknown): value is Parameters {
  if (!hasParameters(value)) return false
  for (const name in value) if (!PARAMETERS.has(name)) return false
  return true
}

const PARAMETERS = new Set(['query', 'operationName', 'variables', 'extensions'])
/** Inside a JSON string its quotes would be escaped, so these bytes are a key. */
const VARIABLES = Buffer.from(',"variables":')
const CLOSING_BRACE = 0x7d
/** Beginnings that are remembered at a time. */
const MAX_BEGINNINGS = 8
const MAX_BEGINNING_BYTES = 10_000
