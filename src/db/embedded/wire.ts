/** The little of PostgreSQL's wire protocol (version 3) that is needed to share one backend among several clients. */

/** What a client may send at once before it waits for an answer, in bytes. */
export const MAX_REQUEST_BYTES = 64 * 1024 * 1024

const PROTOCOL_3 = 3
const CANCEL_REQUEST = 80_877_102
const SSL_REQUEST = 80_877_103
const GSS_ENCRYPTION_REQUEST = 80_877_104

const HEADER_BYTES = 5
/** Bind, Close, Describe, Execute, Parse: the extended query's messages, which take effect by the next Sync. */
const EXTENDED_MESSAGES = 'BCDEP'
/** Sync, Query, Flush, function call: the messages after which a client waits for an answer. */
const LAST_MESSAGES = 'SQHF'
/** Query and Parse, which carry SQL. */
const SQL_MESSAGES = 'QP'
/** PGlite waits forever, and the process with it, for the data of such a statement. */
const COPY_FROM_CLIENT = /(^|[;\0])\s*copy\s[^;]*?\sfrom\s+stdin\b/i
/** Copy data, done, fail: a server ignores stray ones. */
const COPY_MESSAGES = 'dcf'

export type Request =
  | { readonly kind: 'startup' }
  /** The server is to answer with the one byte N: not supported. */
  | { readonly kind: 'encryption' }
  /** Whole messages, up to and including one after which the client waits for an answer. */
  | { readonly kind: 'messages'; readonly bytes: Uint8Array }

/** A client that does not speak the protocol, or asks for more than the bounds allow. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError'
}

/**
 * Cuts what a client sends into requests; ends where the client says goodbye or cancels another connection's query
 * (which nothing can do here: a query runs to its end before anything else is read).
 * @throws ProtocolError
 */
export async function* readRequests(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Request> {
  let pending: Buffer = Buffer.alloc(0)
  /** What came after `pending`, and is not worth joining to it before there are `wanted` bytes in all. */
  let parts: Uint8Array[] = []
  let available = 0
  let wanted = 0
  let messages: Buffer[] = []
  let bytes = 0
  let isStarted = false

  for await (const chunk of chunks) {
    parts.push(chunk)
    available += chunk.length
    if (available < wanted) continue
    pending = Buffer.concat([pending, ...parts])
    parts = []
    for (;;) {
      const lengthAt = isStarted ? 1 : 0
      wanted = lengthAt + 4
      if (pending.length < wanted) break
      const length = lengthAt + pending.readInt32BE(lengthAt)
      if (length < lengthAt + 4 || bytes + length > MAX_REQUEST_BYTES) {
        throw new ProtocolError(`a request of ${bytes + length} bytes; at most ${MAX_REQUEST_BYTES} are allowed`)
      }
      wanted = length
      if (pending.length < length) break
      const message = pending.subarray(0, length)
      pending = pending.subarray(length)
      available = pending.length

      if (!isStarted) {
        const code = length < 8 ? 0 : message.readInt32BE(4)
        if (code === CANCEL_REQUEST) return
        if (code === SSL_REQUEST || code === GSS_ENCRYPTION_REQUEST) yield { kind: 'encryption' }
        else if (code >>> 16 === PROTOCOL_3) {
          isStarted = true
          yield { kind: 'startup' }
        } else throw new ProtocolError('an unknown protocol version')
        continue
      }

      const type = String.fromCharCode(message[0] ?? 0)
      if (type === 'X') return
      if (COPY_MESSAGES.includes(type)) continue
      if (!EXTENDED_MESSAGES.includes(type) && !LAST_MESSAGES.includes(type)) {
        throw new ProtocolError(`an unknown message type ${JSON.stringify(type)}`)
      }
      if (SQL_MESSAGES.includes(type) && COPY_FROM_CLIENT.test(message.toString('latin1', HEADER_BYTES))) {
        throw new ProtocolError('COPY FROM STDIN, which the embedded database does not have')
      }
      messages.push(message)
      bytes += length
      if (LAST_MESSAGES.includes(type)) {
        yield { kind: 'messages', bytes: Buffer.concat(messages) }
        messages = []
        bytes = 0
      }
    }
  }
}

/** Whether an answer ends with ReadyForQuery, outside any transaction. */
export function endsIdle(answer: Uint8Array): boolean {
  const [type, , , , , status] = answer.subarray(-6)
  return type === 0x5a /* Z */ && status === 0x49 /* I */
}

/** A simple query's message. */
export function encodeQuery(sql: string): Uint8Array {
  return encode('Q', `${sql}\0`)
}

/** Ends a run of extended query messages. */
export function encodeSync(): Uint8Array {
  return encode('S', '')
}

/** The startup message of a client that names its user and database. */
export function encodeStartup(user: string, database: string): Uint8Array {
  const parameters = Buffer.from(`user\0${user}\0database\0${database}\0\0`)
  const head = Buffer.alloc(8)
  head.writeInt32BE(head.length + parameters.length, 0)
  head.writeInt32BE(PROTOCOL_3 << 16, 4)
  return Buffer.concat([head, parameters])
}

/** An error that ends the connection; `sqlState` as in PostgreSQL's appendix A. */
export function encodeFatal(sqlState: string, message: string): Uint8Array {
  return encode('E', `SFATAL\0VFATAL\0C${sqlState}\0M${message}\0\0`)
}

function encode(type: string, body: string): Uint8Array {
  const payload = Buffer.from(body)
  const head = Buffer.alloc(HEADER_BYTES)
  head.write(type, 0, 'latin1')
  head.writeInt32BE(4 + payload.length, 1)
  return Buffer.concat([head, payload])
}
