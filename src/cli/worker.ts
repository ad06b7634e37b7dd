import { defineCommand } from 'citty'
import { logBatchMax, tellChange } from '../composition/auction-log.ts'
import { createNoticeLines } from '../composition/notices.ts'
import { serveWorkerMetrics } from '../composition/worker-metrics.ts'
import { type Config, parseConfig } from '../config.ts'
import { messageOf } from '../db/database-error.ts'
import { assertMigrated } from '../db/migrations.ts'
import { createDisposer } from '../disposer.ts'
import { createDailyArchive } from '../history/archive/daily-archive.ts'
import { openShipper } from '../history/open-shipper.ts'
import type { ShipperProgress } from '../history/shipper.ts'
import { newInstance } from '../instance.ts'
import { createLog, type Logger } from '../log.ts'
import { mistypedVariables } from '../mistyped-variables.ts'
import { openNoticeSender } from '../notices/open-sender.ts'
import type { NoticeProgress } from '../notices/sender.ts'
import { describeStep } from './archive.ts'
import { runCommand } from './command-error.ts'
import { stopSignal } from './stop-signal.ts'

export const workerCommand = defineCommand({
  meta: {
    name: 'worker',
    description:
      'Bring logged auctions from Redis into the database until Ctrl-C, where no other process does, and send notices.',
  },
  run: () =>
    runCommand(async () => {
      const config = parseConfig(process.env)
      const { databaseUrl, redisStatsUrl, redisUrl, logLevel } = config
      const statsUrl = redisStatsUrl ?? redisUrl
      if (databaseUrl === undefined || statsUrl === undefined) {
        const remedy = 'without them `auction serve` logs by itself'
        throw new WorkerError(`a worker stands between servers: set DATABASE_URL and REDIS_URL; ${remedy}.`)
      }
      await assertMigrated({ connectionString: databaseUrl })
      const log = createLog(logLevel, newInstance())
      for (const line of mistypedVariables(process.env)) log.warn(line)
      const stopped = stopSignal(log, 'once the batch under way is written')
      const disposer = createDisposer()
      let shipped: ShipperProgress | undefined
      let sent: NoticeProgress | undefined
      try {
        const shipper = await openShipper({
          redisUrl: statsUrl,
          redisPrefix: config.redisPrefix,
          connectionString: databaseUrl,
          embedded: false,
          batchMax: logBatchMax(false),
          onProgress: (newest) => {
            tellChange(log, shipped, newest)
            shipped = newest
          },
        })
        disposer.add(() => shipper.dispose())
        const lines = createNoticeLines(log)
        const notices = openNoticeSender({
          connectionString: databaseUrl,
          embedded: false,
          allowPrivate: config.noticeAllowPrivate === '1',
          ...lines,
          onProgress: (newest) => {
            lines.onProgress(newest)
            sent = newest
          },
        })
        disposer.add(() => notices.dispose())
        const archive = openArchive(config, databaseUrl, log)
        disposer.add(() => archive?.dispose())
        const metrics = { config, connectionString: databaseUrl, shipper, notices: () => sent, log, disposer }
        const metricsUrl = await serveWorkerMetrics(metrics)
        if (metricsUrl !== undefined) log.info({ metricsUrl }, 'metrics')
        await stopped
      } finally {
        await disposer.dispose()
      }
      log.info({ shipped: shipped?.shipped ?? 0 }, 'stopped')
      log.flush()
    }),
})

/** Undefined where there is no folder for it. */
function openArchive(config: Config, connectionString: string, log: Logger) {
  const { archiveDir: directory, retentionWarmDays: warmDays, retentionColdDays: coldDays } = config
  if (directory === undefined) return undefined
  return createDailyArchive({
    connectionString,
    embedded: false,
    directory,
    warmDays,
    coldDays,
    now: Date.now,
    onStep: (step) => log.info(describeStep(step, { coldDays })),
    onError: (error) => log.error(`not archived, and tried again in an hour: ${messageOf(error)}`),
  })
}

class WorkerError extends Error {
  readonly code = 'WORKER_NOT_NEEDED'
}
