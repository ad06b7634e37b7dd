import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import type { FastLane } from './fast-lane.ts'
import type { GraphiQL } from './graphiql.ts'
import type { Health } from './health.ts'
import { sendError, sendJson } from './json-response.ts'
import { readBody } from './read-body.ts'
import { GRAPHQL_PATH, type Yoga } from './yoga.ts'

export interface HttpDependencies {
  readonly yoga: Yoga
  readonly fastLane: FastLane
  readonly graphiql: GraphiQL
  readonly health: Health
}

/** The HTTP server, not yet listening: GraphQL on its path, health beside it, and the way there from `/`. */
export function createHttpServer({ yoga, fastLane, graphiql, health }: HttpDependencies): Server {
  const server = createServer((request, response) => {
    const { url = '/' } = request
    if (request.method === 'POST' && url === GRAPHQL_PATH) return graphqlPost(request, response)
    const queryAt = url.indexOf('?')
    const path = queryAt === -1 ? url : url.slice(0, queryAt)
    if (path === GRAPHQL_PATH) return graphql(request, response)
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      return sendError(response, 404, 'NOT_FOUND', `Nothing is here: GraphQL is at ${GRAPHQL_PATH}.`)
    }
    if (path === '/') return void response.writeHead(302, { Location: GRAPHQL_PATH }).end()
    if (path === '/livez') return sendJson(response, 200, { status: 'ok' })
    if (path === '/readyz')
      return void health.check().then((report) => sendJson(response, report.httpStatus, report.body))
    sendError(response, 404, 'NOT_FOUND', `Nothing is here: GraphQL is at ${GRAPHQL_PATH}.`)
  })
  server.headersTimeout = HEADERS_TIMEOUT_MS
  server.requestTimeout = REQUEST_TIMEOUT_MS
  server.keepAliveTimeout = KEEP_ALIVE_TIMEOUT_MS
  return server

  function graphqlPost(request: IncomingMessage, response: ServerResponse): void {
    readBody(request, response, (body) => {
      if (!fastLane(request, response, body)) handOver(request, response, body)
    })
  }

  function graphql(request: IncomingMessage, response: ServerResponse): void {
    if (graphiql(request, response)) return
    if (request.method === 'GET' || request.method === 'HEAD' || request.method === 'OPTIONS') {
      toYoga(request, response)
    } else {
      readBody(request, response, (body) => handOver(request, response, body))
    }
  }

  /** Yoga takes a body that was read before from the request's `body`; an empty one it would wait for. */
  function handOver(request: IncomingMessage, response: ServerResponse, body: Buffer): void {
    toYoga(Object.assign(request, { body: body.length > 0 ? body : Readable.from([]) }), response)
  }

  function toYoga(request: IncomingMessage, response: ServerResponse): void {
    const { headers } = request
    // Yoga makes a URL of it, outside of what handles its errors.
    if (!URL.canParse(`http://${headers.host ?? 'localhost'}`)) {
      sendError(response, 400, 'BAD_REQUEST', 'The Host header is not a host.')
      return
    }
    // Media types are the same in upper case, which Yoga does not know.
    if (headers['content-type']) headers['content-type'] = headers['content-type'].toLowerCase()
    void yoga(request, response)
  }
}

/** How long a request's headers may take to arrive, in milliseconds. */
const HEADERS_TIMEOUT_MS = 10_000
/** How long a whole request may take to arrive, in milliseconds. */
const REQUEST_TIMEOUT_MS = 30_000
/** How long an idle connection is kept; longer than load balancers keep theirs (60 s), in milliseconds. */
const KEEP_ALIVE_TIMEOUT_MS = 65_000
