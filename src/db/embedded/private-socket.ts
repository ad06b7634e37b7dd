import { mkdtemp, rmdir } from 'node:fs/promises'
import { createConnection, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { codeOf, DatabaseError, messageOf } from '../database-error.ts'

/** What systems allow for a unix socket's path: 104 bytes with the closing zero on macOS, 108 on Linux. */
const MAX_SOCKET_PATH_BYTES = 103
/** PostgreSQL clients look for this name in the folder they are given as host. */
const SOCKET_NAME = '.s.PGSQL.5432'

export interface PrivateSocket {
  /** Its path. */
  readonly socket: string
  /** Stops listening, once the last client has left, and removes socket and folder. */
  close(): Promise<void>
}

/**
 * Listens in a new folder that only this user may enter, inside `parentDir`, or among the system's temporary files
 * where that path is too long for a socket or its file system has none.
 * @throws DatabaseError DATA_DIR_UNUSABLE
 */
export async function listenPrivately(parentDir: string, onClient: (client: Socket) => void): Promise<PrivateSocket> {
  let reason: unknown
  for (const parent of [parentDir, tmpdir()]) {
    let folder: string | undefined
    try {
      folder = await mkdtemp(join(parent, 's-'))
      const socket = join(folder, SOCKET_NAME)
      if (Buffer.byteLength(socket) > MAX_SOCKET_PATH_BYTES) throw new Error(`${socket} is too long for a socket`)
      const server = await listen(socket, onClient)
      return { socket, close: () => close(server, socket) }
    } catch (error) {
      reason = error
      if (folder !== undefined) await rmdir(folder)
    }
  }
  const message = `DATA_DIR ${parentDir} cannot hold a socket, and neither can ${tmpdir()}: ${messageOf(reason)}`
  throw new DatabaseError('DATA_DIR_UNUSABLE', message, { cause: reason })
}

/** Whether a process listens there; the system answers, so a busy or stopped one counts as well. */
export function answers(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createConnection(socket)
    probe.once('connect', () => {
      probe.destroy()
      resolve(true)
    })
    probe.once('error', (error) => resolve(!['ECONNREFUSED', 'ENOENT', 'ENOTSOCK'].includes(codeOf(error) ?? '')))
  })
}

function listen(socket: string, onClient: (client: Socket) => void): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer(onClient)
    server.once('error', reject)
    server.listen(socket, () => {
      server.off('error', reject)
      // Failing to accept one client is that client's trouble.
      server.on('error', () => {})
      resolve(server)
    })
  })
}

async function close(server: Server, socket: string): Promise<void> {
  await new Promise((resolve) => server.close(resolve))
  await rmdir(dirname(socket)).catch(() => {})
}

/** What a PostgreSQL client connects to the socket with. */
export function connectionStringFor(socket: string): string {
  return `postgresql://postgres@localhost/postgres?host=${encodeURIComponent(dirname(socket))}`
}
