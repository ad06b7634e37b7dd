// Apollo Server on Fastify, which serves it faster than its own standalone server: its cache of parsed documents on (the
// default), introspection, landing page and cache hints off.
import { ApolloServer } from '@apollo/server'
import {
  ApolloServerPluginCacheControlDisabled,
  ApolloServerPluginLandingPageDisabled,
} from '@apollo/server/plugin/disabled'
import fastifyApollo from '@as-integrations/fastify'
import Fastify from 'fastify'
import { DIST } from '../dist.mjs'
import { config, createServices } from './services.mjs'

/** @type {typeof import('../../../src/graphql/schema/index.ts')} */
const { createSchema } = await import(`${DIST}graphql/schema/index.js`)

const services = createServices()
const server = new ApolloServer({
  schema: createSchema(),
  introspection: false,
  stopOnTerminationSignals: false,
  plugins: [ApolloServerPluginCacheControlDisabled(), ApolloServerPluginLandingPageDisabled()],
})
await server.start()
const app = Fastify({ logger: false })
app.register(fastifyApollo(server), { context: async () => ({ services }) })
await app.listen({ port: config.port, host: config.host })
