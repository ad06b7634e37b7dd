import type { SpanExporter } from '@opentelemetry/sdk-trace'
import { describe, expect, it } from 'vitest'
import { tellingExporter } from '../../src/telemetry/telling-exporter.ts'

describe('tellingExporter', () => {
  it('should say once that nobody takes them, and once that somebody does again', () => {
    const results = [0, 1, 1, 1, 0, 0, 1].map((code) => ({ code, ...(code === 1 && { error: new Error('503') }) }))
    const inner: Pick<SpanExporter, 'export'> = {
      export: (_spans, onResult) => onResult(results.shift() ?? { code: 0 }),
    }
    const lines: string[] = []
    const log = { info: (line: string) => lines.push(line), warn: (line: string) => lines.push(line) }
    const exporter = tellingExporter({
      exporter: inner as SpanExporter,
      address: 'http://collector',
      log: log as never,
    })
    const codes: number[] = []
    while (results.length > 0) exporter.export([], ({ code }) => codes.push(code))
    expect(codes).toEqual([0, 1, 1, 1, 0, 0, 1])
    expect(lines).toEqual([
      'traces cannot be sent to http://collector, and are dropped: 503',
      'traces are sent to http://collector again',
      'traces cannot be sent to http://collector, and are dropped: 503',
    ])
  })
})
