import type { LoadReport } from '../../src/load-test/recorder.ts'
import type { Pace } from '../../src/load-test/run-load.ts'
import type { OverheadWindow } from '../../src/server/own-overhead.ts'

/** What a section is run with. */
export interface Bench {
  readonly loader: Loader
  /** Waits for what is started, and stops it after the section. */
  readonly use: <T extends { stop(): unknown }>(starting: T | Promise<T>) => Promise<T>
  readonly progress: (what: string) => void
  readonly settings: Settings
  /** The largest catalogue. */
  readonly supplies: number
  /** How many auctions count as a million. */
  readonly auctions: number
}

export interface Settings {
  readonly rounds: number
  readonly seconds: number
  readonly warmUpSeconds?: number
  readonly progress?: (what: string) => void
}

/** What a section found: paragraphs and tables of Markdown, and figures with their goals. */
export interface Findings {
  readonly lines: readonly string[]
  readonly goals: readonly Goal[]
}

export interface Goal {
  readonly figure: string
  readonly goal: string
  readonly measured: string
  readonly isMet: boolean
}

export interface Section {
  readonly title: string
  run(bench: Bench): Promise<Findings>
}

/** A server under test, a process of its own. */
export interface Server {
  readonly name: string
  readonly url: string
  readonly pid: number
  readonly body: keyof Bodies
  readonly supplies: number
  /** From its start to its first auction, in milliseconds. */
  readyMs: number
  /** CPU time used so far by all its threads, user and system, in nanoseconds. */
  cpuNs(): number
  /** The same of the thread that answers. */
  mainThreadCpuNs(): number
  /** @throws where it does not answer one auction as it should */
  oneAuction(): Promise<void>
  /** Resident memory, in bytes. */
  rss(): number
  /** After a garbage collection; only where it was started with `memory`. */
  memory(): Promise<NodeJS.MemoryUsage>
  stop(): Promise<void>
}

export interface ServerOptions {
  readonly name?: string
  readonly supplies?: number
  readonly env?: Readonly<Record<string, string>>
  readonly memory?: boolean
  /** Node's own options, of a peer. */
  readonly flags?: readonly string[]
}

/** How a request is written, by the kind of server. */
export interface Bodies {
  readonly graphql: unknown
  readonly raw: unknown
}

/** What the load generator is told. */
export interface Job {
  readonly url: string
  readonly body: keyof Bodies
  readonly supplies: number
  readonly protocol: 'http' | 'ws'
  readonly connections: number
  readonly pace: Pace
  readonly tmaxMs: number
  readonly durationMs: number
}

export type LoadOptions = Partial<Job> & { readonly maxErrorShare?: number }

/** What a process measured of itself. Times are in milliseconds, shares are of the time that it was watched, 0 to 1. */
export interface OwnTails {
  /** How late its event loop was, for whatever reason. */
  readonly loopDelayMs: { readonly p99: number; readonly p999: number; readonly max: number }
  /** Its longest garbage collection, and all of them. */
  readonly collectionMs: { readonly max: number; readonly share: number }
  /** How long it waited for a processor. */
  readonly runDelayShare: number
}

/** What the load generator says of a run: of the server, and of itself. */
export type GeneratorReport = LoadReport & { readonly generator: OwnTails }

/** A load's report, with the server's CPU time per answer, in microseconds. */
export type Report = GeneratorReport & {
  readonly cpuUs: number
  /** What the service said of its own latency at the round's end. */
  readonly latency?: OverheadWindow
}

export interface Loader {
  measure(server: Server, options: LoadOptions & { readonly durationMs: number }): Promise<Report>
  stop(): Promise<void>
}

/** What is measured in turn with others. */
export interface Case {
  readonly name: string
  readonly server: Server
  readonly options?: LoadOptions
}
