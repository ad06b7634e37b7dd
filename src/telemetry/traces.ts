import type { IncomingMessage } from 'node:http'
import type { Attributes, Span, SpanContext } from '@opentelemetry/api'
import type { Asker } from '../asker.ts'
import type { Config } from '../config.ts'
import type { Instance } from '../instance.ts'
import type { Logger } from '../log.ts'

/** Makes spans and sends them, where traces are on. */
export interface Traces {
  /**
   * Begins a span: under the span that who asked is part of, else under that of the HTTP request, else where the request's
   * `traceparent` says, else a trace of its own. Gives the span above it where that is not kept.
   * @param asker undefined where nobody asked from outside
   */
  start(name: string, kind: SpanKindName, asker: Asker | undefined, attributes: Attributes): Span
  /** Begins a span under another one, linked to those of which it is part as well. */
  startShared(name: string, kind: SpanKindName, spans: readonly [Span, ...Span[]], attributes: Attributes): Span
  /** Sends what waits, for FLUSH_TIMEOUT_MS at most, and ends. */
  dispose(): Promise<void>
}

export type SpanKindName = 'SERVER' | 'CLIENT' | 'INTERNAL'

export type TracesConfig = Pick<
  Config,
  | 'otelExporterOtlpEndpoint'
  | 'otelExporterOtlpHeaders'
  | 'otelServiceName'
  | 'otelTracesSampler'
  | 'otelTracesSamplerArg'
>

export interface TracesDependencies {
  readonly config: TracesConfig
  readonly instance: Pick<Instance, 'name'>
  readonly log: Pick<Logger, 'info' | 'warn'>
}

/** Undefined where they are off: then nothing of OpenTelemetry is loaded. */
export async function openTraces(dependencies: TracesDependencies): Promise<Traces | undefined> {
  const endpoint = dependencies.config.otelExporterOtlpEndpoint
  if (endpoint === undefined) return undefined
  const { createOtlpTraces } = await import('./otlp-traces.ts')
  return createOtlpTraces(endpoint, dependencies)
}

/** Has the spans of what a request asks for be under this one. */
export function keepSpan(request: IncomingMessage, span: Span): void {
  const traced: TracedRequest = request
  traced[SPAN] = span
}

/** The span of a request that is traced. */
export function spanOf(request: IncomingMessage): Span | undefined {
  return (request as TracedRequest)[SPAN]
}

/** Whether what is said of a span is kept. */
export function isKept({ traceFlags }: SpanContext): boolean {
  return (traceFlags & SAMPLED) !== 0
}

/** Says that it ended badly by our own fault. */
export function markFailed(span: Span): void {
  span.setStatus({ code: ERROR })
}

interface TracedRequest extends IncomingMessage {
  [SPAN]?: Span
}

const SPAN = Symbol('span')
const SAMPLED = 1
/** OpenTelemetry's SpanStatusCode.ERROR, whose package is not loaded where traces are off. */
const ERROR = 2
