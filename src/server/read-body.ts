import type { IncomingMessage, ServerResponse } from 'node:http'
import { destroyLater } from './destroy-later.ts'
import { writeError } from './json-response.ts'

/**
 * Reads a request's whole body and hands it on; one over `maxBytes` is answered with 413 and its connection closed.
 * A request that is aborted is dropped; one that is slow is ended by the server's request timeout.
 */
export function readBody(
  request: IncomingMessage,
  response: ServerResponse,
  maxBytes: number,
  onBody: (body: Buffer) => void,
): void {
  let first: Buffer | undefined
  let more: Buffer[] | undefined
  let length = 0
  let refused = Number(request.headers['content-length']) > maxBytes
  if (refused) refuse(request, response, maxBytes)

  request.on('data', (chunk: Buffer) => {
    if (refused) return
    length += chunk.length
    if (length > maxBytes) {
      refused = true
      first = more = undefined
      refuse(request, response, maxBytes)
    } else if (!first) {
      first = chunk
    } else if (more) {
      more.push(chunk)
    } else {
      more = [first, chunk]
    }
  })
  request.on('end', () => {
    if (refused) return
    const body = more ? Buffer.concat(more, length) : (first ?? EMPTY)
    // The request is there until its auction is over; its body need not be.
    first = more = undefined
    onBody(body)
  })
}

/**
 * The rest of the body is read and dropped, within bounds, before the connection is closed: one that is closed with something
 * unread is reset, and the client may lose the answer that it had.
 */
function refuse(request: IncomingMessage, response: ServerResponse, maxBytes: number): void {
  response.setHeader('Connection', 'close')
  const message = `A request's body may have ${maxBytes} bytes at most: send less at a time, or set MAX_BODY_BYTES higher.`
  writeError(response, 413, 'PAYLOAD_TOO_LARGE', message)
  destroyLater(request, DRAIN_MS)
  request.once('end', () => response.end())
}

/** How long a refused body may go on before its connection is cut, in milliseconds. */
const DRAIN_MS = 2000
const EMPTY = Buffer.alloc(0)
