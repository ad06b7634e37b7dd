import { randomInt } from 'node:crypto'
import { defineCommand } from 'citty'
import { idOfToken } from '../access/token.ts'
import { discoverTargets, LoadTestError } from '../load-test/discover.ts'
import { formatReport } from '../load-test/format-report.ts'
import { createHttpTransport } from '../load-test/http-transport.ts'
import { createRecorder, type LoadReport, type Recorder } from '../load-test/recorder.ts'
import { ADDRESSES, createRequests, type RequestsOptions } from '../load-test/requests.ts'
import { type Pace, runLoad } from '../load-test/run-load.ts'
import { createWebSocketTransport } from '../load-test/ws-transport.ts'
import { decimal, oneOf, SOME_TEXT, type ValueKind, wholeNumber } from '../value-kinds.ts'
import { runCommand } from './command-error.ts'
import { COUNTRY, IP_ADDRESS, OptionError, parseOption, TMAX, TMAX_ARGUMENT } from './options.ts'
import { createProgressBar } from './progress-bar.ts'

const DEFAULT_CONCURRENCY = 64
/** Also the most connections. */
const MAX_CONCURRENCY = 10_000
const MAX_RATE = 1_000_000

export const loadTestCommand = defineCommand({
  meta: {
    name: 'load-test',
    description: 'Load a running service with auctions; print latency, throughput and errors.',
  },
  args: {
    url: { type: 'string', default: 'http://127.0.0.1:4000/graphql', description: 'The service’s GraphQL endpoint' },
    rate: {
      type: 'string',
      valueHint: 'N',
      description:
        'Requests a second on a fixed timetable. Latency counts from when each was due, so that a stall is charged in full',
    },
    concurrency: {
      type: 'string',
      valueHint: 'N',
      description: `Or so many in flight, each following an answer (default: ${DEFAULT_CONCURRENCY})`,
    },
    duration: { type: 'string', default: '10', valueHint: 'SECONDS', description: 'How long, 0.1 to 3600 s' },
    connections: {
      type: 'string',
      valueHint: 'N',
      description: 'The most connections open (default: as many as needed over http, 1 over ws)',
    },
    protocol: { type: 'string', default: 'http', valueHint: 'http|ws', description: 'GraphQL over HTTP or WebSocket' },
    supply: { type: 'string', valueHint: 'ID', description: 'The supply that sells (default: all, in turn)' },
    country: {
      type: 'string',
      valueHint: 'US',
      description: 'The users’ country (default: for each supply the one with the most bidders)',
    },
    tmax: TMAX_ARGUMENT,
    ip: {
      type: 'string',
      valueHint: 'ADDRESS',
      description: 'The address of every request (default: a new one each, so that no limit refuses them)',
    },
    'api-key': {
      type: 'string',
      valueHint: 'TOKEN',
      description:
        'Where the service asks for one (default: the environment variable API_KEY, which no other user sees)',
    },
    json: { type: 'boolean', default: false, description: 'Print one JSON document instead of lines' },
  },
  run: ({ args }) => runCommand(() => loadTest(parseOptions(args), args.json)),
})

interface LoadTestOptions {
  readonly url: URL
  readonly protocol: 'http' | 'ws'
  readonly pace: Pace
  readonly connections: number
  readonly durationMs: number
  readonly tmaxMs: number
  readonly supplyId: string | undefined
  readonly country: string | undefined
  readonly ip: string | undefined
  readonly apiKey: string | undefined
}

type Args = Readonly<Record<'url' | 'duration' | 'protocol' | 'tmax', string>> &
  Readonly<
    Partial<
      Record<'rate' | 'concurrency' | 'connections' | 'supply' | 'country' | 'ip' | 'api-key', string | undefined>
    >
  >

/** @throws OptionError naming the first option that cannot be used */
function parseOptions(args: Args): LoadTestOptions {
  const protocol = parseOption('--protocol', args.protocol, oneOf(['http', 'ws']))
  const supplyId = args.supply === undefined ? undefined : parseOption('--supply', args.supply, SUPPLY_ID)
  const country = args.country === undefined ? undefined : parseOption('--country', args.country, COUNTRY)
  const ip = args.ip === undefined ? undefined : parseOption('--ip', args.ip, IP_ADDRESS)
  const tmaxMs = parseOption('--tmax', args.tmax, TMAX)
  const pace = parsePace(args)
  const connections =
    args.connections === undefined
      ? defaultConnections(protocol, pace, tmaxMs)
      : parseOption('--connections', args.connections, wholeNumber(1, MAX_CONCURRENCY))
  const durationMs = parseOption('--duration', args.duration, decimal(0.1, 3600, 'a number of seconds')) * 1000
  const url = parseOption('--url', args.url, ENDPOINT)
  const apiKey = args['api-key'] ?? (process.env.API_KEY || undefined)
  // It is not shown, as other values are that cannot be used.
  if (apiKey !== undefined && idOfToken(apiKey) === undefined) {
    throw new OptionError(
      '--api-key, or API_KEY, is no API key, which begins with auk_: auction keys create makes one.',
    )
  }
  return { url, protocol, pace, connections, durationMs, tmaxMs, supplyId, country, ip, apiKey }
}

function parsePace({ rate, concurrency }: Args): Pace {
  if (rate === undefined) {
    const text = concurrency ?? `${DEFAULT_CONCURRENCY}`
    return { concurrency: parseOption('--concurrency', text, wholeNumber(1, MAX_CONCURRENCY)) }
  }
  if (concurrency !== undefined) throw new OptionError('--rate and --concurrency exclude each other: give one of them.')
  return { ratePerSecond: parseOption('--rate', rate, wholeNumber(1, MAX_RATE)) }
}

/** Over HTTP enough that no request waits for a connection even where every auction takes tmax. */
function defaultConnections(protocol: 'http' | 'ws', pace: Pace, tmaxMs: number): number {
  if (protocol === 'ws') return 1
  if ('concurrency' in pace) return pace.concurrency
  return Math.min(MAX_CONCURRENCY, MIN_CONNECTIONS + Math.ceil((pace.ratePerSecond * tmaxMs * 1.25) / 1000))
}

async function loadTest(options: LoadTestOptions, isJson: boolean): Promise<void> {
  const { url, protocol, pace, connections, durationMs } = options
  const targets = await discoverTargets(options)
  const endpoint = protocol === 'ws' ? new URL(url.href.replace(/^http/, 'ws')) : url
  const transport = (protocol === 'ws' ? createWebSocketTransport : createHttpTransport)({
    url: endpoint,
    connections,
    apiKey: options.apiKey,
  })
  const recorder = createRecorder()
  const interruption = new AbortController()
  const interrupt = () => interruption.abort()
  process.once('SIGINT', interrupt)
  const stopProgress = showProgress(recorder, durationMs)
  let report: LoadReport
  try {
    const requests: RequestsOptions = { ...options, targets, firstAddress: randomInt(ADDRESSES) }
    const nextRequest = createRequests(requests)
    report = recorder.report(
      await runLoad({ transport, nextRequest, recorder, pace, durationMs, signal: interruption.signal }),
    )
  } finally {
    stopProgress()
    process.off('SIGINT', interrupt)
    await transport.dispose()
  }

  const setup = { url: endpoint.href, protocol, ...pace, connections, supplies: targets.length }
  if (isJson) process.stdout.write(`${JSON.stringify({ ...setup, ...report })}\n`)
  else process.stdout.write(`${describeSetup(endpoint, options, targets.length)}\n\n${formatReport(report)}\n`)
  if (report.answers === 0) throw new LoadTestError(`${endpoint} answered no request with a result.`)
}

function describeSetup(endpoint: URL, { pace, connections }: LoadTestOptions, supplies: number): string {
  const load = 'concurrency' in pace ? `${pace.concurrency} in flight` : `${pace.ratePerSecond} requests a second`
  return `${endpoint}: ${load}, ${connections} connections at most, ${supplies} supplies`
}

/** Shows a bar on a terminal. Returns the function that removes it. */
function showProgress(recorder: Recorder, durationMs: number): () => void {
  const bar = createProgressBar('{bar} {value}/{total} s  {answers} answers  {errors} errors')
  const startedAt = performance.now()
  const timer = setInterval(() => {
    const values = { answers: recorder.answers(), errors: recorder.errors() }
    bar.update(Math.floor((performance.now() - startedAt) / 1000), Math.ceil(durationMs / 1000), values)
  }, PROGRESS_INTERVAL_MS)
  return () => {
    clearInterval(timer)
    bar.stop()
  }
}

const SUPPLY_ID: ValueKind<string> = { ...SOME_TEXT, allowed: 'a supply’s id' }
const ENDPOINT: ValueKind<URL> = {
  allowed: 'a URL such as http://127.0.0.1:4000/graphql',
  parse: (text) => {
    const url = URL.canParse(text) ? new URL(text) : undefined
    const protocol = url && HTTP_PROTOCOLS[url.protocol]
    if (!protocol) return undefined
    url.protocol = protocol
    return url
  },
}
const HTTP_PROTOCOLS: Readonly<Record<string, string>> = {
  'http:': 'http:',
  'https:': 'https:',
  'ws:': 'http:',
  'wss:': 'https:',
}
const MIN_CONNECTIONS = 16
const PROGRESS_INTERVAL_MS = 200
