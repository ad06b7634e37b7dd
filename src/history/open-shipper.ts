import { messageOf } from '../db/database-error.ts'
import { createRedis } from '../redis/connect.ts'
import { createLogStreams } from './log-stream.ts'
import { createPostgresLogStore } from './postgres-store.ts'
import { createShipper, type Shipper, type ShipperOptions, type ShipperProgress } from './shipper.ts'
import { STREAM_WRITER, streamBytesMax } from './stream-keys.ts'
import { createStreamedLogState } from './streamed-log.ts'
import type { AuctionLogState } from './types.ts'

export interface OpenShipperOptions extends Pick<ShipperOptions, 'onProgress' | 'batchMax'> {
  readonly redisUrl: string
  /** What every key there begins with. */
  readonly redisPrefix: string
  readonly connectionString: string
  readonly embedded: boolean
}

export interface OpenShipper extends Shipper, Pick<AuctionLogState, 'status'> {}

/** A shipper with connections of its own. Waits a little for Redis. */
export async function openShipper(options: OpenShipperOptions): Promise<OpenShipper> {
  const { redisUrl, redisPrefix, connectionString, embedded, batchMax, onProgress } = options
  const redis = createRedis({ url: redisUrl, name: 'auction-worker', prefix: redisPrefix })
  await redis.whenUp(REDIS_WAIT_MS)
  const streams = createLogStreams(redis)
  let progress: ShipperProgress | undefined
  const { status } = createStreamedLogState({
    parts: NOTHING_HERE,
    streams,
    streamBytesMax: streamBytesMax(redis.isCluster),
    progress: () => progress,
    now: Date.now,
  })
  const shipper = createShipper({
    streams,
    store: createPostgresLogStore({ connectionString, embedded, writer: STREAM_WRITER }),
    batchMax,
    describe: (error) => (redis.state() === 'down' ? `Redis at ${redis.address} cannot be reached` : messageOf(error)),
    onProgress: (newest) => {
      progress = newest
      onProgress(newest)
    },
  })
  return {
    status,
    async dispose() {
      await shipper.dispose()
      await redis.dispose()
    },
  }
}

/** It counts no auctions of its own. */
const NOTHING_HERE = { waitingBytes: () => 0, givenUp: () => 0 }
const REDIS_WAIT_MS = 2_000
