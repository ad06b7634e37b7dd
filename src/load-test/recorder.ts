import { createHistogram, type RecordableHistogram } from 'node:perf_hooks'
import type { Answer } from './types.ts'

/** What a load test measured. Times are in milliseconds. */
export interface LoadReport {
  /** From the first request's time to the last answer. */
  readonly elapsedMs: number
  /** Requests that were answered with a result, of whatever type. */
  readonly answers: number
  /** Answers per second. */
  readonly throughput: number
  readonly answersByType: Readonly<Record<string, number>>
  readonly errors: number
  readonly errorsByCode: Readonly<Record<string, number>>
  /** Requests that were due and never sent, because too many were waiting for their answers already. */
  readonly unsent: number
  /** Of answers alone; undefined where there was none. */
  readonly latencyMs: Percentiles | undefined
  /** The service's own part: the latency less the bidders' time. */
  readonly ownMs: Percentiles | undefined
  /** The service's own part of all delay, 0 to 1. */
  readonly ownShare: number | undefined
}

export interface Percentiles {
  readonly p50: number
  readonly p90: number
  readonly p99: number
  readonly p999: number
  readonly max: number
  readonly mean: number
}

/** Takes in answers as they come. */
export interface Recorder {
  record(answer: Answer, latencyMs: number): void
  answers(): number
  errors(): number
  report(run: { readonly elapsedMs: number; readonly unsent: number }): LoadReport
}

export function createRecorder(): Recorder {
  const latency = createHistogram(HISTOGRAM)
  const own = createHistogram(HISTOGRAM)
  const answersByType = new Map<string, number>()
  const errorsByCode = new Map<string, number>()
  let answers = 0
  let errors = 0
  let delayMs = 0
  let ownDelayMs = 0

  return {
    record({ errorCode, resultType, biddersMs }, latencyMs) {
      if (errorCode !== undefined) {
        errors++
        increment(errorsByCode, errorCode)
        return
      }
      answers++
      increment(answersByType, resultType ?? '')
      latency.record(toMicroseconds(latencyMs))
      if (biddersMs === undefined) return
      const ownMs = Math.max(0, latencyMs - biddersMs)
      own.record(toMicroseconds(ownMs))
      delayMs += latencyMs
      ownDelayMs += ownMs
    },
    answers: () => answers,
    errors: () => errors,
    report: ({ elapsedMs, unsent }) => ({
      elapsedMs,
      answers,
      throughput: elapsedMs > 0 ? (answers / elapsedMs) * 1000 : 0,
      answersByType: Object.fromEntries(answersByType),
      errors,
      errorsByCode: Object.fromEntries(errorsByCode),
      unsent,
      latencyMs: percentiles(latency),
      ownMs: percentiles(own),
      ownShare: delayMs > 0 ? ownDelayMs / delayMs : undefined,
    }),
  }
}

function increment(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1)
}

function percentiles(histogram: RecordableHistogram): Percentiles | undefined {
  if (histogram.count === 0) return undefined
  const at = (percentile: number) => histogram.percentile(percentile) / 1000
  return {
    p50: at(50),
    p90: at(90),
    p99: at(99),
    p999: at(99.9),
    max: histogram.max / 1000,
    mean: histogram.mean / 1000,
  }
}

function toMicroseconds(ms: number): number {
  return Math.min(HISTOGRAM.highest, Math.max(HISTOGRAM.lowest, Math.round(ms * 1000)))
}

/** In microseconds, up to ten minutes; Node's own HDR histogram, to three significant figures. */
const HISTOGRAM = { lowest: 1, highest: 600_000_000, figures: 3 }
