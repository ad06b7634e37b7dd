import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import { json } from 'node:stream/consumers'
import { vi } from 'vitest'
import { portOf } from './receiver.ts'

/** A span as a collector gets it. */
export interface ReceivedSpan {
  readonly name: string
  readonly traceId: string
  readonly spanId: string
  /** Undefined where it is the first of its trace. */
  readonly parentSpanId: string | undefined
  readonly kind: 'INTERNAL' | 'SERVER' | 'CLIENT'
  readonly isError: boolean
  readonly startMs: number
  readonly endMs: number
  readonly attributes: Readonly<Record<string, unknown>>
  readonly events: readonly { readonly name: string; readonly atMs: number; readonly attributes: object }[]
  /** The spans that it is linked to, by their ids. */
  readonly links: readonly string[]
}

/** A collector of a test's own, which takes traces by OTLP over HTTP in JSON. */
export interface OtlpReceiver {
  readonly url: string
  readonly spans: readonly ReceivedSpan[]
  /** What spans are said to be of, with the headers and the text that the last ones came with. */
  readonly last: { readonly resource: object; readonly headers: IncomingHttpHeaders; readonly text: string }
  /** The spans of one trace, once there are so many. */
  ofTrace(traceId: string, spans: number): Promise<ReceivedSpan[]>
  dispose(): Promise<void>
}

export async function startOtlpReceiver(): Promise<OtlpReceiver> {
  const spans: ReceivedSpan[] = []
  let last: OtlpReceiver['last'] = { resource: {}, headers: {}, text: '' }
  const server = createServer(async (request, response) => {
    const isTraces = request.method === 'POST' && request.url === '/v1/traces'
    const body = (await json(request)) as Body
    for (const { resource, scopeSpans } of isTraces ? body.resourceSpans : []) {
      last = { resource: plain(resource.attributes), headers: request.headers, text: JSON.stringify(body) }
      for (const scope of scopeSpans) spans.push(...scope.spans.map(toSpan))
    }
    response.writeHead(isTraces ? 200 : 404, { 'content-type': 'application/json' }).end('{}')
  })
  const port = await portOf(server)
  return {
    url: `http://127.0.0.1:${port}`,
    spans,
    get last() {
      return last
    },
    ofTrace: (traceId, wanted) =>
      vi.waitFor(() => {
        const found = spans.filter((span) => span.traceId === traceId)
        if (found.length < wanted) throw new Error(`${found.length} spans: ${found.map(({ name }) => name)}`)
        return found
      }),
    async dispose() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

/** https://github.com/open-telemetry/opentelemetry-proto/blob/main/opentelemetry/proto/trace/v1/trace.proto, as JSON. */
interface Body {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: Attributes }
    readonly scopeSpans: readonly { readonly spans: readonly OtlpSpan[] }[]
  }[]
}

interface OtlpSpan {
  readonly name: string
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly kind: number
  readonly status: { readonly code: number }
  readonly startTimeUnixNano: string
  readonly endTimeUnixNano: string
  readonly attributes: Attributes
  readonly events: readonly { readonly name: string; readonly timeUnixNano: string; readonly attributes: Attributes }[]
  readonly links: readonly { readonly spanId: string }[]
}

type Attributes = readonly { readonly key: string; readonly value: Value }[]
type Value = Readonly<Record<string, unknown>> & { readonly arrayValue?: { readonly values: readonly Value[] } }

function toSpan(span: OtlpSpan): ReceivedSpan {
  const { name, traceId, spanId, parentSpanId, kind, status, startTimeUnixNano, endTimeUnixNano } = span
  return {
    name,
    traceId,
    spanId,
    parentSpanId: parentSpanId || undefined,
    kind: KINDS[kind] ?? 'INTERNAL',
    isError: status.code === 2,
    startMs: toMs(startTimeUnixNano),
    endMs: toMs(endTimeUnixNano),
    attributes: plain(span.attributes),
    events: span.events.map((event) => ({
      name: event.name,
      atMs: toMs(event.timeUnixNano),
      attributes: plain(event.attributes),
    })),
    links: span.links.map((link) => link.spanId),
  }
}

function plain(attributes: Attributes): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, plainValue(value)]))
}

function plainValue(value: Value): unknown {
  if (value.arrayValue) return value.arrayValue.values.map(plainValue)
  return value.intValue === undefined ? Object.values(value)[0] : Number(value.intValue)
}

function toMs(nano: string): number {
  return Number(BigInt(nano) / 1000n) / 1000
}

const KINDS: Readonly<Record<number, ReceivedSpan['kind']>> = { 1: 'INTERNAL', 2: 'SERVER', 3: 'CLIENT' }
