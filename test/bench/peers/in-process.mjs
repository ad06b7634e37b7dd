// This service's own server over a catalogue made in memory, for where no PostgreSQL server can be reached.
import { createOperations } from '../../../dist/graphql/operations.js'
import { createSchema } from '../../../dist/graphql/schema/index.js'
import { createLog } from '../../../dist/log.js'
import { admitAll } from '../../../dist/server/admission.js'
import { createFastLane } from '../../../dist/server/fast-lane.js'
import { createFrontDoor } from '../../../dist/server/front-door.js'
import { createGraphiQL } from '../../../dist/server/graphiql.js'
import { createHttpServer } from '../../../dist/server/http.js'
import { createYogaServer } from '../../../dist/server/yoga.js'
import { config, createServices } from './services.mjs'

const services = createServices()
const schema = createSchema()
const log = createLog(config.logLevel)
const onUnexpected = (error) => log.error({ err: error }, 'unexpected error')
const operations = createOperations({ schema, onUnexpected })
const frontDoor = createFrontDoor({ operations, services, admission: admitAll, onUnexpected })
const yoga = createYogaServer({ schema, frontDoor, log, onUnexpected })
const fastLane = createFastLane({ frontDoor, onUnexpected })
createHttpServer({ yoga, fastLane, graphiql: createGraphiQL(services), health: undefined }).listen(
  config.port,
  config.host,
)
