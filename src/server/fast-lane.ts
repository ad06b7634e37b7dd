import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ExecutionResult } from 'graphql'
import type { GraphQLContext } from '../graphql/context.ts'
import type { FrontDoor } from './front-door.ts'
import { type ResultMediaType, sendResult } from './json-response.ts'
import { isJsonContent, resultMediaType } from './media-type.ts'
import { createParametersReader } from './request-parameters.ts'

/**
 * Answers a POST from the operations that are known, without Yoga. Returns false, having done nothing, for everything but
 * plain JSON with a query or mutation that Yoga parsed and validated before.
 */
export type FastLane = (request: IncomingMessage, response: ServerResponse, body: Buffer) => boolean

export interface FastLaneDependencies {
  readonly frontDoor: FrontDoor
  /** Called with each error that is a bug. */
  readonly onUnexpected: (error: unknown) => void
}

export function createFastLane({ frontDoor, onUnexpected }: FastLaneDependencies): FastLane {
  const readParameters = createParametersReader(frontDoor.persisted.resolve)
  return (request, response, body) => {
    const receivedAt = performance.now()
    const { headers } = request
    if (!isJsonContent(headers['content-type'])) return false
    const mediaType = resultMediaType(headers.accept)
    if (!mediaType) return false
    const parameters = readParameters(body)
    if (!parameters) return false
    const operation = frontDoor.find(parameters.query, parameters.operationName)
    if (!operation || operation.type === 'subscription') return false

    const context = frontDoor.createContext({ transport: 'http', request }, receivedAt)
    const result = frontDoor.run(operation, context, parameters.variables)
    if (result instanceof Promise) void result.then((settled) => answer(response, settled, mediaType, context))
    else answer(response, result, mediaType, context)
    return true
  }

  function answer(
    response: ServerResponse,
    result: ExecutionResult,
    mediaType: ResultMediaType,
    context: GraphQLContext,
  ): void {
    sendResult(response, result, mediaType, onUnexpected)
    if (result.errors) frontDoor.told(result.errors)
    frontDoor.answered(context)
  }
}
