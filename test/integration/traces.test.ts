import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { pino } from 'pino'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { Asker } from '../../src/asker.ts'
import { parseConfig } from '../../src/config.ts'
import { createDisposer, type Disposer } from '../../src/disposer.ts'
import { openTraces, type Traces } from '../../src/telemetry/traces.ts'
import { traceHeaders } from '../../src/trace-context.ts'
import { freePort } from '../support/free-port.ts'
import { type OtlpReceiver, startOtlpReceiver } from '../support/otlp-receiver.ts'

const CALLER = '0af7651916cd43dd8448eb211c80319c'
const SAMPLED = { traceparent: `00-${CALLER}-b7ad6b7169203331-01` }
const UNSAMPLED = { traceparent: `00-${CALLER}-b7ad6b7169203331-00` }

let receiver: OtlpReceiver
let disposer: Disposer
let lines: string[] = []
beforeAll(async () => {
  receiver = await startOtlpReceiver()
})
afterAll(() => receiver?.dispose())
afterEach(() => disposer?.dispose())

async function open(env: Readonly<Record<string, string>> = {}): Promise<Traces> {
  lines = []
  disposer = createDisposer()
  const log = pino({ level: 'info' }, { write: (line: string) => void lines.push(JSON.parse(line).msg) })
  const config = parseConfig({ OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, ...env })
  const traces = await openTraces({ config, instance: { name: 'test-1' }, log })
  if (!traces) throw new Error('They are off.')
  disposer.add(() => traces.dispose())
  return traces
}

function askerWith(headers: IncomingHttpHeaders): Asker {
  return { origin: { request: { headers } as IncomingMessage } }
}

describe('openTraces', () => {
  it('should open none where there is no endpoint', async () => {
    const config = parseConfig({ OTEL_TRACES_SAMPLER: 'always_on' })
    expect(await openTraces({ config, instance: { name: 'test-1' }, log: pino({ level: 'silent' }) })).toBeUndefined()
  })

  it.each([
    ['parentbased_always_on', [true, true, false]],
    ['parentbased_always_off', [false, true, false]],
    ['parentbased_traceidratio', [false, true, false]],
    ['always_on', [true, true, true]],
    ['always_off', [false, false, false]],
    ['traceidratio', [false, false, false]],
  ])('should trace, by %s, those it is to', async (sampler, kept) => {
    const traces = await open({ OTEL_TRACES_SAMPLER: sampler, OTEL_TRACES_SAMPLER_ARG: '0' })
    const askers = [askerWith({}), askerWith(SAMPLED), askerWith(UNSAMPLED)]
    const spans = askers.map((asker) => traces.start(sampler, 'SERVER', asker, {}))
    expect(spans.map((span) => span.isRecording())).toEqual(kept)
    // Others are told in any case, and what was decided.
    const flags = spans.map((span) => traceHeaders(span.spanContext())[1]?.slice(-2))
    expect(flags).toEqual(kept.map((isKept) => (isKept ? '01' : '00')))
    for (const span of spans) span.end()
    await disposer.dispose()
    expect(receiver.spans.filter(({ name }) => name === sampler)).toHaveLength(kept.filter(Boolean).length)
  })

  it('should cost no more than the spans, and a line, where nobody takes them', async () => {
    const endpoint = `http://user:s3cr3t@127.0.0.1:${await freePort()}`
    const traces = await open({ OTEL_EXPORTER_OTLP_ENDPOINT: endpoint })
    for (let spans = 0; spans < 5000; spans++) traces.start('lost', 'INTERNAL', undefined, {}).end()
    const startedAt = performance.now()
    await disposer.dispose()
    expect(performance.now() - startedAt).toBeLessThan(2000)
    expect(lines).toEqual([expect.stringMatching(/^the last traces could not be sent to http:\/\/user:\*\*\*@127/)])
  })

  it('should bound what clients can have it say', async () => {
    const traces = await open()
    traces.start('long', 'INTERNAL', undefined, { text: 'x'.repeat(100_000) }).end()
    await disposer.dispose()
    expect(receiver.spans.find(({ name }) => name === 'long')?.attributes.text).toHaveLength(256)
  })
})
