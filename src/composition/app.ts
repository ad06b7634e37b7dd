import { refuseOpenAddress } from '../access/open-address.ts'
import { createRequestIds } from '../asker.ts'
import type { CatalogData } from '../catalog/data-file.ts'
import type { Variables } from '../catalog/header-variables.ts'
import type { Config } from '../config.ts'
import { openDatabase, SERVE_COMMAND } from '../db/database.ts'
import { createDisposer } from '../disposer.ts'
import { createOperations } from '../graphql/operations.ts'
import { ANY_OPERATION, createPersistedOperations } from '../graphql/persisted-operations.ts'
import { createSchema } from '../graphql/schema/index.ts'
import { type Instance, newInstance } from '../instance.ts'
import { listen } from '../listen.ts'
import type { Logger } from '../log.ts'
import { createClientAddresses } from '../server/client-addresses.ts'
import { createConnections } from '../server/connections.ts'
import { createFastLane } from '../server/fast-lane.ts'
import { createFrontDoor } from '../server/front-door.ts'
import { createGraphiQL, hasGraphiQL } from '../server/graphiql.ts'
import { createHeavyGate } from '../server/heavy-gate.ts'
import { createHosts } from '../server/hosts.ts'
import { createHttpServer } from '../server/http.ts'
import { createKeyCheck } from '../server/key-check.ts'
import { createLoadShedding } from '../server/load-shedding.ts'
import { createMetricsEndpoint } from '../server/metrics-endpoint.ts'
import { createAuctionEndpoint } from '../server/openrtb/auction-endpoint.ts'
import { createOrigins } from '../server/origins.ts'
import { createOwnOverhead } from '../server/own-overhead.ts'
import { readPersistedFile } from '../server/persisted-file.ts'
import { preparePersisted } from '../server/prepare-persisted.ts'
import { type ShutdownReport, shutDown } from '../server/shutdown.ts'
import { createSubscriptionPlaces } from '../server/subscription-places.ts'
import { traceFrontDoor } from '../server/traced-front-door.ts'
import { traceHttp } from '../server/traced-http.ts'
import { createUnexpectedLog } from '../server/unexpected.ts'
import { createGraphQLWebSocket } from '../server/websocket.ts'
import { createYogaServer } from '../server/yoga.ts'
import { createCounts } from '../telemetry/counts.ts'
import { openTraces } from '../telemetry/traces.ts'
import { openAccess } from './access.ts'
import { prepareCatalog } from './first-catalog.ts'
import { createServiceHealth } from './health.ts'
import { openMetrics, serveMetrics } from './metrics.ts'
import { type OpenServices, openServices } from './services.ts'

/** A running service. */
export interface App {
  /** Where it serves, such as http://127.0.0.1:4000. */
  readonly url: string
  /** Where `/metrics` is; undefined where there is none. */
  readonly metricsUrl: string | undefined
  readonly services: OpenServices['services']
  /**
   * Stops: nothing new is accepted, what is in flight is answered, counts are committed, subscriptions completed and
   * everything closed, within the configured time.
   */
  dispose(): Promise<ShutdownReport>
}

export interface AppDependencies {
  /** The environment's variables, for what the catalogue says with them; none where it is not given. */
  readonly env?: Variables
  /** What an empty database is given instead of a generated catalogue. */
  readonly firstCatalog?: CatalogData
  /** Which one this is, as its log has it. */
  readonly instance?: Instance
  readonly log: Logger
}

/**
 * Puts the service together from its configuration and starts it.
 * @throws an error with a `code`, whose message names the remedy, where something it needs is not there
 */
export async function createApp(config: Config, dependencies: AppDependencies): Promise<App> {
  const { env = {}, firstCatalog, instance = newInstance(), log } = dependencies
  refuseOpenAddress(config)
  const disposer = createDisposer()
  try {
    const { persistedOperationsFile } = config
    const listed = persistedOperationsFile === undefined ? undefined : await readPersistedFile(persistedOperationsFile)
    const database = await openDatabase(config, { command: SERVE_COMMAND })
    disposer.add(() => database.dispose())
    await prepareCatalog({ config, database, firstCatalog, log })
    const traces = await openTraces({ config, instance, log })
    disposer.add(() => traces?.dispose())
    const counts = createCounts()
    const opened = await openServices({ config, database, env, counts, log, traces })
    disposer.add(() => opened.dispose())
    const access = await openAccess({ config, redis: opened.rateLimitRedis, log })
    disposer.add(() => access.dispose())
    const { keyRing } = access

    const { services } = opened
    const overhead = createOwnOverhead(config.metrics === 'on' ? counts.ownOverheadMs.add : undefined)
    disposer.add(() => overhead.dispose())
    const loadShedding = createLoadShedding({
      maxEventLoopDelayMs: config.maxEventLoopDelayMs,
      maxAuctionsInFlight: config.maxAuctionsInFlight,
      auctionsInFlight: () => services.auctioneer.inFlight() + services.soldOnce.waiting(),
      now: () => performance.now(),
      log,
    })
    disposer.add(() => loadShedding.dispose())
    const health = createServiceHealth({ opened, database, overhead, loadShedding })
    const schema = createSchema()
    const onUnexpected = createUnexpectedLog({ log, now: () => performance.now() })
    const operations = createOperations({
      schema,
      introspection: config.introspection,
      knownTexts: listed?.texts.size ?? 0,
      onUnexpected,
    })
    const addresses = createClientAddresses(config.trustedProxies)
    const untraced = createFrontDoor({
      operations,
      persisted: listed ? createPersistedOperations(listed.texts) : ANY_OPERATION,
      services,
      keyRing,
      admission: createHeavyGate(),
      subscriptionPlaces: createSubscriptionPlaces({ addresses, limits: config }),
      onAnswered: overhead.answered,
      onTold: counts.errors.add,
      onUnexpected,
    })
    const frontDoor = traces ? traceFrontDoor(untraced, traces) : untraced
    const yoga = createYogaServer({ schema, frontDoor, limits: config, log, onUnexpected })
    disposer.add(() => yoga.dispose())
    if (listed) await preparePersisted({ yoga, operations, listed })
    const connections = createConnections({ addresses, limits: config })
    disposer.add(() => connections.dispose())
    const hosts = createHosts(config)
    const origins = createOrigins(config.corsOrigins ?? [])
    const identify = createRequestIds(instance)
    const metrics = openMetrics({
      counts,
      opened,
      database,
      health,
      loadShedding,
      http: () => http,
      webSocket: () => webSocket,
    })
    const metricsEndpoint = metrics && createMetricsEndpoint(metrics, onUnexpected)
    const http = createHttpServer({
      identify,
      yoga,
      fastLane: createFastLane({ frontDoor, onUnexpected }),
      graphiql: hasGraphiQL(config) ? createGraphiQL({ ...services, isOpen: keyRing === undefined }) : undefined,
      auctionEndpoint: createAuctionEndpoint({ ...services, keyRing, overhead, told: frontDoor.told, onUnexpected }),
      health,
      metrics: config.metricsPort === undefined ? metricsEndpoint : undefined,
      origins,
      hosts,
      connections,
      refuseWithoutKey: createKeyCheck(keyRing, frontDoor.told),
      limits: config,
      loadShedding,
    })
    const webSocket = createGraphQLWebSocket({
      http,
      identify,
      schema,
      yoga,
      frontDoor,
      keyRing,
      origins,
      hosts,
      connections,
      limits: config,
      loadShedding,
      log,
      onUnexpected,
    })
    if (traces) traceHttp(http, traces)
    const url = await listen(http, config)
    // A shutdown has closed it by then; a start that fails from here on would leave it open, and the process with it.
    disposer.add(() => {
      http.close()
      http.closeAllConnections()
    })
    const metricsUrl = metricsEndpoint && (await serveMetrics(metricsEndpoint, { config, url, disposer }))

    let stopping: Promise<ShutdownReport> | undefined
    return {
      url,
      metricsUrl,
      services,
      dispose: () => {
        stopping ??= shutDown({
          config,
          log,
          health,
          http,
          webSocket,
          services,
          auctionLog: opened.auctionLog,
        }).finally(() => disposer.dispose())
        return stopping
      },
    }
  } catch (error) {
    await disposer.dispose()
    throw error
  }
}
