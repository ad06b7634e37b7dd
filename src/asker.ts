import type { IncomingMessage } from 'node:http'
import type { Span } from '@opentelemetry/api'
import type { Instance } from './instance.ts'
import { readTraceParent } from './trace-context.ts'

/**
 * Who asked for something, as the log and traces tell of it. It is handed on by reference, from the transport to whoever
 * tells something, and nobody else looks into it.
 */
export interface Asker {
  readonly origin: {
    /** The HTTP request; of a WebSocket the one that opened it. */
    readonly request: IncomingMessage
  }
  /** The id under which a WebSocket's client asked. */
  readonly operationId?: string | undefined
  /** What it is part of, where traces are on. */
  span?: Span | undefined
}

/** Told of an error that is a bug, and of who asked where that is known. */
export type OnUnexpected = (error: unknown, asker?: Asker) => void

/** What a line of the log says of who asked. */
export interface AskerFields {
  readonly requestId?: string
  readonly operationId?: string
  /** Of the trace that it is part of, ours or its caller's: 32 hexadecimal digits. */
  readonly traceId?: string
}

export function fieldsOf(asker: Asker | undefined): AskerFields {
  if (asker === undefined) return {}
  const { origin, span } = asker
  const { request } = origin
  const operationId = asker.operationId?.slice(0, ID_LENGTH_MAX)
  const requestId = requestIdOf(request)
  const { traceId } = span?.spanContext() ?? readTraceParent(request.headers.traceparent) ?? {}
  return { ...(requestId && { requestId }), ...(operationId && { operationId }), ...(traceId && { traceId }) }
}

/**
 * Makes the function that gives each request its id: the one that its client has sent where that can be used, else one
 * that no other request of any instance has.
 */
export function createRequestIds({ key }: Pick<Instance, 'key'>): (request: IncomingMessage) => void {
  let made = 0
  return (request: IdentifiedRequest) => {
    const sent = request.headers['x-request-id']
    if (typeof sent === 'string' && USABLE_ID.test(sent)) {
      request[REQUEST_ID] = sent
    } else {
      made++
      request[REQUEST_ID] = `${key}-${made}`
    }
  }
}

/** Empty where the request was given none. */
export function requestIdOf(request: IncomingMessage): string {
  return (request as IdentifiedRequest)[REQUEST_ID] ?? ''
}

interface IdentifiedRequest extends IncomingMessage {
  [REQUEST_ID]?: string
}

const REQUEST_ID = Symbol('request id')
export const REQUEST_ID_HEADER = 'X-Request-Id'
/** Of an operation's id so many characters are told: its client may take any, as long as a message, and each auction has a line. */
const ID_LENGTH_MAX = 128
/** What goes into the log and back into a header without harm: no quotes, no blanks, no line breaks, and not much of it. */
const USABLE_ID = /^[\w.:=+/@-]{1,128}$/
