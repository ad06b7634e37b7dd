import type { CommitParts } from './commit-part.ts'
import type { LogStream } from './log-stream.ts'
import type { ShipperProgress } from './shipper.ts'
import type { AuctionLogState, AuctionLogStatus } from './types.ts'

/**
 * The state of a log that is committed with the counts and shipped from Redis.
 * @param progress of this process's shipper; undefined where it has none
 */
export function createStreamedLogState(dependencies: {
  readonly parts: Pick<CommitParts, 'waitingBytes' | 'givenUp'>
  readonly streams: readonly Pick<LogStream, 'size'>[]
  /** The most bytes in one of them. */
  readonly streamBytesMax: number
  readonly progress: () => ShipperProgress | undefined
  /** Milliseconds since 1970. */
  readonly now: () => number
}): AuctionLogState {
  const { parts, streams, streamBytesMax, progress, now } = dependencies
  return {
    // They are flushed with the counts.
    pending: () => 0,
    flush: async () => 0,
    async status(): Promise<AuctionLogStatus> {
      const sizes = await Promise.all(streams.map((stream) => stream.size()))
      const shipper = progress()
      const isFull = sizes.some(({ bytes }) => bytes > streamBytesMax)
      const error = shipper?.error ?? (isFull ? 'the stream is full: see that `auction worker` runs' : undefined)
      return {
        status: error === undefined ? 'up' : 'down',
        pendingBytes: sizes.reduce((sum, { bytes }) => sum + bytes, parts.waitingBytes()),
        pendingBytesMax: streams.length * streamBytesMax,
        givenUp: parts.givenUp(),
        lagMs: sizes.reduce((lag, { oldestAtMs = now() }) => Math.max(lag, now() - oldestAtMs), 0),
        streamEntries: sizes.reduce((sum, { entries }) => sum + entries, 0),
        worker: shipper === undefined ? 'elsewhere' : shipper.isStandby ? 'standby' : 'here',
        ...(error !== undefined && { error }),
      }
    },
  }
}
