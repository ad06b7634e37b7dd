import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Metrics } from '../telemetry/metrics.ts'
import { sendError } from './json-response.ts'

export const METRICS_PATH = '/metrics'

/** Answers a GET of Prometheus's. */
export type MetricsEndpoint = (request: IncomingMessage, response: ServerResponse) => void

/** @param onUnexpected called with each error that is a bug */
export function createMetricsEndpoint(
  { contentType, scrape }: Metrics,
  onUnexpected: (error: unknown) => void,
): MetricsEndpoint {
  return (_request, response) => {
    scrape().then(
      (text) => {
        response.writeHead(200, {
          'Content-Type': contentType,
          'Content-Length': Buffer.byteLength(text),
          'X-Content-Type-Options': 'nosniff',
        })
        response.end(text)
      },
      (error) => {
        onUnexpected(error)
        sendError(response, 500, 'INTERNAL_SERVER_ERROR', 'Unexpected error.')
      },
    )
  }
}

/** A server of its own for it, not yet listening, for where the API's port is open to those whom metrics do not concern. */
export function createMetricsServer(endpoint: MetricsEndpoint): Server {
  return createServer((request, response) => {
    const isAsked = request.url === METRICS_PATH && (request.method === 'GET' || request.method === 'HEAD')
    if (isAsked) endpoint(request, response)
    else sendError(response, 404, 'NOT_FOUND', `Nothing is here: metrics are at ${METRICS_PATH}.`)
  })
}
