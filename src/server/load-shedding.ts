import type { ExecutionResult } from 'graphql'
import { shed as shedError } from '../graphql/errors.ts'
import type { Logger } from '../log.ts'
import { BEAT_MS, createAdmittedShare } from './admitted-share.ts'

/**
 * Refuses at once what the service could not answer in time, so that what it takes keeps its deadline. Transports ask
 * before they read a request: what is shed must cost much less than what it spares.
 */
export interface LoadShedding {
  /** Whether the request that has just come is to be shed. To be asked once for each. */
  sheds(): boolean
  state(): LoadSheddingState
  dispose(): void
}

export interface LoadSheddingState {
  /** Requests shed since the start. */
  readonly shed: number
  /** Of the requests that come so much is taken, above 0 to 1, as far as the event loop's delay decides. */
  readonly admittedShare: number
  /** Auctions begun and not answered, and requests that wait for the answer of one by their idempotency key. */
  readonly auctionsInFlight: number
}

export interface LoadSheddingDependencies {
  /** How late the event loop may be all the time, in milliseconds; 0: any time. */
  readonly maxEventLoopDelayMs: number
  readonly maxAuctionsInFlight: number
  readonly auctionsInFlight: () => number
  /** Monotonic, in milliseconds. */
  readonly now: () => number
  readonly log: Pick<Logger, 'info' | 'warn'>
}

export function createLoadShedding(dependencies: LoadSheddingDependencies): LoadShedding {
  const { maxEventLoopDelayMs, maxAuctionsInFlight, auctionsInFlight, now, log } = dependencies
  const share = createAdmittedShare(maxEventLoopDelayMs || Number.POSITIVE_INFINITY)
  let shed = 0
  /** What `shed` was when the episode began; undefined where none is. */
  let shedBefore: number | undefined
  /** What `shed` was at the last beat. */
  let seen = 0
  let lastShedAt = 0
  let lastBeatAt = now()
  const timer = setInterval(beat, BEAT_MS).unref()

  return {
    sheds() {
      if (auctionsInFlight() < maxAuctionsInFlight && share.admits()) return false
      shed++
      return true
    },
    state: () => ({ shed, admittedShare: share.value(), auctionsInFlight: auctionsInFlight() }),
    dispose: () => clearInterval(timer),
  }

  function beat(): void {
    const beatAt = now()
    const delayMs = Math.max(0, beatAt - lastBeatAt - BEAT_MS)
    lastBeatAt = beatAt
    share.beat(beatAt, delayMs)
    tellEpisodes(beatAt, delayMs)
  }

  /** The log says when shedding begins and when it has ended, not each request. */
  function tellEpisodes(beatAt: number, delayMs: number): void {
    if (shed > seen) {
      lastShedAt = beatAt
      if (shedBefore === undefined) {
        shedBefore = seen
        const eventLoopDelayMs = Math.round(delayMs)
        log.warn({ auctionsInFlight: auctionsInFlight(), eventLoopDelayMs }, 'overloaded: requests are shed')
      }
    } else if (shedBefore !== undefined && beatAt - lastShedAt >= EPISODE_ENDS_MS) {
      log.info({ shed: shed - shedBefore }, 'no longer overloaded')
      shedBefore = undefined
    }
    seen = shed
  }
}

/** What a client that was shed is to wait before it tries again, in milliseconds. */
export const SHED_RETRY_AFTER_MS = 1000
/** What it is answered. */
export const SHED: ExecutionResult = { errors: [shedError(SHED_RETRY_AFTER_MS)] }
/** So long after the last one that was shed an overload is over, in milliseconds. */
const EPISODE_ENDS_MS = 5000
