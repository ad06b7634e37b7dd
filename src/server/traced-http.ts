import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { requestIdOf } from '../asker.ts'
import { keepSpan, markFailed, type Traces } from '../telemetry/traces.ts'
import { OPENRTB_PATH } from './openrtb/auction-endpoint.ts'
import { GRAPHQL_PATH } from './yoga.ts'

/**
 * Makes a span of each HTTP request for the API, from its headers to its answer or its client's leaving; what the request
 * asks for is under it. Of a URL no more than the path is told: behind it may be variables.
 */
export function traceHttp(server: Server, traces: Traces): void {
  server.prependListener('request', (request: IncomingMessage, response: ServerResponse) => {
    const { url = '/', method = 'GET' } = request
    const path = url.split('?', 1)[0] ?? '/'
    if (!ROUTES.has(path)) return
    const span = traces.start(
      `${method} ${path}`,
      'SERVER',
      { origin: { request } },
      {
        'http.request.method': method,
        'http.route': path,
        'url.path': path,
        'url.scheme': 'http',
      },
    )
    keepSpan(request, span)
    if (!span.isRecording()) return
    response.once('close', () => {
      span.setAttribute('http.response.header.x-request-id', [requestIdOf(request)])
      if (response.headersSent) span.setAttribute('http.response.status_code', response.statusCode)
      else span.setAttribute('error.type', 'client_left')
      if (response.statusCode >= 500) markFailed(span)
      span.end()
    })
  })
}

/** The others are of operators and monitors, which ask all the time. */
const ROUTES: ReadonlySet<string> = new Set([GRAPHQL_PATH, OPENRTB_PATH])
