// Yoga as it comes, on node:http.
import { createServer } from 'node:http'
import { createYoga } from 'graphql-yoga'
import { DIST } from '../dist.mjs'
import { config, createServices } from './services.mjs'

/** @type {typeof import('../../../src/graphql/schema/index.ts')} */
const { createSchema } = await import(`${DIST}graphql/schema/index.js`)

const services = createServices()
createServer(createYoga({ schema: createSchema(), context: { services } })).listen(config.port, config.host)
