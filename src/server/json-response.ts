import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ExecutionResult, FormattedExecutionResult, GraphQLError, GraphQLFormattedError } from 'graphql'
import { REQUEST_ID_HEADER, requestIdOf } from '../asker.ts'
import type { EncodedResult } from '../graphql/encode-in-turns.ts'
import type { ErrorHttp } from '../graphql/errors.ts'

/** The media types a GraphQL result can have. */
export type ResultMediaType = 'application/json' | 'application/graphql-response+json'

/** Answers with a GraphQL result: the status, headers and body that Yoga would give it. Never throws. */
export function sendResult(
  response: ServerResponse,
  result: ExecutionResult,
  mediaType: ResultMediaType,
  onUnexpected: (error: unknown) => void,
): void {
  const body = encodeResult(result, onUnexpected)
  if (body === undefined) {
    send(response, 500, CONTENT_TYPES[mediaType], UNEXPECTED_BODY)
    return
  }
  if (!result.errors) {
    send(response, 200, CONTENT_TYPES[mediaType], body)
    return
  }
  const { status, headers } = statusOf(result.errors, mediaType)
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
  send(response, status, CONTENT_TYPES[mediaType], body)
}

/** A result as JSON; undefined, with the error reported as a bug, where there is none: a text too long for a string. */
export function encodeResult(result: ExecutionResult, onUnexpected: (error: unknown) => void): string | undefined {
  try {
    const { stringify = JSON.stringify } = result as Partial<EncodedResult>
    return stringify(formatResult(result))
  } catch (error) {
    onUnexpected(error)
    return undefined
  }
}

/** Answers with one coded error in GraphQL's form. */
export function sendError(response: ServerResponse, status: number, code: string, message: string): void {
  send(response, status, CONTENT_TYPES['application/json'], errorBody(code, message))
}

/** The same, all of it written and the response left to be ended: an end may close the connection. */
export function writeError(response: ServerResponse, status: number, code: string, message: string): void {
  const body = errorBody(code, message)
  writeHead(response, status, CONTENT_TYPES['application/json'], body)
  response.write(body)
}

/** The body of an answer that is one coded error. */
export function errorBody(code: string, message: string): string {
  return JSON.stringify({ errors: [{ message, extensions: { code } }] })
}

/** Answers with any JSON value. */
export function sendJson(response: ServerResponse, status: number, value: unknown): void {
  send(response, status, CONTENT_TYPES['application/json'], JSON.stringify(value))
}

/** Sets the headers that every answer has, of one that is not written here. */
export function beginAnswer(request: IncomingMessage, response: ServerResponse): void {
  response.setHeader(REQUEST_ID_HEADER, requestIdOf(request))
  response.setHeader('X-Content-Type-Options', 'nosniff')
}

/** A result as a caller sees it. */
export function formatResult(result: ExecutionResult): FormattedExecutionResult {
  if (!result.errors) return result as FormattedExecutionResult
  const { errors, ...rest } = result
  return { errors: errors.map(formatError), ...rest }
}

/** An error as a caller sees it: without what it says to the HTTP server. */
export function formatError(error: GraphQLError): GraphQLFormattedError {
  const formatted = error.toJSON()
  if (formatted.extensions?.http === undefined) return formatted
  const { http: _http, ...extensions } = formatted.extensions
  return { ...formatted, extensions }
}

function send(response: ServerResponse, status: number, contentType: string, body: string): void {
  if (response.destroyed) return
  writeHead(response, status, contentType, body)
  response.end(body)
}

function writeHead(response: ServerResponse, status: number, contentType: string, body: string): void {
  // Together, since headers that were set before cost three times as much.
  response.writeHead(status, {
    'Content-Type': contentType,
    'Content-Length': Buffer.byteLength(body),
    'X-Request-Id': requestIdOf(response.req),
    'X-Content-Type-Options': 'nosniff',
  })
}

function statusOf(
  errors: readonly GraphQLError[],
  mediaType: ResultMediaType,
): { status: number; headers: Record<string, string> } {
  let status = 0
  const headers: Record<string, string> = {}
  for (const error of errors) {
    const http = error.extensions?.http as ErrorHttp | undefined
    Object.assign(headers, http?.headers)
    if (http?.spec && mediaType === 'application/json') continue
    if (http?.status && http.status > status) status = http.status
  }
  return { status: status || 200, headers }
}

/** What is told of a bug. */
export const UNEXPECTED_BODY = errorBody('INTERNAL_SERVER_ERROR', 'Unexpected error.')
const CONTENT_TYPES: Record<ResultMediaType, string> = {
  'application/json': 'application/json; charset=utf-8',
  'application/graphql-response+json': 'application/graphql-response+json; charset=utf-8',
}
