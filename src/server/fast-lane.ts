import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Services } from '../graphql/context.ts'
import { toClientError } from '../graphql/errors.ts'
import type { Operations, Variables } from '../graphql/operations.ts'
import { sendResult } from './json-response.ts'
import { isJsonContent, resultMediaType } from './media-type.ts'

/**
 * Answers a POST from the compiled operations, without Yoga. Returns false, having done nothing, for everything but
 * plain JSON with a query or mutation that Yoga parsed and validated before.
 */
export type FastLane = (request: IncomingMessage, response: ServerResponse, body: Buffer) => boolean

export interface FastLaneDependencies {
  readonly operations: Operations
  readonly services: Services
  /** Called with each error that is a bug. */
  readonly onUnexpected: (error: unknown) => void
}

export function createFastLane({ operations, services, onUnexpected }: FastLaneDependencies): FastLane {
  return (request, response, body) => {
    const { headers } = request
    if (!isJsonContent(headers['content-type'])) return false
    const mediaType = resultMediaType(headers.accept)
    if (!mediaType) return false
    const parameters = parseParameters(body)
    if (!parameters) return false
    const operation = operations.find(parameters.query, parameters.operationName)
    if (!operation || operation.type === 'subscription') return false

    // Nothing here is expected to throw; where it does, this request fails and the service goes on.
    const fail = (error: unknown) => {
      sendResult(response, { errors: [toClientError(error, onUnexpected)] }, mediaType)
    }
    try {
      const result = operation.run({ services }, parameters.variables)
      if (result instanceof Promise) result.then((settled) => sendResult(response, settled, mediaType)).catch(fail)
      else sendResult(response, result, mediaType)
    } catch (error) {
      fail(error)
    }
    return true
  }
}

interface Parameters {
  readonly query: string
  readonly operationName?: string | null
  readonly variables?: Variables
}

/** The parameters of a GraphQL request, where they are well formed. */
function parseParameters(body: Buffer): Parameters | undefined {
  let parameters: unknown
  try {
    parameters = JSON.parse(body.toString())
  } catch {
    return undefined
  }
  if (typeof parameters !== 'object' || parameters === null) return undefined
  const { query, operationName, variables, extensions } = parameters as Record<string, unknown>
  if (typeof query !== 'string') return undefined
  if (operationName !== undefined && operationName !== null && typeof operationName !== 'string') return undefined
  if (!isObjectOrNone(variables) || !isObjectOrNone(extensions)) return undefined
  for (const name in parameters) if (!PARAMETERS.has(name)) return undefined
  return parameters as Parameters
}

function isObjectOrNone(value: unknown): boolean {
  return value === undefined || (typeof value === 'object' && !Array.isArray(value))
}

const PARAMETERS = new Set(['query', 'operationName', 'variables', 'extensions'])
