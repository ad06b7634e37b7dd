// Mercurius on Fastify: each operation compiled at its first use, its caches of parsed and validated documents on.
import Fastify from 'fastify'
import mercurius from 'mercurius'
import { DIST } from '../dist.mjs'
import { config, createServices } from './services.mjs'

/** @type {typeof import('../../../src/graphql/schema/index.ts')} */
const { createSchema } = await import(`${DIST}graphql/schema/index.js`)

const services = createServices()
const app = Fastify({ logger: false })
app.register(mercurius, { schema: createSchema(), context: () => ({ services }), jit: 1, graphiql: false })
await app.listen({ port: config.port, host: config.host })
