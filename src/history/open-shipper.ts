import { messageOf } from '../db/database-error.ts'
import { createRedis } from '../redis/connect.ts'
import { createLogStreams } from './log-stream.ts'
import { createPostgresLogStore } from './postgres-store.ts'
import { createShipper, type Shipper, type ShipperOptions } from './shipper.ts'
import { STREAM_WRITER } from './stream-keys.ts'

export interface OpenShipperOptions extends Pick<ShipperOptions, 'onProgress' | 'batchMax'> {
  readonly redisUrl: string
  /** What every key there begins with. */
  readonly redisPrefix: string
  readonly connectionString: string
  readonly embedded: boolean
}

/** A shipper with connections of its own. Waits a little for Redis. */
export async function openShipper(options: OpenShipperOptions): Promise<Shipper> {
  const { redisUrl, redisPrefix, connectionString, embedded, batchMax, onProgress } = options
  const redis = createRedis({ url: redisUrl, name: 'auction-worker', prefix: redisPrefix })
  await redis.whenUp(REDIS_WAIT_MS)
  const shipper = createShipper({
    streams: createLogStreams(redis),
    store: createPostgresLogStore({ connectionString, embedded, writer: STREAM_WRITER }),
    batchMax,
    describe: (error) => (redis.state() === 'down' ? `Redis at ${redis.address} cannot be reached` : messageOf(error)),
    onProgress,
  })
  return {
    async dispose() {
      await shipper.dispose()
      await redis.dispose()
    },
  }
}

const REDIS_WAIT_MS = 2_000
