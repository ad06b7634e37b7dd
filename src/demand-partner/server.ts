import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { listen } from '../listen.ts'
import type { OpenRtbBidRequest } from '../openrtb/types.ts'
import { createRandom } from '../random.ts'
import { type Behaviour, bidOn } from './answer.ts'

/** A demand partner to try things with: it answers bid requests of OpenRTB 2.6 by chance. */
export interface DemandPartner {
  /** Where it takes bid requests. */
  readonly endpoint: string
  dispose(): Promise<void>
}

export interface DemandPartnerOptions {
  /** Asked for each request: it may change. */
  readonly behaviour: () => Behaviour
  /** 0: any free one. */
  readonly port: number
  readonly host: string
  /** The same seed and requests one after the other give the same answers. */
  readonly seed: number
  /** Told of each notice that arrives: its kind, and its parameters. */
  readonly onNotice: (notice: Notice) => void
}

export interface Notice {
  readonly kind: string
  readonly parameters: Readonly<Record<string, string>>
}

/** @throws ListenError */
export async function startDemandPartner(options: DemandPartnerOptions): Promise<DemandPartner> {
  const { port, host, seed, onNotice } = options
  const random = createRandom(seed)
  let origin = ''
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost')
    if (request.method === 'POST' && pathname === BID_PATH) void answer(request, response)
    else if (pathname === NOTICE_PATH) {
      const { kind = '', ...parameters } = Object.fromEntries(searchParams)
      onNotice({ kind, parameters })
      response.writeHead(204).end()
    } else response.writeHead(404).end()
  })
  origin = await listen(server, { port, host }, { port: '--port', host: '--host' })
  return { endpoint: `${origin}${BID_PATH}`, dispose: () => close(server) }

  /** Everything that is drawn is drawn when the request is there, so that answers replay whatever their latencies. */
  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let bidRequest: OpenRtbBidRequest
    try {
      bidRequest = await readBody(request)
    } catch {
      response.writeHead(400).end()
      return
    }
    const behaviour = options.behaviour()
    const [min, max] = behaviour.latencyMs
    const latencyMs = min + random() * (max - min)
    const fault = random() < behaviour.errors ? FAULTS[Math.floor(random() * FAULTS.length)] : undefined
    const bids = random() < behaviour.noBid ? undefined : bidOn(bidRequest, behaviour, random, origin + NOTICE_PATH)
    if (latencyMs > 0) await delay(latencyMs)
    if (fault === 'cut') request.socket.destroy()
    else if (fault === 'status') response.writeHead(500).end()
    else if (fault === 'garbage') response.writeHead(200, JSON_HEADERS).end('<html>Bad gateway</html>')
    else if (bids === undefined) response.writeHead(204, OPENRTB_HEADERS).end()
    else response.writeHead(200, JSON_HEADERS).end(JSON.stringify(bids))
  }
}

export const BID_PATH = '/bid'
const NOTICE_PATH = '/notice'
const OPENRTB_HEADERS = { 'x-openrtb-version': '2.6' }
const JSON_HEADERS = { ...OPENRTB_HEADERS, 'content-type': 'application/json' }
const FAULTS = ['status', 'garbage', 'cut'] as const
const REQUEST_BYTES_MAX = 1_000_000

const gunzipped = promisify(gunzip)

async function readBody(request: IncomingMessage): Promise<OpenRtbBidRequest> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > REQUEST_BYTES_MAX) throw new RangeError('the bid request is too large')
    chunks.push(chunk)
  }
  const body = Buffer.concat(chunks)
  const isGzip = request.headers['content-encoding'] === 'gzip'
  const text = isGzip ? await gunzipped(body, { maxOutputLength: REQUEST_BYTES_MAX }) : body
  const bidRequest = JSON.parse(text.toString('utf8')) as OpenRtbBidRequest
  if (typeof bidRequest.id !== 'string' || !Array.isArray(bidRequest.imp)) throw new TypeError('no bid request')
  return bidRequest
}

async function close(server: Server): Promise<void> {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
}
