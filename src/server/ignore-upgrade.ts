import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'

/** Whether a request asks for a WebSocket, rather than for another protocol such as HTTP/2 (`h2c`). */
export function asksForWebSocket({ headers }: IncomingMessage): boolean {
  return headers.upgrade?.toLowerCase() === 'websocket'
}

/**
 * Answers a request over HTTP/1.1 as if it had offered no other protocol, which is what a server does that does not know
 * the one offered (RFC 9110, section 7.8). Node has stopped reading HTTP from the socket by then: the request is written
 * anew in front of what has arrived, and the socket goes to the server as a new connection. What tells how long the body is
 * stays as it came. It is the connection's last request, so that nothing behind it can be taken for one by mistake, and
 * offers that follow each other do not go round in a circle.
 * @param head what has arrived behind the request's headers
 */
export function ignoreUpgrade(http: Server, request: IncomingMessage, socket: Duplex, head: Buffer): void {
  const before = (socket as AnsweredSocket)._httpMessage
  if (before) {
    // The answer to an earlier request is under way, and whoever reads HTTP anew would not know when it has ended.
    // Until then the connection is ours, and one that breaks off is nobody's error.
    socket.on('error', () => socket.destroy())
    before.once('finish', () => ignoreUpgrade(http, request, socket, head))
    return
  }
  const { method, url, httpVersion, rawHeaders } = request
  const lines = [`${method} ${url} HTTP/${httpVersion}`]
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] as string
    if (!OF_THE_CONNECTION.has(name.toLowerCase())) lines.push(`${name}:${rawHeaders[at + 1]}`)
  }
  lines.push('Connection:close', '', '')
  // Node has read each byte of the headers as one character.
  socket.unshift(Buffer.concat([Buffer.from(lines.join('\r\n'), 'latin1'), head]))
  http.emit('connection', socket)
}

/** Where Node keeps the answer whose turn it is. */
type AnsweredSocket = Duplex & { readonly _httpMessage?: ServerResponse | null }

const OF_THE_CONNECTION = new Set(['connection', 'upgrade', 'http2-settings'])
