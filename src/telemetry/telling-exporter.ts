import type { SpanExporter } from '@opentelemetry/sdk-trace'
import type { Logger } from '../log.ts'

export interface TellingExporterOptions {
  readonly exporter: SpanExporter
  /** Where it sends to, as the log may say it. */
  readonly address: string
  readonly log: Pick<Logger, 'info' | 'warn'>
}

/** An exporter that says in the log when it cannot send any longer, and when it can again, each once. */
export function tellingExporter({ exporter, address, log }: TellingExporterOptions): SpanExporter {
  let isAway = false
  return {
    export(spans, onResult) {
      exporter.export(spans, (result) => {
        const failed = result.error !== undefined || result.code !== SUCCESS
        if (failed && !isAway) {
          log.warn(`traces cannot be sent to ${address}, and are dropped: ${result.error?.message || 'no answer'}`)
        }
        if (!failed && isAway) log.info(`traces are sent to ${address} again`)
        isAway = failed
        onResult(result)
      })
    },
    shutdown: () => exporter.shutdown(),
    forceFlush: async () => exporter.forceFlush?.(),
  }
}

/** Of the exporters' results. */
const SUCCESS = 0
