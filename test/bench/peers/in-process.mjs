// This service's own server over a catalogue made in memory, for where no PostgreSQL server can be reached.
import { DIST } from '../dist.mjs'
import { config, createServices } from './services.mjs'

/** @type {typeof import('../../../src/asker.ts')} */
const { createRequestIds } = await import(`${DIST}asker.js`)
/** @type {typeof import('../../../src/graphql/operations.ts')} */
const { createOperations } = await import(`${DIST}graphql/operations.js`)
/** @type {typeof import('../../../src/graphql/persisted-operations.ts')} */
const { ANY_OPERATION } = await import(`${DIST}graphql/persisted-operations.js`)
/** @type {typeof import('../../../src/graphql/schema/index.ts')} */
const { createSchema } = await import(`${DIST}graphql/schema/index.js`)
/** @type {typeof import('../../../src/log.ts')} */
const { createLog } = await import(`${DIST}log.js`)
/** @type {typeof import('../../../src/server/admission.ts')} */
const { admitAll } = await import(`${DIST}server/admission.js`)
/** @type {typeof import('../../../src/server/client-addresses.ts')} */
const { createClientAddresses } = await import(`${DIST}server/client-addresses.js`)
/** @type {typeof import('../../../src/server/connections.ts')} */
const { createConnections } = await import(`${DIST}server/connections.js`)
/** @type {typeof import('../../../src/server/fast-lane.ts')} */
const { createFastLane } = await import(`${DIST}server/fast-lane.js`)
/** @type {typeof import('../../../src/server/front-door.ts')} */
const { createFrontDoor } = await import(`${DIST}server/front-door.js`)
/** @type {typeof import('../../../src/server/graphiql.ts')} */
const { createGraphiQL } = await import(`${DIST}server/graphiql.js`)
/** @type {typeof import('../../../src/server/hosts.ts')} */
const { createHosts } = await import(`${DIST}server/hosts.js`)
/** @type {typeof import('../../../src/server/http.ts')} */
const { createHttpServer } = await import(`${DIST}server/http.js`)
/** @type {typeof import('../../../src/server/origins.ts')} */
const { createOrigins } = await import(`${DIST}server/origins.js`)
/** @type {typeof import('../../../src/server/yoga.ts')} */
const { createYogaServer } = await import(`${DIST}server/yoga.js`)

const services = createServices()
const schema = createSchema()
const log = createLog(config.logLevel)
const onUnexpected = (error) => log.error({ err: error }, 'unexpected error')
const operations = createOperations({ schema, introspection: config.introspection, onUnexpected })
const frontDoor = createFrontDoor({
  operations,
  persisted: ANY_OPERATION,
  services,
  keyRing: undefined,
  admission: admitAll,
  subscriptionPlaces: { hold: (_origin, start) => start() },
  onAnswered: () => {},
  onUnexpected,
})
const yoga = createYogaServer({ schema, frontDoor, limits: config, log, onUnexpected })
const fastLane = createFastLane({ frontDoor, onUnexpected })
const health = /** @type {import('../../../src/server/health.ts').Health} */ ({})
/** Nobody asks it here. */
const auctionEndpoint = () => {}
createHttpServer({
  identify: createRequestIds({ key: 'bench' }),
  yoga,
  fastLane,
  graphiql: createGraphiQL({ ...services, isOpen: true }),
  auctionEndpoint,
  health,
  origins: createOrigins([]),
  hosts: createHosts(config),
  connections: createConnections({ addresses: createClientAddresses(config.trustedProxies), limits: config }),
  refuseWithoutKey: () => false,
  limits: config,
  loadShedding: { sheds: () => false },
}).listen(config.port, config.host)
