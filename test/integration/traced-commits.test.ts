import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import type { Span } from '@opentelemetry/api'
import { pino } from 'pino'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import type { Asker } from '../../src/asker.ts'
import { parseConfig } from '../../src/config.ts'
import { createDisposer, type Disposer } from '../../src/disposer.ts'
import { createRedis } from '../../src/redis/connect.ts'
import { createRedisStatsStore } from '../../src/stats/redis.ts'
import { createCommitTracer } from '../../src/telemetry/traced-commits.ts'
import { openTraces, type Traces } from '../../src/telemetry/traces.ts'
import { type OtlpReceiver, startOtlpReceiver } from '../support/otlp-receiver.ts'
import { startRedis } from '../support/redis.ts'
import { hasRedis } from '../support/services.ts'

const UNSAMPLED = { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00' }

let receiver: OtlpReceiver
let disposer: Disposer
beforeAll(async () => {
  receiver = await startOtlpReceiver()
})
afterAll(() => receiver?.dispose())
afterEach(() => disposer?.dispose())

async function open(): Promise<Traces> {
  disposer = createDisposer()
  const config = parseConfig({ OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url })
  const traces = await openTraces({ config, instance: { name: 'test-1' }, log: pino({ level: 'silent' }) })
  if (!traces) throw new Error('They are off.')
  disposer.add(() => traces.dispose())
  return traces
}

function askerWith(headers: IncomingHttpHeaders, span?: Span): Asker {
  return { origin: { request: { headers } as IncomingMessage }, span }
}

describe.runIf(hasRedis)('a commit in Redis', () => {
  it('should be under the first auction of it that is traced, and linked with the others', async () => {
    const traces = await open()
    const redis = await startRedis()
    disposer.add(() => redis.dispose())
    const connection = createRedis({ url: redis.url, name: 'test' })
    disposer.add(() => connection.dispose())
    await connection.whenUp(5000)
    const changes = { publish: () => {} }
    const store = createRedisStatsStore({ connection, changes, tracer: createCommitTracer(traces) })
    disposer.add(() => store.dispose())

    // The first is committed at once, the others together when that has returned.
    const auctions = ['first', 'second', 'third', 'fourth'].map((name) => traces.start(name, 'INTERNAL', undefined, {}))
    const recorded = auctions.map((span, index) =>
      store.record(
        { supplyId: `supply${index % 2}`, country: 'US', responses: [], priceMicros: 0 },
        askerWith({}, span),
      ),
    )
    // Neither of these is traced, and a commit of such alone is not either.
    const untraced = traces.start('untraced', 'INTERNAL', askerWith(UNSAMPLED), {})
    await Promise.all(recorded)
    for (const asker of [askerWith({}, untraced), undefined]) {
      await store.record({ supplyId: 'supply0', country: 'US', responses: [], priceMicros: 0 }, asker)
    }
    for (const span of auctions) span.end()
    await traces.dispose()

    const [first, second, third, fourth] = auctions.map((span) => span.spanContext().spanId)
    const commits = receiver.spans.filter(({ name }) => name === 'redis commit')
    expect(commits).toMatchObject([
      { kind: 'CLIENT', parentSpanId: first, links: [], attributes: { 'commit.supplies': 1 } },
      { kind: 'CLIENT', attributes: { 'commit.supplies': 2, 'commit.traced_auctions': 3 } },
    ])
    const together = [commits[1]?.parentSpanId, ...(commits[1]?.links ?? [])]
    expect(together.toSorted()).toEqual([second, third, fourth].toSorted())
    const linked = receiver.spans.filter(({ links }) => links.includes(commits[1]?.spanId ?? ''))
    expect(linked.map(({ spanId }) => spanId).toSorted()).toEqual(commits[1]?.links.toSorted())
  })

  it('should say that it failed, and be made again under the same auction', async () => {
    const traces = await open()
    const tracer = createCommitTracer(traces)
    const count = { supplyId: 'supply1', country: 'US', responses: [], priceMicros: 0 }
    const span = traces.start('auction', 'INTERNAL', undefined, {})
    tracer.counting(count, askerWith({}, span))
    const spans = tracer.gather(undefined, count) ?? []
    const commit = vi.fn().mockRejectedValueOnce(new TypeError('away')).mockResolvedValueOnce(undefined)
    await expect(tracer.commit(spans, 1, commit)).rejects.toThrow('away')
    await tracer.commit(spans, 1, commit)
    await traces.dispose()
    const { traceId, spanId } = span.spanContext()
    expect(await receiver.ofTrace(traceId, 2)).toMatchObject([
      { parentSpanId: spanId, isError: true, attributes: { 'error.type': 'TypeError' } },
      { parentSpanId: spanId, isError: false },
    ])
  })
})
