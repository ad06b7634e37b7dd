import type { CommitParts } from './commit-part.ts'
import type { LogStream } from './log-stream.ts'
import type { ShipperProgress } from './shipper.ts'
import { STREAM_BYTES_MAX } from './stream-keys.ts'
import type { AuctionLogState, AuctionLogStatus } from './types.ts'

/**
 * The state of a log that is committed with the counts and shipped from Redis.
 * @param progress of this process's shipper; undefined where it has none
 */
export function createStreamedLogState(dependencies: {
  readonly parts: Pick<CommitParts, 'waitingBytes' | 'givenUp'>
  readonly stream: Pick<LogStream, 'size'>
  readonly progress: () => ShipperProgress | undefined
}): AuctionLogState {
  const { parts, stream, progress } = dependencies
  return {
    // They are flushed with the counts.
    pending: () => 0,
    flush: async () => 0,
    async status(): Promise<AuctionLogStatus> {
      const { entries, bytes } = await stream.size()
      const shipper = progress()
      const isFull = bytes > STREAM_BYTES_MAX
      const error = shipper?.error ?? (isFull ? 'the stream is full: see that `auction worker` runs' : undefined)
      return {
        status: error === undefined ? 'up' : 'down',
        pendingBytes: bytes + parts.waitingBytes(),
        pendingBytesMax: STREAM_BYTES_MAX,
        givenUp: parts.givenUp(),
        streamEntries: entries,
        worker: shipper === undefined ? 'elsewhere' : shipper.isStandby ? 'standby' : 'here',
        ...(error !== undefined && { error }),
      }
    },
  }
}
