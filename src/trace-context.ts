import type { SpanContext } from '@opentelemetry/api'

/** Where a caller's trace stands: https://www.w3.org/TR/trace-context/#traceparent-header */
export interface TraceParent {
  /** 32 hexadecimal digits. */
  readonly traceId: string
  /** The caller's span: 16 hexadecimal digits. */
  readonly spanId: string
  /** Whether the caller's spans are kept is their lowest bit. */
  readonly traceFlags: number
}

/** Undefined where the header is not well formed. */
export function readTraceParent(header: unknown): TraceParent | undefined {
  const [, traceId, spanId, flags] = (typeof header === 'string' && TRACE_PARENT.exec(header)) || []
  if (traceId === undefined || spanId === undefined || flags === undefined) return undefined
  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16) & SAMPLED }
}

/** The headers that tell another service where it is called from: name, value, name, value. */
export function traceHeaders({ traceId, spanId, traceFlags, traceState }: SpanContext): string[] {
  const headers = ['traceparent', `00-${traceId}-${spanId}-${traceFlags & SAMPLED ? '01' : '00'}`]
  const state = traceState?.serialize()
  if (state) headers.push('tracestate', state)
  return headers
}

const SAMPLED = 1
/** Of version 0, or a later one, which may have more behind; ids that are all zeros are none, and so is version ff. */
const TRACE_PARENT = /^(?!ff)[\da-f]{2}-(?!0{32})([\da-f]{32})-(?!0{16})([\da-f]{16})-([\da-f]{2})(?:-|$)/
