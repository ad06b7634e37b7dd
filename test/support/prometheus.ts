import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from './free-port.ts'

export const PROMETHEUS_FOLDER = new URL('../../deploy/prometheus/', import.meta.url)

export interface Prometheus {
  /** The values that a query has now, by their labels as JSON. */
  query(expression: string): Promise<Record<string, number>>
  /** What its API answers. */
  api<T>(path: string): Promise<T>
  dispose(): Promise<void>
}

/**
 * Starts a Prometheus with deploy/prometheus/ as it is, but for whom it asks and how often.
 * @param targets instances, as host:port
 */
export async function startPrometheus(targets: readonly string[]): Promise<Prometheus> {
  const directory = await mkdtemp(join(tmpdir(), 'auction-prometheus-'))
  const port = await freePort()
  const config = join(directory, 'prometheus.yml')
  await copyFile(new URL('alerts.yml', PROMETHEUS_FOLDER), join(directory, 'alerts.yml'))
  await writeFile(config, localConfig(await readFile(new URL('prometheus.yml', PROMETHEUS_FOLDER), 'utf8'), targets))
  const child = spawn('prometheus', [
    `--config.file=${config}`,
    `--storage.tsdb.path=${join(directory, 'data')}`,
    `--web.listen-address=127.0.0.1:${port}`,
    '--log.level=warn',
  ])
  let output = ''
  child.stderr.on('data', (part) => {
    output += part
  })
  const exited = once(child, 'exit')
  const url = `http://127.0.0.1:${port}`
  async function dispose(): Promise<void> {
    child.kill('SIGKILL')
    await exited
    await rm(directory, { recursive: true, force: true })
  }
  if (!(await untilReady(`${url}/-/ready`))) {
    await dispose()
    throw new Error(`Prometheus did not start:\n${output}`)
  }

  async function api<T>(path: string): Promise<T> {
    const answer = (await (await fetch(`${url}/api/v1/${path}`)).json()) as { data: T; error?: string }
    if (answer.error !== undefined) throw new Error(`${decodeURIComponent(path)}: ${answer.error}`)
    return answer.data
  }
  return {
    api,
    async query(expression) {
      const { result } = await api<QueryData>(`query?query=${encodeURIComponent(expression)}`)
      return Object.fromEntries(result.map(({ metric, value }) => [JSON.stringify(metric), Number(value[1])]))
    },
    dispose,
  }
}

interface QueryData {
  readonly result: readonly { readonly metric: object; readonly value: readonly [number, string] }[]
}

/** Puts a test's addresses in; each must be there to be replaced, so that the file tested is the file shipped. */
function localConfig(config: string, targets: readonly string[]): string {
  const replacements: readonly (readonly [string, string])[] = [
    ['scrape_interval: 15s', `scrape_interval: ${INTERVAL}`],
    ['evaluation_interval: 15s', `evaluation_interval: ${INTERVAL}`],
    ["['app1:9464', 'app2:9464']", JSON.stringify(targets)],
  ]
  return replacements.reduce((text, [shipped, local]) => {
    if (!text.includes(shipped)) throw new Error(`deploy/prometheus/prometheus.yml no longer has "${shipped}".`)
    return text.replace(shipped, local)
  }, config)
}

async function untilReady(url: string): Promise<boolean> {
  const deadline = Date.now() + READY_TIMEOUT_MS
  while (Date.now() < deadline) {
    const isReady = await fetch(url).then(
      ({ ok }) => ok,
      () => false,
    )
    if (isReady) return true
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
  return false
}

const INTERVAL = '250ms'
const READY_TIMEOUT_MS = 60_000
const POLL_MS = 50
