import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net'
import { gunzipSync } from 'node:zlib'
import type { OpenRtbBidRequest } from '../../src/openrtb/types.ts'

/** A demand partner in this process. */
export interface BidderServer {
  readonly url: string
  /** Requests that have arrived, and connections that were made. */
  readonly requests: number
  readonly connections: number
  /** Connections that have ended. */
  readonly ended: number
  dispose(): Promise<void>
}

/** Answers bid requests as `answer` does, after the whole request is there. */
export function startBidder(
  answer: (request: OpenRtbBidRequest, response: ServerResponse, message: IncomingMessage) => unknown,
): Promise<BidderServer> {
  let requests = 0
  const listener: RequestListener = async (message, response) => {
    requests++
    response.on('error', () => {})
    const chunks: Buffer[] = []
    for await (const chunk of message) chunks.push(chunk)
    const body = Buffer.concat(chunks)
    const isGzip = message.headers['content-encoding'] === 'gzip'
    await answer(JSON.parse((isGzip ? gunzipSync(body) : body).toString()), response, message)
  }
  return serve(createServer({ keepAliveTimeout: 60_000 }, listener), () => requests)
}

/** Does with each connection what `behave` does, once something was sent to it. */
export function startSocketServer(behave: (socket: Socket) => void): Promise<BidderServer> {
  let requests = 0
  const server = createTcpServer((socket) => {
    let isBegun = false
    socket
      .on('error', () => {})
      .on('data', () => {
        if (!isBegun) requests++
        if (!isBegun) behave(socket)
        isBegun = true
      })
  })
  return serve(server, () => requests)
}

/** Serves with a server of one's own, such as one of TLS. */
export async function serve(server: Server, requests = () => 0, protocol = 'http'): Promise<BidderServer> {
  const sockets = new Set<Socket>()
  const all: Socket[] = []
  server.on('connection', (socket: Socket) => {
    all.push(socket)
    sockets.add(socket)
    // A client that has closed is gone, though an answer that was begun keeps this half.
    const gone = () => sockets.delete(socket)
    socket
      .on('error', () => {})
      .once('end', gone)
      .once('close', gone)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `${protocol}://127.0.0.1:${(server.address() as AddressInfo).port}/bid?partner=1`,
    get requests() {
      return requests()
    },
    get connections() {
      return all.length
    },
    get ended() {
      return all.length - sockets.size
    },
    async dispose() {
      const closed = once(server, 'close')
      server.close()
      for (const socket of all) socket.destroy()
      await closed
    },
  }
}

/** A bid response for a request, of one bid. */
export function bidOn({ id }: OpenRtbBidRequest, bid: object = {}): string {
  return JSON.stringify({ id, seatbid: [{ bid: [{ id: 'b1', impid: '1', price: 1.5, adm: '<a>', ...bid }] }] })
}
