import { createHash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { promisify } from 'node:util'
import { brotliCompress, constants, gzip } from 'node:zlib'
import { renderGraphiQL } from '@graphql-yoga/render-graphiql'
import Negotiator from 'negotiator'
import type { Catalog, CatalogSnapshot } from '../catalog/types.ts'
import type { Config } from '../config.ts'
import { exampleRequest, exampleTabs, REQUEST } from './example-operations.ts'
import { sendInPieces } from './send-in-pieces.ts'
import { createTurnQueue, type TurnQueue } from './turn-queue.ts'

/** Answers a browser's request for GraphiQL; returns false, having done nothing, for any other request. */
export type GraphiQL = (request: IncomingMessage, response: ServerResponse) => boolean

export interface GraphiQLDependencies {
  readonly catalog: Pick<Catalog, 'current'>
  /** Whether anybody may call: else the page names no supply, and sends what its headers pane has. */
  readonly isOpen: boolean
}

/**
 * GraphiQL, from the package alone. The page has some nine megabytes: it is made once for each catalogue, whose supplies
 * its examples name, and compressed once for each encoding, by the thread pool. Every browser is sent the same bytes, so
 * that slow ones cost no memory.
 */
export function createGraphiQL({ catalog, isOpen }: GraphiQLDependencies): GraphiQL {
  let page: { readonly catalog: CatalogSnapshot; readonly variants: Map<Encoding, Promise<Variant>> } | undefined
  const turns = createTurnQueue()

  return (request, response) => {
    if (!isForPage(request)) return false
    if (page?.catalog !== catalog.current()) page = { catalog: catalog.current(), variants: new Map() }
    const encoding = encodingFor(request)
    let variant = page.variants.get(encoding)
    if (!variant) {
      variant = encode(render(page.catalog, isOpen), encoding)
      page.variants.set(encoding, variant)
    }
    void variant.then((ready) => send(request, response, encoding, ready, turns))
    return true
  }
}

/** Whether there is GraphiQL: where listed operations alone may be sent it is of no use. */
export function hasGraphiQL({ graphiql, persistedOperationsFile }: Config): boolean {
  return graphiql === 'on' && persistedOperationsFile === undefined
}

/** Whether a request is a browser's for a page. */
export function isForPage({ method, headers }: IncomingMessage): boolean {
  return (method === 'GET' || method === 'HEAD') && headers.accept?.includes('text/html') === true
}

type Encoding = 'br' | 'gzip' | 'identity'

/** The page as it is sent in one encoding. */
interface Variant {
  readonly body: Buffer
  readonly etag: string
  /** Its Content-Security-Policy. */
  readonly policy: string
}

/** The smallest first. */
const ENCODINGS: readonly Encoding[] = ['br', 'gzip', 'identity']

/** The smallest that the client takes. */
function encodingFor(request: IncomingMessage): Encoding {
  const accepted = new Negotiator(request).encodings(ENCODINGS)
  return ENCODINGS.find((encoding) => accepted.includes(encoding)) ?? 'identity'
}

async function encode(html: Buffer, encoding: Encoding): Promise<Variant> {
  const body = await COMPRESS[encoding](html)
  return { body, policy: policyOf(html), etag: `"${createHash('sha256').update(body).digest('base64url')}"` }
}

function send(
  request: IncomingMessage,
  response: ServerResponse,
  encoding: Encoding,
  variant: Variant,
  turns: TurnQueue,
): void {
  if (response.destroyed) return
  const { body, etag, policy } = variant
  for (const [name, value] of PAGE_HEADERS) response.setHeader(name, value)
  response.setHeader('Content-Security-Policy', policy)
  response.setHeader('ETag', etag)
  response.setHeader('Vary', 'Accept-Encoding')
  if (request.headers['if-none-match'] === etag) {
    response.writeHead(304).end()
    return
  }
  if (encoding !== 'identity') response.setHeader('Content-Encoding', encoding)
  response.writeHead(200, {
    'Content-Type': 'text/html; charset=utf-8',
    'Content-Length': body.length,
    'Cache-Control': 'no-cache',
  })
  if (request.method === 'HEAD') response.end()
  else sendInPieces(response, body, turns)
}

/**
 * Lets the page run its own script, which is one and has the examples in it, and speak to the service alone: whatever an
 * answer brings can load nothing, run nothing and send nothing away. Its editor makes styles and workers as it goes.
 */
function policyOf(html: Buffer): string {
  const script = html.subarray(html.indexOf(SCRIPT_START) + SCRIPT_START.length, html.lastIndexOf('</script>'))
  return [
    "default-src 'none'",
    `script-src 'sha256-${createHash('sha256').update(script).digest('base64')}'`,
    "style-src 'unsafe-inline'",
    'worker-src blob:',
    "connect-src 'self'",
    "img-src 'self' data:",
    'font-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ')
}

const SCRIPT_START = '<script>'
/** No other page may show this one within itself, hold on to its window, or be told where its visitor came from. */
const PAGE_HEADERS = new Map([
  ['X-Frame-Options', 'DENY'],
  ['Cross-Origin-Opener-Policy', 'same-origin'],
  ['Referrer-Policy', 'no-referrer'],
])

/** Over a WebSocket GraphiQL sends no headers. */
function render(catalog: CatalogSnapshot, isOpen: boolean): Buffer {
  return Buffer.from(
    renderGraphiQL({
      title: 'Ad exchange auctions',
      subscriptionsProtocol: isOpen ? 'WS' : 'SSE',
      defaultTabs: exampleTabs(isOpen ? exampleRequest(catalog) : REQUEST),
      shouldPersistHeaders: false,
    }),
  )
}

/** Of the higher levels, brotli's take seconds and save a tenth. */
const BROTLI_QUALITY = 5
const COMPRESS: Readonly<Record<Encoding, (html: Buffer) => Buffer | Promise<Buffer>>> = {
  br: (html) =>
    promisify(brotliCompress)(html, {
      params: {
        [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY,
        [constants.BROTLI_PARAM_SIZE_HINT]: html.length,
      },
    }),
  gzip: (html) => promisify(gzip)(html),
  identity: (html) => html,
}
