import { type Dispatcher, Pool } from 'undici'
import { readHttpAnswer } from './answer.ts'
import { type RunAuctionInput, toGraphQLBody } from './requests.ts'
import { type Answer, authorization, CONNECT_TIMEOUT_MS, REQUEST_TIMEOUT_MS, type Transport } from './types.ts'

export interface HttpTransportOptions {
  readonly url: URL
  /** The most connections open at once; each carries one request at a time. */
  readonly connections: number
  /** Where the service asks for one. */
  readonly apiKey?: string | undefined
  readonly toBody?: (request: RunAuctionInput) => string
}

/** Sends requests over a pool of connections that are kept alive; those that find none free wait for one. */
export function createHttpTransport(options: HttpTransportOptions): Transport {
  const { url, connections, apiKey, toBody = toGraphQLBody } = options
  const headers = { ...HEADERS, ...authorization(apiKey) }
  const pool = new Pool(url.origin, {
    connections,
    pipelining: 1,
    connect: { timeout: CONNECT_TIMEOUT_MS },
    headersTimeout: REQUEST_TIMEOUT_MS,
    bodyTimeout: REQUEST_TIMEOUT_MS,
  })
  const path = url.pathname + url.search
  return {
    send: (request, onAnswer) =>
      void pool.dispatch({ path, method: 'POST', headers, body: toBody(request) }, collectAnswer(request, onAnswer)),
    dispose: () => pool.destroy(),
  }
}

/** Collects one response; undici's own `request()` makes a stream of each, which costs more than all the rest. */
function collectAnswer(request: RunAuctionInput, onAnswer: (answer: Answer) => void): Dispatcher.DispatchHandler {
  let status = 0
  let body = ''
  let chunks: Buffer[] | undefined
  return {
    onRequestStart() {},
    onResponseStart(_controller, statusCode) {
      status = statusCode
    },
    onResponseData(_controller, chunk) {
      chunks ??= []
      chunks.push(chunk)
    },
    onResponseEnd() {
      if (chunks) body = (chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)).toString()
      onAnswer(readHttpAnswer(status, body, request.tmax))
    },
    onResponseError(_controller, error) {
      onAnswer({ errorCode: (error as NodeJS.ErrnoException).code ?? error.name, isDisconnected: true })
    },
  }
}

const HEADERS = { 'content-type': 'application/json', accept: 'application/json' }
