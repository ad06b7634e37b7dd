import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Config } from '../config.ts'
import { type Connections, TOO_MANY_CONNECTIONS } from './connections.ts'
import type { FastLane } from './fast-lane.ts'
import { type GraphiQL, isForPage } from './graphiql.ts'
import { createHandOver } from './hand-over.ts'
import type { Health } from './health.ts'
import { type Hosts, MISDIRECTED_REQUEST, misdirected } from './hosts.ts'
import { beginAnswer, formatResult, sendError, sendJson } from './json-response.ts'
import type { KeyCheck } from './key-check.ts'
import { type LoadShedding, SHED, SHED_RETRY_AFTER_MS } from './load-shedding.ts'
import { METRICS_PATH, type MetricsEndpoint } from './metrics-endpoint.ts'
import { type AuctionEndpoint, OPENRTB_PATH } from './openrtb/auction-endpoint.ts'
import type { Origins } from './origins.ts'
import { createPipelining } from './pipelining.ts'
import { readBody } from './read-body.ts'
import { GRAPHQL_PATH, type Yoga } from './yoga.ts'

export interface HttpDependencies {
  /** Gives a request its id. */
  readonly identify: (request: IncomingMessage) => void
  readonly yoga: Yoga
  readonly fastLane: FastLane
  /** Undefined where it is off. */
  readonly graphiql: GraphiQL | undefined
  readonly auctionEndpoint: AuctionEndpoint
  readonly health: Health
  /** Undefined where metrics are not told, or on a port of their own. */
  readonly metrics?: MetricsEndpoint | undefined
  readonly origins: Origins
  readonly hosts: Hosts
  readonly connections: Connections
  readonly refuseWithoutKey: KeyCheck
  readonly limits: HttpLimits
  readonly loadShedding: Pick<LoadShedding, 'sheds'>
}

/** How large a request may be, and how long it and its connection may take. */
export type HttpLimits = Pick<
  Config,
  'maxBodyBytes' | 'maxPipelinedRequests' | 'headersTimeoutMs' | 'requestTimeoutMs' | 'keepAliveTimeoutMs'
>

type Handler = (request: IncomingMessage, response: ServerResponse) => void

/** Who answers, by method; a HEAD is answered as a GET, without its body. */
type Route = Readonly<Record<string, Handler>>

/** The HTTP server, not yet listening. */
export function createHttpServer(dependencies: HttpDependencies): Server {
  const {
    identify,
    yoga,
    fastLane,
    graphiql,
    auctionEndpoint,
    health,
    metrics,
    origins,
    hosts,
    connections,
    refuseWithoutKey,
    limits,
    loadShedding,
  } = dependencies
  const { maxBodyBytes } = limits
  const routes = new Map<string, Route>([
    [GRAPHQL_PATH, { POST: graphql, GET: graphqlPage, OPTIONS: graphqlOptions, [ANY_OTHER]: graphqlByYoga }],
    [OPENRTB_PATH, { POST: openRtbAuction, OPTIONS: openRtbOptions }],
    ['/', { GET: graphiql ? toGraphQL : noPage }],
    ['/livez', { GET: live }],
    ['/readyz', { GET: ready }],
  ])
  const metricsForAdmins = metrics && forAdmins(metrics)
  if (metricsForAdmins) routes.set(METRICS_PATH, { GET: metricsForAdmins })
  const handOver = createHandOver({ yoga, origins, refuseWithoutKey })
  const pipelining = createPipelining(limits)
  const server = createServer({ connectionsCheckingInterval: TIMEOUT_CHECK_MS }, (request, response) => {
    identify(request)
    // Before anything can refuse it: a page that may call is to read why it is refused.
    origins.expose(request, response)
    pipelining(request, response, answer)
  })
  connections.bound(server)
  server.headersTimeout = limits.headersTimeoutMs
  server.requestTimeout = limits.requestTimeoutMs
  server.keepAliveTimeout = limits.keepAliveTimeoutMs
  return server

  function answer(request: IncomingMessage, response: ServerResponse): void {
    const { url = '/', method = 'GET' } = request
    const route = routes.get(url) ?? routes.get(pathOf(url))
    const handle = route?.[method === 'HEAD' ? 'GET' : method] ?? route?.[ANY_OTHER] ?? notFound
    const refusal = connections.refusalOf(request.socket)
    if (refusal) response.setHeader('Connection', 'close')
    const isProbe = handle === live || handle === ready
    if (refusal && !isProbe) sendTooManyConnections(response, refusal)
    // What probes and collects metrics calls an instance by its address.
    else if (!hosts.isServed(request) && !isProbe && handle !== metricsForAdmins) {
      sendError(response, 421, MISDIRECTED_REQUEST, misdirected(request))
    } else handle(request, response)
  }

  function sendTooManyConnections(response: ServerResponse, reason: string): void {
    response.setHeader('Retry-After', RETRY_AFTER_S)
    sendError(response, 503, TOO_MANY_CONNECTIONS, reason)
  }

  /** For operators alone, where API keys are asked for. */
  function forAdmins(handle: Handler): Handler {
    return (request, response) => {
      if (!refuseWithoutKey(request, response, 'admin')) handle(request, response)
    }
  }

  /** Parameters in the URL are left to Yoga. */
  function graphql(request: IncomingMessage, response: ServerResponse): void {
    if (isShed(response)) return
    readBody(request, response, maxBodyBytes, (body) => {
      if (request.url !== GRAPHQL_PATH || !fastLane(request, response, body)) handOver(request, response, body)
    })
  }

  function openRtbAuction(request: IncomingMessage, response: ServerResponse): void {
    if (isShed(response)) return
    readBody(request, response, maxBodyBytes, (body) => auctionEndpoint(request, response, body))
  }

  function openRtbOptions(request: IncomingMessage, response: ServerResponse): void {
    beginAnswer(request, response)
    if (!origins.preflight(request, response)) notFound(request, response)
  }

  function graphqlOptions(request: IncomingMessage, response: ServerResponse): void {
    beginAnswer(request, response)
    if (!origins.preflight(request, response)) handOver(request, response)
  }

  function graphqlPage(request: IncomingMessage, response: ServerResponse): void {
    if (isShed(response)) return
    beginAnswer(request, response)
    if (graphiql?.(request, response)) return
    // Unlike a POST's, a GET's answer could be kept by a cache on its way, for whoever asks next.
    response.setHeader('Cache-Control', 'no-store')
    if (!graphiql && request.url === GRAPHQL_PATH && isForPage(request)) noPage(request, response)
    else handOver(request, response)
  }

  function graphqlByYoga(request: IncomingMessage, response: ServerResponse): void {
    if (isShed(response)) return
    readBody(request, response, maxBodyBytes, (body) => handOver(request, response, body))
  }

  /** Answers a request that is one too many, of which no more than the headers was read. */
  function isShed(response: ServerResponse): boolean {
    const isOver = loadShedding.sheds()
    if (isOver) sendJson(response.setHeader('Retry-After', SHED_RETRY_AFTER_S), 503, SHED_BODY)
    return isOver
  }

  function ready(_request: IncomingMessage, response: ServerResponse): void {
    void health.check().then((report) => sendJson(response, report.httpStatus, report.body))
  }
}

function toGraphQL(request: IncomingMessage, response: ServerResponse): void {
  beginAnswer(request, response)
  response.writeHead(302, { Location: GRAPHQL_PATH }).end()
}

/** A browser is told why there is no page; what else it asks for is answered as to anybody. */
function noPage(_request: IncomingMessage, response: ServerResponse): void {
  sendError(
    response,
    404,
    'NOT_FOUND',
    `There is no page here: GraphQL is at POST ${GRAPHQL_PATH}. GraphiQL is served where GRAPHIQL=on is set, and no PERSISTED_OPERATIONS_FILE.`,
  )
}

function live(_request: IncomingMessage, response: ServerResponse): void {
  sendJson(response, 200, { status: 'ok' })
}

function notFound(_request: IncomingMessage, response: ServerResponse): void {
  sendError(response, 404, 'NOT_FOUND', `Nothing is here: GraphQL is at ${GRAPHQL_PATH}.`)
}

function pathOf(url: string): string {
  const queryAt = url.indexOf('?')
  return queryAt === -1 ? url : url.slice(0, queryAt)
}

const ANY_OTHER = '*'
const RETRY_AFTER_S = 1
/** How often it is looked for requests over these times, in milliseconds; Node's own is 30 s, longer than a shutdown. */
const TIMEOUT_CHECK_MS = 1000
const SHED_BODY = formatResult(SHED)
const SHED_RETRY_AFTER_S = Math.ceil(SHED_RETRY_AFTER_MS / 1000)
