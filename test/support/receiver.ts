import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A bidder's server that receives notices. */
export interface Receiver {
  readonly url: string
  /** Paths and queries of the requests so far, the oldest first. */
  readonly received: readonly string[]
  /** The highest number of requests that were open at the same time. */
  readonly openMax: () => number
  dispose(): Promise<void>
}

/** @param answer what it does with a request; else it answers 204 */
export async function startReceiver(
  answer: RequestListener = (_request, response) => response.writeHead(204).end(),
): Promise<Receiver> {
  const received: string[] = []
  let open = 0
  let openMax = 0
  const server = createServer((request: IncomingMessage, response) => {
    received.push(request.url ?? '')
    open += 1
    openMax = Math.max(open, openMax)
    response.once('close', () => {
      open -= 1
    })
    answer(request, response)
  })
  const port = await portOf(server)
  return {
    url: `http://127.0.0.1:${port}`,
    received,
    openMax: () => openMax,
    async dispose() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

/** The free port of this machine that a server listens on from now on. */
export async function portOf(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}
