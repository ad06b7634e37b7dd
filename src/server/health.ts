import { messageOf } from '../db/database-error.ts'
import { inTime } from '../in-time.ts'
import type { LoadSheddingState } from './load-shedding.ts'
import type { OverheadWindow } from './own-overhead.ts'

/** What `/readyz` answers from. */
export interface Health {
  /** Asks every dependency for its state. Never rejects. */
  check(): Promise<HealthReport>
  /** From now on the service says that it is shutting down. */
  startShutdown(): void
}

export interface HealthReport {
  /** 503 only where the service cannot serve. */
  readonly httpStatus: 200 | 503
  readonly body: {
    /** `degraded`: auctions are sold, but something that is not needed for it is away. */
    readonly status: 'ready' | 'degraded' | 'not ready' | 'shutting down'
    readonly dependencies: Readonly<Record<string, DependencyState>>
    readonly latency: OverheadWindow
    readonly load: LoadSheddingState
    readonly liveStatistics: {
      readonly subscribers: number
      /** For how long values have been held back all the time, in milliseconds; 0 where everybody has been told everything. */
      readonly heldBackMs: number
    }
  }
}

export interface DependencyState {
  readonly status: 'up' | 'down'
  /** What it is, such as `embedded` or `server`. */
  readonly kind?: string
  readonly [detail: string]: unknown
}

/** Each dependency's state, by name; undefined where there is none of it. May reject: then it is down. */
export type DependencyChecks = Record<string, DependencyCheck>
type DependencyCheck = () => DependencyState | undefined | Promise<DependencyState>

export interface HealthDependencies {
  readonly dependencies: Readonly<DependencyChecks>
  /** Whether auctions can be sold at all: the catalogue is loaded. */
  readonly canServe: () => boolean
  readonly latency: () => OverheadWindow
  readonly load: () => LoadSheddingState
  readonly liveStatistics: () => HealthReport['body']['liveStatistics']
}

export function createHealth({ dependencies, canServe, latency, load, liveStatistics }: HealthDependencies): Health {
  let isShuttingDown = false
  return {
    async check() {
      const states = await statesOf(dependencies)
      const allUp = Object.values(states).every((state) => state.status === 'up')
      const isServing = canServe() && !isShuttingDown
      const status = isShuttingDown ? 'shutting down' : !isServing ? 'not ready' : allUp ? 'ready' : 'degraded'
      return {
        httpStatus: isServing ? 200 : 503,
        body: {
          status,
          dependencies: states,
          latency: latency(),
          load: load(),
          liveStatistics: liveStatistics(),
        },
      }
    },
    startShutdown() {
      isShuttingDown = true
    },
  }
}

/** What each dependency says of itself, where it is there. One that fails, or says nothing in time, is down. Never rejects. */
export async function statesOf(checks: Readonly<DependencyChecks>): Promise<Record<string, DependencyState>> {
  const states = await Promise.all(
    Object.entries(checks).map(async ([name, check]) => [name, await stateOf(check)] as const),
  )
  return Object.fromEntries(states.filter(isThere))
}

function isThere(entry: readonly [string, DependencyState | undefined]): entry is readonly [string, DependencyState] {
  return entry[1] !== undefined
}

async function stateOf(check: DependencyCheck): Promise<DependencyState | undefined> {
  try {
    return await inTime(check(), CHECK_TIMEOUT_MS)
  } catch (error) {
    return { status: 'down', error: messageOf(error) }
  }
}

/** A dependency that says nothing for so long counts as down, in milliseconds. */
const CHECK_TIMEOUT_MS = 1000
