import { once } from 'node:events'
import { type ClientRequest, request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import type { FormattedExecutionResult } from 'graphql'
import { type Client, createClient, type SubscribePayload } from 'graphql-ws'
import { WebSocket } from 'ws'

export interface GraphQLRequest {
  readonly query: string
  readonly variables?: unknown
  readonly operationName?: unknown
}

/** A result over any transport; `data` is what the test says it is. */
export type GraphQLResult<T = Record<string, unknown>> = FormattedExecutionResult<T, Record<string, unknown>>

/** A result over HTTP, with its status. */
export type GraphQLAnswer<T = Record<string, unknown>> = GraphQLResult<T> & { readonly status: number }

export interface HttpAnswer {
  readonly status: number
  /** Those that say something of the answer, rather than of the moment or the connection. */
  readonly headers: Readonly<Record<string, string>>
  readonly text: string
}

export interface HttpRequest {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Buffer
}

/** Sends one request over a connection of its own. */
export async function send(url: string, { method = 'POST', headers = {}, body }: HttpRequest): Promise<HttpAnswer> {
  const length = body === undefined ? {} : { 'content-length': Buffer.byteLength(body) }
  return answerOf(httpRequest(url, { method, headers: { ...length, ...headers }, agent: false }).end(body))
}

/** The answer to a request. */
export async function answerOf(request: ClientRequest): Promise<HttpAnswer> {
  const [response] = await once(request, 'response')
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries(response.headers)) {
    // An id that was made, and not sent.
    if (name === 'x-request-id' && !request.hasHeader(name)) continue
    if (!OF_THE_MOMENT.has(name)) headers[name] = String(value)
  }
  let text = ''
  for await (const chunk of response.setEncoding('utf8')) text += chunk
  return { status: response.statusCode, headers, text }
}

/** Runs an operation over HTTP. */
export async function execute<T = Record<string, unknown>>(
  url: string,
  query: string,
  variables?: Readonly<Record<string, unknown>>,
): Promise<GraphQLAnswer<T>> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query, variables }),
  })
  return { status: response.status, ...((await response.json()) as GraphQLResult<T>) }
}

/** Runs an operation over HTTP that must succeed, and gives its data. */
export async function dataOf<T>(url: string, query: string, variables?: Readonly<Record<string, unknown>>): Promise<T> {
  const { data, errors } = await execute<T>(url, query, variables)
  if (errors || !data) throw new Error(`Unexpected errors: ${JSON.stringify(errors)}`)
  return data
}

/** A graphql-ws client that connects when it is first used and does not try again. */
export function openWebSocket(url: string): Client {
  return createClient({ url: toWebSocketUrl(url), webSocketImpl: WebSocket, retryAttempts: 0, lazy: true })
}

/** The only result of a query or mutation over a WebSocket. A refusal before execution is a result as well. */
export async function executeOverWebSocket(client: Client, payload: GraphQLRequest): Promise<GraphQLResult> {
  const results = client.iterate<Record<string, unknown>, Record<string, unknown>>(payload as SubscribePayload)
  try {
    const { value } = await results.next()
    return value as GraphQLResult
  } catch (errors) {
    if (!Array.isArray(errors)) throw errors
    return { errors }
  }
}

/** A bare WebSocket of the protocol graphql-transport-ws: it costs little, and does what a client should not. */
export interface RawSocket {
  readonly socket: WebSocket
  /** The port it is connected from. */
  readonly localPort: number
  /** What it was sent since the greeting. */
  readonly messages: Record<string, unknown>[]
  /** Starts an operation, of an id of its own. */
  subscribe(query: string): void
  /** The code it is closed with; seen only while it reads. */
  readonly closed: Promise<number>
  dispose(): Promise<void>
}

/** Connects and greets, with a payload. */
export async function openRawSocket(url: string, payload = {}): Promise<RawSocket> {
  const socket = new WebSocket(toWebSocketUrl(url), 'graphql-transport-ws')
  const closed = new Promise<number>((resolve) => socket.once('close', resolve))
  socket.on('error', () => {})
  const [[{ socket: connection }]] = await Promise.all([once(socket, 'upgrade'), once(socket, 'open')])
  const messages: Record<string, unknown>[] = []
  let started = 0
  socket.send(JSON.stringify({ type: 'connection_init', payload }))
  await once(socket, 'message')
  socket.on('message', (data) => messages.push(JSON.parse(String(data))))
  return {
    socket,
    localPort: connection.localPort,
    messages,
    subscribe: (query) => {
      started += 1
      socket.send(JSON.stringify({ id: `${started}`, type: 'subscribe', payload: { query } }))
    },
    closed,
    dispose: async () => {
      socket.resume()
      socket.close()
      await Promise.race([closed, delay(CLOSE_TIMEOUT_MS, undefined, { ref: false })])
      socket.terminate()
    },
  }
}

/** A subscription over SSE, in graphql-sse's "distinct connections" mode. It ends when the server completes it. */
export async function* subscribeOverSse<T = Record<string, unknown>>(
  url: string,
  query: string,
  { variables, signal }: { readonly variables?: unknown; readonly signal?: AbortSignal } = {},
): AsyncGenerator<GraphQLResult<T>> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
    body: JSON.stringify({ query, variables }),
    signal: signal ?? null,
  })
  let text = ''
  for await (const chunk of (response.body ?? new ReadableStream()).pipeThrough(new TextDecoderStream())) {
    text += chunk
    const events = text.split('\n\n')
    text = events.pop() ?? ''
    for (const event of events) {
      const name = /^event: (.*)$/m.exec(event)?.[1]
      if (name === 'complete') return
      if (name === 'next') yield JSON.parse(/^data: (.*)$/m.exec(event)?.[1] ?? '')
    }
  }
}

/** Writes bytes to a server and gives everything it says until it closes the connection. */
export async function exchange(url: string, ...pieces: readonly (string | Buffer)[]): Promise<string> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  await once(socket, 'connect')
  socket.setNoDelay()
  for (const piece of pieces) await new Promise((resolve) => socket.write(piece, resolve))
  let text = ''
  for await (const chunk of socket.setEncoding('utf8')) text += chunk
  return text
}

function toWebSocketUrl(url: string): string {
  return url.replace(/^http/, 'ws')
}

const CLOSE_TIMEOUT_MS = 1000
const OF_THE_MOMENT = new Set(['date', 'connection', 'keep-alive'])
