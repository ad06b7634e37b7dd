import { createSocket } from 'node:dgram'
import { once } from 'node:events'

/** A DNS server of a test's own, over UDP. It knows IPv4 addresses alone. */
export interface NameServer {
  readonly port: number
  /** Gives a name an address, in place of the one it had; undefined takes it away. */
  set(name: string, address: string | undefined): void
  dispose(): Promise<void>
}

export async function startNameServer(): Promise<NameServer> {
  const addresses = new Map<string, string>()
  const socket = createSocket('udp4')
  socket.on('message', (query, { port, address }) => {
    socket.send(answer(query, addresses.get(nameOf(query))), port, address)
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  return {
    port: socket.address().port,
    set: (name, address) => {
      if (address === undefined) addresses.delete(name)
      else addresses.set(name, address)
    },
    dispose: () => new Promise((resolve) => socket.close(() => resolve())),
  }
}

/** The name asked for: its labels follow the header, each with its length before it, and end with a 0. */
function nameOf(query: Buffer): string {
  const labels: string[] = []
  for (let at = HEADER_BYTES; (query[at] ?? 0) > 0; at += 1 + (query[at] ?? 0)) {
    labels.push(query.toString('latin1', at + 1, at + 1 + (query[at] ?? 0)))
  }
  return labels.join('.')
}

function answer(query: Buffer, address: string | undefined): Buffer {
  const question = query.subarray(HEADER_BYTES, query.indexOf(0, HEADER_BYTES) + 1 + TYPE_AND_CLASS_BYTES)
  const header = Buffer.alloc(HEADER_BYTES)
  query.copy(header, 0, 0, 2)
  header.writeUInt16BE(address === undefined ? NO_SUCH_NAME : ANSWER, 2)
  header.writeUInt16BE(1, 4)
  if (address === undefined) return Buffer.concat([header, question])
  header.writeUInt16BE(1, 6)
  return Buffer.concat([header, question, RECORD, Buffer.from(address.split('.').map(Number))])
}

const HEADER_BYTES = 12
const TYPE_AND_CLASS_BYTES = 4
const ANSWER = 0x8180
const NO_SUCH_NAME = 0x8183
/** The name of the question, A, IN, ten minutes as Docker says, and that four bytes of address follow. */
const RECORD = Buffer.from([0xc0, HEADER_BYTES, 0, 1, 0, 1, 0, 0, 0x02, 0x58, 0, 4])
