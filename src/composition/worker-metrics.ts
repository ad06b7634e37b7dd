import type { Config } from '../config.ts'
import { createPrismaClient } from '../db/client.ts'
import type { Disposer } from '../disposer.ts'
import type { OpenShipper } from '../history/open-shipper.ts'
import type { Logger } from '../log.ts'
import { readNoticesStatus } from '../notices/notices-status.ts'
import type { NoticeProgress } from '../notices/sender.ts'
import { statesOf } from '../server/health.ts'
import { createMetricsEndpoint } from '../server/metrics-endpoint.ts'
import { createUnexpectedLog } from '../server/unexpected.ts'
import { createMetrics } from '../telemetry/metrics.ts'
import { workerFamilies } from '../telemetry/store-families.ts'
import { serveMetricsApart } from './metrics.ts'

export interface WorkerMetricsDependencies {
  readonly config: Pick<Config, 'host' | 'metrics' | 'metricsPort'>
  readonly connectionString: string
  readonly shipper: Pick<OpenShipper, 'status'>
  /** What its sender of notices last said. */
  readonly notices: () => NoticeProgress | undefined
  readonly log: Logger
  readonly disposer: Disposer
}

/**
 * Has Prometheus told how a worker does: the log, the notices, its process. Gives the URL; undefined, and nothing is opened,
 * where no port is set.
 * @throws ListenError
 */
export async function serveWorkerMetrics(dependencies: WorkerMetricsDependencies): Promise<string | undefined> {
  const { config, connectionString, shipper, notices, log, disposer } = dependencies
  const { host, metrics, metricsPort: port } = config
  if (metrics === 'off' || port === undefined) return undefined
  const prisma = createPrismaClient({ connectionString, maxConnections: 1 })
  disposer.add(() => prisma.$disconnect())
  const families = workerFamilies({
    dependencies: () =>
      statesOf({
        auctionLog: async () => ({ ...(await shipper.status()) }),
        notices: async () => ({ ...(await readNoticesStatus(prisma)) }),
      }),
    auctionLog: shipper.status,
    notices,
  })
  const onUnexpected = createUnexpectedLog({ log, now: () => performance.now() })
  return serveMetricsApart(createMetricsEndpoint(createMetrics(families), onUnexpected), { host, port, disposer })
}
