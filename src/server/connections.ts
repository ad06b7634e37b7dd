import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import type { Config } from '../config.ts'
import type { ClientAddresses } from './client-addresses.ts'
import { destroyLater } from './destroy-later.ts'
import { cutUnread } from './unread.ts'

/** The connections to the HTTP server, WebSockets among them: how many there may be, in all and of one address. */
export interface Connections {
  /** Bounds those of a server from now on. */
  bound(http: Server): void
  /**
   * Why a connection is one too many, as its first request is told, which is its last; undefined where it is not. It is told
   * then, and not at once, so that who looks after the process still learns that it lives.
   */
  refusalOf(socket: Socket): string | undefined
  dispose(): void
}

export type ConnectionLimits = Pick<Config, 'maxConnections' | 'maxConnectionsPerAddress' | 'unreadTimeoutMs'>

export interface ConnectionsDependencies {
  readonly addresses: Pick<ClientAddresses, 'ofConnection'>
  readonly limits: ConnectionLimits
}

export function createConnections({ addresses, limits }: ConnectionsDependencies): Connections {
  const { maxConnections, maxConnectionsPerAddress } = limits
  /** A connection whose request offers another protocol is announced a second time. */
  const open = new Set<Socket>()
  const refused = new Map<Socket, string>()
  const counts = new Map<string, number>()
  const stopCutting = cutUnread({ sockets: open, limits })

  return {
    bound(http) {
      // Beyond these Node closes a connection as soon as it is there.
      http.maxConnections = maxConnections + MAX_REFUSED
      http.prependListener('connection', admit)
    },
    refusalOf: (socket) => (refused.size === 0 ? undefined : refused.get(socket)),
    dispose: stopCutting,
  }

  function admit(socket: Socket): void {
    if (open.has(socket) || refused.has(socket)) return
    const address = addresses.ofConnection(socket.remoteAddress)
    const count = address === undefined ? 0 : (counts.get(address) ?? 0)
    if (open.size >= maxConnections) refuse(socket, tooMany(maxConnections))
    else if (count >= maxConnectionsPerAddress) refuse(socket, tooManyOfAddress(maxConnectionsPerAddress))
    else take(socket, address)
  }

  function take(socket: Socket, address: string | undefined): void {
    open.add(socket)
    if (address !== undefined) counts.set(address, (counts.get(address) ?? 0) + 1)
    socket.once('close', () => {
      open.delete(socket)
      if (address === undefined) return
      const left = (counts.get(address) ?? 0) - 1
      if (left > 0) counts.set(address, left)
      else counts.delete(address)
    })
  }

  function refuse(socket: Socket, reason: string): void {
    if (refused.size >= MAX_REFUSED) {
      socket.destroy()
      return
    }
    refused.set(socket, reason)
    destroyLater(socket, REFUSED_MS)
    socket.once('close', () => refused.delete(socket))
  }
}

function tooMany(max: number): string {
  return `Of the ${max} connections that this service may have none is left: try again later, or set MAX_CONNECTIONS higher.`
}

function tooManyOfAddress(max: number): string {
  return `An address may have ${max} connections: keep those there are and share them, or set MAX_CONNECTIONS_PER_ADDRESS higher. A proxy's address belongs into TRUSTED_PROXIES.`
}

/** The code of what a connection beyond the bounds is told. */
export const TOO_MANY_CONNECTIONS = 'TOO_MANY_CONNECTIONS'
/** Connections beyond the bounds that are told why, at a time: the others are closed at once. */
const MAX_REFUSED = 100
/** How long one may take to ask, and to be told, in milliseconds. */
const REFUSED_MS = 1000
