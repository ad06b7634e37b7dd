import { setImmediate as nextTurn } from 'node:timers/promises'
import { collectDefaultMetrics, Registry } from 'prom-client'
import type { Family, Labels, Line } from './family.ts'

/** What Prometheus is told. */
export interface Metrics {
  readonly contentType: string
  /** Everything, in Prometheus's text format. Whoever asks while it is being read is given the same. Rejects where a family does. */
  scrape(): Promise<string>
}

/** Families of our own, then what prom-client says of the process. */
export function createMetrics(families: readonly Family[]): Metrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  // They are lists of every open socket, made for each scrape; connections are counted by a family of our own.
  for (const name of LISTS_OF_SOCKETS) registry.removeSingleMetric(name)
  const ofProcess = registry.getMetricsAsArray().map(({ name }) => name)
  let reading: Promise<string> | undefined

  return {
    contentType: registry.contentType,
    scrape() {
      reading ??= read().finally(() => {
        reading = undefined
      })
      return reading
    },
  }

  /** Auctions have their turns in between: with very many bidders there are some thousand lines. */
  async function read(): Promise<string> {
    const lines: string[] = []
    for (const family of families) {
      const { name, type, help } = family
      lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`)
      for (const line of await family.read()) {
        lines.push(textOf(name, line))
        if (lines.length % LINES_PER_TURN === 0) await nextTurn()
      }
    }
    for (const name of ofProcess) {
      await nextTurn()
      lines.push(await registry.getSingleMetricAsString(name))
    }
    return `${lines.join('\n')}\n`
  }
}

function textOf(name: string, { suffix = '', labels, value }: Line): string {
  return `${name}${suffix}${labelsText(labels)} ${value}`
}

function labelsText(labels: Labels): string {
  let text = ''
  for (const name in labels) {
    const value = String(labels[name])
    const escaped = SPECIAL.test(value)
      ? value.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"')
      : value
    text += `${text === '' ? '' : ','}${name}="${escaped}"`
  }
  return text === '' ? '' : `{${text}}`
}

const SPECIAL = /["\\\n]/
/** Some half of a millisecond. */
const LINES_PER_TURN = 250
const LISTS_OF_SOCKETS = [
  'nodejs_active_handles',
  'nodejs_active_handles_total',
  'nodejs_active_requests',
  'nodejs_active_requests_total',
  'nodejs_active_resources',
  'nodejs_active_resources_total',
]
