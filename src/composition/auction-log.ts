import type { Config } from '../config.ts'
import type { Database } from '../db/database.ts'
import { type CommitParts, createCommitParts } from '../history/commit-part.ts'
import { createLogStreams } from '../history/log-stream.ts'
import { PENDING_BYTES_MAX } from '../history/log-writer.ts'
import type { ShipperProgress } from '../history/shipper.ts'
import { streamBytesMax } from '../history/stream-keys.ts'
import { createStreamedLogState } from '../history/streamed-log.ts'
import { createThreadedLog } from '../history/threaded-log.ts'
import { createThreadedShipper } from '../history/threaded-shipper.ts'
import type { AuctionLog, AuctionLogState } from '../history/types.ts'
import type { Logger } from '../log.ts'
import type { RedisConnection } from '../redis/connect.ts'

/** How auctions are logged: by one of two ways. */
export interface OpenAuctionLog {
  /** Committed with the counts, and shipped from Redis: where the statistics are there. */
  readonly parts?: CommitParts
  /** From this process into the database: else. */
  readonly recorder?: Pick<AuctionLog, 'record'>
  readonly state: AuctionLogState
  dispose(): Promise<void>
}

export interface AuctionLogDependencies {
  readonly config: Pick<Config, 'auctionLog' | 'worker'>
  readonly database: Database
  /** Where the statistics are, if in Redis. */
  readonly redis: { readonly connection: RedisConnection; readonly url: string } | undefined
  readonly log: Logger
}

/** Undefined where auctions are not logged. */
export function openAuctionLog(dependencies: AuctionLogDependencies): OpenAuctionLog | undefined {
  const { config, redis } = dependencies
  if (config.auctionLog === 'off') return undefined
  return redis === undefined ? openThreaded(dependencies) : openStreamed(dependencies, redis)
}

function openThreaded({ database: { connectionString, embedded }, log }: AuctionLogDependencies): OpenAuctionLog {
  const threaded = createThreadedLog({
    connectionString,
    embedded,
    batchMax: logBatchMax(embedded),
    onError: (message) => log.error(message),
    onRecovery: () => log.info('auctions are logged again'),
  })
  return { recorder: threaded, state: threaded, dispose: () => threaded.dispose() }
}

function openStreamed(
  { config, database: { connectionString, embedded }, log }: AuctionLogDependencies,
  { connection, url }: NonNullable<AuctionLogDependencies['redis']>,
): OpenAuctionLog {
  const bytesMax = streamBytesMax(connection.isCluster)
  const parts = createCommitParts({ waitingBytesMax: PENDING_BYTES_MAX, streamBytesMax: bytesMax })
  const streams = createLogStreams(connection)
  let progress: ShipperProgress | undefined
  let told: ShipperProgress | undefined
  const shipper =
    config.worker === 'off'
      ? undefined
      : createThreadedShipper({
          redisUrl: url,
          redisPrefix: connection.prefix,
          connectionString,
          embedded,
          batchMax: logBatchMax(embedded),
          onProgress: (newest) => {
            progress = newest
            // That Redis is away has been told.
            if (connection.state() === 'down') return
            tellChange(log, told, newest)
            told = newest
          },
        })
  return {
    parts,
    state: createStreamedLogState({
      parts,
      streams,
      streamBytesMax: bytesMax,
      progress: () => progress,
      now: Date.now,
    }),
    dispose: async () => shipper?.dispose(),
  }
}

/** What a worker says, once for each change. */
export function tellChange(log: Logger, before: ShipperProgress | undefined, now: ShipperProgress): void {
  if (now.error !== undefined && now.error !== before?.error) {
    log.error(`auctions cannot be brought from Redis into the database, and wait there: ${now.error}`)
  }
  if (now.error === undefined && before?.error !== undefined) log.info('auctions are brought into the database again')
  if (now.isStandby && before?.isStandby !== true) log.info('another process brings auctions into the database')
  if (!now.isStandby && before?.isStandby === true && now.error === undefined) {
    log.info('this process brings auctions into the database now')
  }
}

/** Auctions that are logged in one transaction: the more, the less each adds to the statistics of its hour. */
export function logBatchMax(embedded: boolean): number {
  // The embedded database answers nobody else meanwhile.
  return embedded ? 1_000 : 10_000
}
