// Yoga as it comes, on node:http.
import { createServer } from 'node:http'
import { createYoga } from 'graphql-yoga'
import { createSchema } from '../../../dist/graphql/schema/index.js'
import { config, createServices } from './services.mjs'

const services = createServices()
createServer(createYoga({ schema: createSchema(), context: { services } })).listen(config.port, config.host)
