import { createHistogram, monitorEventLoopDelay } from 'node:perf_hooks'
import type { GraphQLContext } from '../graphql/context.ts'
import { roundToHundredths } from '../hundredths.ts'

/** How long the service itself takes, measured all the time. */
export interface OwnOverhead {
  /** Counts an operation that has just been answered; those that held no auction are not counted. */
  answered(context: Pick<GraphQLContext, 'receivedAt' | 'biddersMs'>): void
  /** What the last whole window had; zeros before the first has ended. */
  lastWindow(): OverheadWindow
  dispose(): void
}

/** All times in milliseconds. */
export interface OverheadWindow {
  /**
   * From the last byte of a request to its answer handed to the socket, less what its auctions waited for bidders: the
   * slowest answer in time, or tmax where any timed out. What the rounding of timers adds is in it.
   */
  readonly ownOverheadMs: { readonly count: number; readonly p50: number; readonly p99: number; readonly p999: number }
  /** How much later than due a timer was served: what kept the event loop busy. */
  readonly eventLoopDelayMs: { readonly p50: number; readonly p99: number; readonly max: number }
}

/**
 * Measures from now on, in windows of WINDOW_MS.
 * @param onMeasured told of each operation that is counted, in milliseconds
 */
export function createOwnOverhead(onMeasured?: (ownMs: number) => void): OwnOverhead {
  const own = createHistogram()
  const loop = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  loop.enable()
  let last = readWindow()
  const timer = setInterval(() => {
    last = readWindow()
    own.reset()
    loop.reset()
  }, WINDOW_MS).unref()

  return {
    answered({ receivedAt, biddersMs }) {
      if (biddersMs === undefined) return
      const ownMs = performance.now() - receivedAt - biddersMs
      // It takes whole numbers from 1 on; a timer may be served some microseconds early.
      own.record(Math.max(1, Math.round(ownMs * US_PER_MS)))
      onMeasured?.(Math.max(0, ownMs))
    },
    lastWindow: () => last,
    dispose() {
      clearInterval(timer)
      loop.disable()
    },
  }

  function readWindow(): OverheadWindow {
    const ownMs = (percentile: number) => (own.count === 0 ? 0 : own.percentile(percentile) / US_PER_MS)
    const delayMs = (ns: number) =>
      loop.count === 0 ? 0 : roundToHundredths(Math.max(0, ns / NS_PER_MS - RESOLUTION_MS))
    return {
      ownOverheadMs: { count: own.count, p50: ownMs(50), p99: ownMs(99), p999: ownMs(99.9) },
      eventLoopDelayMs: {
        p50: delayMs(loop.percentile(50)),
        p99: delayMs(loop.percentile(99)),
        max: delayMs(loop.max),
      },
    }
  }
}

export const WINDOW_MS = 5000
/** How often the event loop is asked how late it is, in milliseconds: what is told counts from there. */
const RESOLUTION_MS = 10
const US_PER_MS = 1000
const NS_PER_MS = 1e6
