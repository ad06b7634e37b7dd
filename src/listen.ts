import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface ListenNames {
  readonly port: string
  readonly host: string
}

/** A port or address that cannot be listened on; the message names the remedy. */
export class ListenError extends Error {
  override readonly name = 'ListenError'
  readonly code = 'LISTEN_FAILED'
}

/**
 * Starts listening and gives the address, such as http://127.0.0.1:4000.
 * @param names what the port and the host are set by, for the error's message
 * @throws ListenError
 */
export async function listen(
  server: Server,
  { port, host }: { readonly port: number; readonly host: string },
  names: ListenNames = { port: 'PORT', host: 'HOST' },
): Promise<string> {
  server.listen(port, host)
  try {
    await once(server, 'listening')
  } catch (error) {
    const where = `${names.port} ${port} on ${names.host} ${host}`
    throw new ListenError(`${where} cannot be listened on: ${reason(error, names)}`, { cause: error })
  }
  const { address, family, port: given } = server.address() as AddressInfo
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${given}`
}

function reason(error: unknown, names: ListenNames): string {
  const { code, message } = error as NodeJS.ErrnoException
  if (code === 'EADDRINUSE') {
    return `it is in use. Stop what uses it, or set ${names.port} to another port (0 takes a free one).`
  }
  if (code === 'EACCES') return `that is not permitted. Set ${names.port} to one above 1023.`
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
    return `this machine has no such address. Set ${names.host} to one it has.`
  }
  return message
}
