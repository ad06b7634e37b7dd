// Apollo Server on Fastify, which serves it faster than its own standalone server: its cache of parsed documents on (the
// default), introspection, landing page and cache hints off.
import { ApolloServer } from '@apollo/server'
import {
  ApolloServerPluginCacheControlDisabled,
  ApolloServerPluginLandingPageDisabled,
} from '@apollo/server/plugin/disabled'
import fastifyApollo from '@as-integrations/fastify'
import Fastify from 'fastify'
import { createSchema } from '../../../dist/graphql/schema/index.js'
import { config, createServices } from './services.mjs'

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
