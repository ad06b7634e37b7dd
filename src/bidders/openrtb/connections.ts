import type { Socket } from 'node:net'
import { buildConnector, Pool } from 'undici'
import { createAddresses, type Lookup } from './addresses.ts'

/** The connections to one bidder: kept alive, bounded, and made anew where its name stands for other addresses. */
export interface Connections {
  /** The pool to send the next request over. */
  pool(): Pool
  /** How long one way to the bidder and back takes, in milliseconds: the quickest of the newest connections. 0: not known. */
  roundTripMs(): number
  /** Looks its name up again. */
  renew(): Promise<void>
  /** Closes them once what is under way has ended. */
  close(): Promise<void>
  /** Closes them now. */
  destroy(): Promise<void>
}

export interface ConnectionsOptions {
  readonly origin: string
  /** Each carries one request at a time. */
  readonly max: number
  readonly now: () => number
  readonly lookup?: Lookup | undefined
}

export function createConnections({ origin, max, now, lookup }: ConnectionsOptions): Connections {
  const addresses = createAddresses({ hostname: new URL(origin).hostname, now, ...(lookup && { lookup }) })
  const connect = buildConnector({ timeout: CONNECT_TIMEOUT_MS, lookup: addresses.lookup })
  const roundTripsMs: number[] = []
  let current = open()
  /** Whose names have changed, and which still answer. */
  const leaving = new Set<Pool>()

  return {
    pool: () => current,
    roundTripMs: () => (roundTripsMs.length === 0 ? 0 : Math.min(...roundTripsMs)),
    async renew() {
      if (!(await addresses.renew()) || current.closed || current.destroyed) return
      const before = current
      current = open()
      leaving.add(before)
      await before.close()
      leaving.delete(before)
    },
    async close() {
      await Promise.all([...leaving, current].map((pool) => pool.close()))
    },
    async destroy() {
      await Promise.all([...leaving, current].map((pool) => pool.destroy()))
    },
  }

  function open(): Pool {
    return new Pool(origin, {
      connections: max,
      pipelining: 1,
      maxHeaderSize: HEADERS_BYTES_MAX,
      // Whoever sends a request ends it in time; undici's own timers would be two more for each.
      headersTimeout: 0,
      bodyTimeout: 0,
      connect(options, callback) {
        measure(connect(options, callback) as unknown as Socket)
      },
    })
  }

  /** A connection takes one round trip, whatever the bidder has to think about afterwards. */
  function measure(socket: Socket): void {
    let startedAtMs = now()
    const begin = () => {
      startedAtMs = now()
    }
    socket.once('lookup', begin).on('connectionAttempt', begin)
    socket.once('connect', () => {
      roundTripsMs.push(now() - startedAtMs)
      if (roundTripsMs.length > ROUND_TRIPS) roundTripsMs.shift()
    })
  }
}

/** In milliseconds. Requests wait for it no longer than their auctions do. */
const CONNECT_TIMEOUT_MS = 3000
const HEADERS_BYTES_MAX = 16_384
/** Connections that the quickest is looked for among: of many made at once, most have waited for each other. */
const ROUND_TRIPS = 16
