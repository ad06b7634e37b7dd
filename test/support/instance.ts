import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { freePort } from './free-port.ts'

/** The service as its users run it; test/support/build.ts builds it before the tests that start processes. */
const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url))
const READY_TIMEOUT_MS = 60_000
/** A command may have a lot to read, on a machine that does other things. */
const COMMAND_TIMEOUT_MS = 80_000
const POLL_MS = 20

/** One line of an instance's log. */
export interface LogLine {
  readonly level: number
  readonly msg: string
  readonly [field: string]: unknown
}

export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export interface DependencyReadiness {
  readonly status: string
  readonly pendingCounts?: number
  readonly pendingAuctions?: number
  readonly error?: string
}

/** What /readyz answers, with its HTTP status. */
export interface Readiness {
  readonly httpStatus: number
  readonly status: string
  readonly dependencies: Readonly<Record<string, DependencyReadiness>>
  readonly load: { readonly auctionsInFlight: number }
}

/** An `auction serve` process of a test's own. */
export interface Instance {
  readonly url: string
  readonly graphqlUrl: string
  readonly port: number
  readonly pid: number
  /** Its log so far, the oldest line first. */
  readonly log: readonly LogLine[]
  readiness(): Promise<Readiness>
  /** Sends a signal and does not wait. */
  signal(name: NodeJS.Signals): void
  /** Resolves when the process has ended. */
  readonly exited: Promise<Exit>
  /** Ends it without warning, as a crash does, where it still runs. */
  dispose(): Promise<void>
}

/** Environment variables for `auction`; everything else that configures it is left out of the test's own. */
export type InstanceEnv = Readonly<Record<string, string>>

export interface InstanceOptions {
  readonly port?: number
  /** The program, where it is not this project's own build. */
  readonly main?: string
}

/**
 * Starts one instance, on a free port unless one is given; resolves when it answers, ready or not.
 * @throws with its output where it ends instead
 */
export async function startInstance(env: InstanceEnv, options: InstanceOptions = {}): Promise<Instance> {
  const port = options.port ?? (await freePort())
  const child = spawnAuction(
    ['serve'],
    { LOG_LEVEL: 'info', MAX_EVENT_LOOP_DELAY_MS: '0', ...env, PORT: `${port}`, HOST: '127.0.0.1' },
    options.main,
  )
  const log: LogLine[] = []
  const errors: string[] = []
  eachLine(child.stdout, (line) => log.push(parseLogLine(line)))
  eachLine(child.stderr, (line) => errors.push(line))
  const exited = untilExited(child)
  const url = `http://127.0.0.1:${port}`
  const deadline = Date.now() + READY_TIMEOUT_MS
  for (;;) {
    const answered = await fetch(`${url}/livez`).then(
      (response) => response.ok,
      () => false,
    )
    if (answered) break
    if (child.exitCode !== null || child.signalCode !== null || Date.now() > deadline) {
      child.kill('SIGKILL')
      throw new Error(`The instance did not start:\n${[...errors, ...log.map((line) => line.msg)].join('\n')}`)
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
  return {
    url,
    graphqlUrl: `${url}/graphql`,
    port,
    pid: child.pid ?? 0,
    log,
    readiness: async () => {
      const response = await fetch(`${url}/readyz`)
      return { httpStatus: response.status, ...((await response.json()) as Omit<Readiness, 'httpStatus'>) }
    },
    signal: (name) => void child.kill(name),
    exited,
    dispose: async () => {
      child.kill('SIGKILL')
      await exited
    },
  }
}

/**
 * Runs one command of `auction` to its end and gives what it printed.
 * @throws with its output where it fails
 */
export async function runAuctionCommand(args: readonly string[], env: InstanceEnv): Promise<string> {
  const child = spawnAuction(args, env)
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (part) => {
      output += part
    })
  }
  const late = setTimeout(() => child.kill('SIGKILL'), COMMAND_TIMEOUT_MS)
  const { code } = await untilExited(child)
  clearTimeout(late)
  if (code !== 0) throw new Error(`auction ${args.join(' ')} ended with ${code}:\n${output}`)
  return output
}

/** An `auction worker` process of a test's own. */
export function startWorker(env: InstanceEnv): { kill(): Promise<void>; dispose(): Promise<void> } {
  const child = spawnAuction(['worker'], env)
  // Nobody reads what it prints.
  child.stdout?.resume()
  child.stderr?.resume()
  const exited = untilExited(child)
  async function kill(): Promise<void> {
    child.kill('SIGKILL')
    await exited
  }
  return { kill, dispose: kill }
}

function spawnAuction(args: readonly string[], env: InstanceEnv, main = MAIN): ChildProcess {
  const { PATH = '', HOME = '' } = process.env
  return spawn(process.execPath, [main, ...args], {
    env: { PATH, HOME, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

async function untilExited(child: ChildProcess): Promise<Exit> {
  // 'close' comes when the output has been read as well.
  const [code, signal] = await once(child, 'close')
  return { code, signal }
}

function eachLine(stream: NodeJS.ReadableStream | null, listener: (line: string) => void): void {
  if (stream) createInterface({ input: stream }).on('line', listener)
}

function parseLogLine(line: string): LogLine {
  try {
    return JSON.parse(line)
  } catch {
    return { level: 0, msg: line }
  }
}
