import type { Server } from 'node:http'
import { promisify } from 'node:util'
import type { Config } from '../config.ts'
import type { Database } from '../db/database.ts'
import type { Disposer } from '../disposer.ts'
import { listen } from '../listen.ts'
import type { Health } from '../server/health.ts'
import type { LoadShedding } from '../server/load-shedding.ts'
import { createMetricsServer, METRICS_PATH, type MetricsEndpoint } from '../server/metrics-endpoint.ts'
import { auctionFamilies } from '../telemetry/auction-families.ts'
import type { Counts } from '../telemetry/counts.ts'
import { createMetrics, type Metrics } from '../telemetry/metrics.ts'
import { serviceFamilies } from '../telemetry/service-families.ts'
import { storeFamilies } from '../telemetry/store-families.ts'
import type { OpenServices } from './services.ts'

export interface MetricsDependencies {
  readonly counts: Counts
  readonly opened: OpenServices
  readonly database: Pick<Database, 'pool'>
  readonly health: Pick<Health, 'check'>
  readonly loadShedding: Pick<LoadShedding, 'state'>
  /** Asked for when they are read, since they are made later. */
  readonly http: () => Pick<Server, 'getConnections'>
  readonly webSocket: () => { connections(): number }
}

/** Undefined where nobody is told. */
export function openMetrics(dependencies: MetricsDependencies): Metrics | undefined {
  const { counts, opened, database, health, loadShedding, http, webSocket } = dependencies
  const { services, rateLimiter, openRtb, auctionLog, noticeProgress, bidderCounts, catalogState } = opened
  const { auctioneer, soldOnce, catalog, stats, feed } = services
  if (bidderCounts === undefined) return undefined
  const redis = Object.entries({ rate_limit: rateLimiter, stats }).filter(
    ([, store]) => store.status().kind !== 'memory',
  )
  return createMetrics([
    ...auctionFamilies({
      counts,
      bidderCounts,
      openRtb,
      rateLimits: rateLimiter.decisions,
      loadShedding: loadShedding.state,
      inFlight: () => auctioneer.inFlight() + soldOnce.waiting(),
    }),
    ...storeFamilies({
      counts,
      dependencies: async () => (await health.check()).body.dependencies,
      auctionLog: auctionLog && (() => auctionLog.status()),
      notices: noticeProgress,
      pendingCounts: () => stats.pending(),
      redis: Object.fromEntries(redis.map(([purpose, store]) => [purpose, () => store.status().status])),
      pool: database.pool,
    }),
    ...serviceFamilies({
      counts,
      catalog: () => catalog.current(),
      catalogState,
      feed,
      httpConnections: () => promisify(http().getConnections.bind(http()))(),
      webSocketConnections: () => webSocket().connections(),
    }),
  ])
}

/**
 * Has metrics told on the API's port, or on one of their own, which is closed last. Gives their URL.
 * @param url the API's
 * @throws ListenError
 */
export async function serveMetrics(
  endpoint: MetricsEndpoint,
  { config, url, disposer }: { readonly config: Config; readonly url: string; readonly disposer: Disposer },
): Promise<string> {
  const { host, metricsPort: port } = config
  return port === undefined ? `${url}${METRICS_PATH}` : serveMetricsApart(endpoint, { host, port, disposer })
}

/**
 * Has metrics told on a port of their own. Gives their URL.
 * @throws ListenError
 */
export async function serveMetricsApart(
  endpoint: MetricsEndpoint,
  { host, port, disposer }: { readonly host: string; readonly port: number; readonly disposer: Disposer },
): Promise<string> {
  const server = createMetricsServer(endpoint)
  disposer.add(() => {
    server.close()
    server.closeAllConnections()
  })
  return `${await listen(server, { host, port }, { port: 'METRICS_PORT', host: 'HOST' })}${METRICS_PATH}`
}
