import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A port or address that cannot be listened on; the message names the remedy. */
export class ListenError extends Error {
  override readonly name = 'ListenError'
  readonly code = 'LISTEN_FAILED'
}

/**
 * Starts listening and gives the address, such as http://127.0.0.1:4000.
 * @throws ListenError
 */
export async function listen(server: Server, { port, host }: { port: number; host: string }): Promise<string> {
  server.listen(port, host)
  try {
    await once(server, 'listening')
  } catch (error) {
    throw new ListenError(`PORT ${port} on HOST ${host} cannot be listened on: ${reason(error)}`, { cause: error })
  }
  const { address, family, port: given } = server.address() as AddressInfo
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${given}`
}

function reason(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  if (code === 'EADDRINUSE') return 'it is in use. Stop what uses it, or set PORT to another port (0 takes a free one).'
  if (code === 'EACCES') return 'that is not permitted. Set PORT to one above 1023.'
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND')
    return 'this machine has no such address. Set HOST to one it has.'
  return message
}
