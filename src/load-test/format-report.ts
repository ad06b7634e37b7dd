import type { LoadReport, Percentiles } from './recorder.ts'

/** A load test's report as lines for a person. */
export function formatReport(report: LoadReport): string {
  const { answers, throughput, elapsedMs, answersByType, errors, errorsByCode, unsent, ownShare } = report
  const lines = [
    `answers   ${count(answers)} in ${(elapsedMs / 1000).toFixed(1)} s, ${count(Math.round(throughput))} a second${breakdown(answersByType)}`,
    `errors    ${count(errors)}${breakdown(errorsByCode)}`,
  ]
  if (unsent > 0) {
    lines.push(`unsent    ${count(unsent)} that were due: too many were unanswered, so the true latency is higher`)
  }
  if (report.latencyMs) {
    lines.push('', `${' '.repeat(10)}${HEADINGS.map((heading) => heading.padStart(COLUMN)).join('')}  (ms)`)
    lines.push(`latency   ${row(report.latencyMs)}`)
  }
  if (report.ownMs) lines.push(`own       ${row(report.ownMs)}  the latency less the bidders’ time`)
  if (ownShare !== undefined) lines.push('', `The service’s own share of the delay: ${(ownShare * 100).toFixed(1)} %`)
  return lines.join('\n')
}

function row({ p50, p90, p99, p999, max, mean }: Percentiles): string {
  return [p50, p90, p99, p999, max, mean].map((value) => value.toFixed(2).padStart(COLUMN)).join('')
}

function breakdown(counts: Readonly<Record<string, number>>): string {
  const parts = Object.entries(counts)
    .sort(([, a], [, b]) => b - a)
    .map(([name, value]) => `${name} ${count(value)}`)
  return parts.length > 0 ? `  (${parts.join(', ')})` : ''
}

function count(value: number): string {
  return value.toLocaleString('en-US')
}

const HEADINGS = ['p50', 'p90', 'p99', 'p99.9', 'max', 'mean']
const COLUMN = 10
