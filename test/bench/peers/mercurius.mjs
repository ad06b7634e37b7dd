// Mercurius on Fastify: each operation compiled at its first use, its caches of parsed and validated documents on.
import Fastify from 'fastify'
import mercurius from 'mercurius'
import { createSchema } from '../../../dist/graphql/schema/index.js'
import { config, createServices } from './services.mjs'

const services = createServices()
const app = Fastify({ logger: false })
app.register(mercurius, { schema: createSchema(), context: () => ({ services }), jit: 1, graphiql: false })
await app.listen({ port: config.port, host: config.host })
