import { type Context, createTraceState, ROOT_CONTEXT, type SpanContext, SpanKind, trace } from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { resourceFromAttributes } from '@opentelemetry/resources'
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  type Sampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace'
import type { Asker } from '../asker.ts'
import { inTime } from '../in-time.ts'
import { redact } from '../redact.ts'
import { readTraceParent } from '../trace-context.ts'
import { tellingExporter } from './telling-exporter.ts'
import { isKept, spanOf, type Traces, type TracesConfig, type TracesDependencies } from './traces.ts'

/**
 * Traces that are sent to a collector by OTLP over HTTP, some at a time, in the background. Nobody waits for them: what
 * cannot be sent in time is dropped. Spans are told their parents, so that no context has to follow every promise.
 */
export function createOtlpTraces(endpoint: string, { config, instance, log }: TracesDependencies): Traces {
  const url = new URL(endpoint)
  url.pathname = `${url.pathname.replace(/\/+$/, '')}/v1/traces`
  const address = redact(url.href)
  // What else the standard has variables for, such as certificates and timeouts, the exporter reads from the environment.
  const otlp = new OTLPTraceExporter({ url: url.href, headers: config.otelExporterOtlpHeaders ?? {} })
  const provider = new TracerProvider({
    resource: resourceFromAttributes({
      'service.name': config.otelServiceName,
      'service.instance.id': instance.name,
    }),
    sampler: samplerOf(config),
    spanLimits: {
      attributeValueLengthLimit: ATTRIBUTE_LENGTH_MAX,
      eventCountLimit: EVENTS_MAX,
      linkCountLimit: LINKS_MAX,
    },
    spanProcessors: [
      new BatchSpanProcessor({
        exporter: tellingExporter({ exporter: otlp, address, log }),
        maxQueueSize: QUEUE_SPANS_MAX,
        maxExportBatchSize: BATCH_SPANS_MAX,
        scheduledDelayMillis: BATCH_DELAY_MS,
        exportTimeoutMillis: EXPORT_TIMEOUT_MS,
      }),
    ],
  })
  const tracer = provider.getTracer('auction')

  return {
    start(name, kind, asker, attributes) {
      const above = asker && (asker.span ?? spanOf(asker.origin.request))
      // What is under a span that is not kept is not kept either, by whichever sampler.
      if (above && !isKept(above.spanContext())) return above
      const parent = above ? trace.setSpan(ROOT_CONTEXT, above) : callerOf(asker)
      return tracer.startSpan(name, { kind: SpanKind[kind], attributes }, parent)
    },
    startShared(name, kind, [first, ...others], attributes) {
      const links = others.map((span) => ({ context: span.spanContext() }))
      return tracer.startSpan(name, { kind: SpanKind[kind], attributes, links }, trace.setSpan(ROOT_CONTEXT, first))
    },
    async dispose() {
      await inTime(provider.shutdown(), FLUSH_TIMEOUT_MS).catch(() => {
        log.warn(`the last traces could not be sent to ${address}`)
      })
    },
  }
}

function callerOf(asker: Asker | undefined): Context {
  const { traceparent, tracestate } = asker?.origin.request.headers ?? {}
  const caller = readTraceParent(traceparent)
  if (caller === undefined) return ROOT_CONTEXT
  const remote: SpanContext = { ...caller, isRemote: true }
  if (typeof tracestate === 'string') remote.traceState = createTraceState(tracestate)
  return trace.setSpanContext(ROOT_CONTEXT, remote)
}

function samplerOf({ otelTracesSampler, otelTracesSamplerArg }: TracesConfig): Sampler {
  const ofOwn = otelTracesSampler.replace('parentbased_', '')
  const root =
    ofOwn === 'always_on'
      ? new AlwaysOnSampler()
      : ofOwn === 'always_off'
        ? new AlwaysOffSampler()
        : new TraceIdRatioBasedSampler(otelTracesSamplerArg)
  return otelTracesSampler.startsWith('parentbased_') ? new ParentBasedSampler({ root }) : root
}

/** Spans that wait to be sent; what comes beyond is dropped. */
const QUEUE_SPANS_MAX = 2048
const BATCH_SPANS_MAX = 512
/** How long spans are gathered, in milliseconds, where they do not make a batch. */
const BATCH_DELAY_MS = 1000
/** How long a batch may take to be sent, in milliseconds. */
const EXPORT_TIMEOUT_MS = 10_000
/** How long a shutdown waits for the last spans, in milliseconds. */
const FLUSH_TIMEOUT_MS = 1000
/** Of a text, in characters; of a span. */
const ATTRIBUTE_LENGTH_MAX = 256
const EVENTS_MAX = 128
const LINKS_MAX = 128
