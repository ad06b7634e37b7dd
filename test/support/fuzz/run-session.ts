import { connect, type Socket } from 'node:net'
import { decode, encode, type Frame, frame } from './websocket-frames.ts'

/** What one client does over a connection of its own. */
export interface SocketSession {
  readonly headers: Readonly<Record<string, string>>
  readonly path: string
  /** Whether it introduces itself first, as it should. */
  readonly greets: boolean
  readonly frames: readonly Frame[]
  readonly end: 'close' | 'reset'
}

export interface SessionAnswer {
  /** Of the handshake. */
  readonly status: number
  readonly messages: readonly string[]
  /** Undefined where the service closed nothing. */
  readonly closeCode: number | undefined
  readonly closeReason: string
}

/** A session of a client that does what it should: it waits for the answer to each of its operations, and ends what goes on. */
export function runSession(url: string, session: SocketSession): Promise<SessionAnswer> {
  const { hostname, port } = new URL(url)
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname)
    let bytes = Buffer.alloc(0)
    let status = 0
    const received: string[] = []
    let closeCode: number | undefined
    let closeReason = ''
    const timer = setTimeout(() => socket.destroy(), SESSION_MS)
    socket.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED') reject(error)
    })
    socket.once('close', () => {
      clearTimeout(timer)
      resolve({ status, messages: received, closeCode, closeReason })
    })
    socket.write(handshake(session), 'latin1')
    socket.on('data', (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk])
      if (status === 0) {
        const end = bytes.indexOf('\r\n\r\n')
        if (end === -1) return
        status = Number(/^HTTP\/1\.1 (\d{3})/.exec(bytes.toString('latin1'))?.[1] ?? -1)
        if (status !== 101) {
          received.push(bytes.subarray(end + 4).toString())
          socket.end()
          return
        }
        bytes = bytes.subarray(end + 4)
        socket.write(Buffer.concat(framesOf(session).map(encode)))
        // The last frame is part of another one then, and never answered.
        if (session.frames.some(({ missing }) => missing > 0)) socket.end()
      }
      for (let read = decode(bytes); read; read = decode(bytes)) {
        bytes = bytes.subarray(read.length)
        if (read.opcode === 1) received.push(read.payload.toString())
        if (read.opcode === 8) {
          closeCode = read.payload.length >= 2 ? read.payload.readUInt16BE() : 1005
          closeReason = read.payload.subarray(2).toString()
          socket.end()
        }
        if (read.opcode === 10 && String(read.payload) === LAST) finish(socket, session)
      }
    })
  })
}

function framesOf({ greets, frames }: SocketSession): readonly Frame[] {
  const greeting = greets ? [frame({ payload: '{"type":"connection_init"}' })] : []
  return [...greeting, ...frames, frame({ opcode: 9, payload: LAST })]
}

function finish(socket: Socket, { end }: SocketSession): void {
  if (end === 'reset') socket.resetAndDestroy()
  else socket.end(encode(frame({ opcode: 8, payload: '\x03\xe8' })))
}

function handshake({ path, headers }: SocketSession): string {
  const all = {
    host: 'localhost',
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
    ...headers,
  }
  return `GET ${path} HTTP/1.1\r\n${Object.entries(all)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('')}\r\n`
}

const LAST = 'all is sent'
/** A session that the service does not end is left, in milliseconds. */
const SESSION_MS = 3000
