import type { Duplex } from 'node:stream'
import { messageOf } from '../database-error.ts'
import { type Backend, BackendLostError } from './backend.ts'
import { encodeFatal, encodeQuery, encodeSync, endsIdle, ProtocolError, readRequests } from './wire.ts'

/** How long a client may keep the backend in an open transaction without sending anything. */
export const IDLE_IN_TRANSACTION_TIMEOUT_MS = 10_000

/** How long a closing gate waits for its clients to leave by themselves, and then for their last statements to end. */
export const DRAIN_TIMEOUT_MS = 2_000

/** SQLSTATE cannot_connect_now: the server is starting or stopping; worth trying again. */
const CANNOT_CONNECT_NOW = '57P03'
/** The server has ended without warning, and with it the connection. */
const CRASH_SHUTDOWN = '57P02'
const IDLE_IN_TRANSACTION_SESSION_TIMEOUT = '25P03'
const PROTOCOL_VIOLATION = '08P01'
const INTERNAL_ERROR = 'XX000'

export interface Gate {
  /** Serves one client until it leaves. */
  serve(client: Duplex): void
  /** How many statements and transactions its clients have ended: where it stands still, nothing was changed. */
  uses(): number
  /** Disconnects the clients of a session that is gone, as what they had there is gone with it. */
  sessionLost(error: BackendLostError): void
  /** Refuses new clients, waits for the present ones to leave or else disconnects them. The backend stays open. */
  dispose(): Promise<void>
}

export interface GateOptions {
  /** Clients that come before it has started wait for it. */
  readonly backend: Backend
  readonly idleInTransactionTimeoutMs?: number
  readonly drainTimeoutMs?: number
}

/**
 * Lets any number of clients share PGlite, which is a single PostgreSQL session, by PostgreSQL's own protocol.
 *
 * A client has the backend to itself from its first message until it is answered outside a transaction; the others
 * wait in turn. So transactions never mix, nor do unnamed statements. What outlives a transaction in a session (named
 * statements, settings, session advisory locks, LISTEN) is common to all clients, as behind a pooler in transaction
 * mode, and is discarded when a client leaves.
 */
export function createGate(options: GateOptions): Gate {
  const { backend, idleInTransactionTimeoutMs = IDLE_IN_TRANSACTION_TIMEOUT_MS } = options
  const { drainTimeoutMs = DRAIN_TIMEOUT_MS } = options
  const clients = new Map<Duplex, Promise<void>>()
  const takeTurn = createTurns()
  let isClosing = false
  let uses = 0

  /** Leaves nothing of a client behind, wherever it broke off. */
  async function cleanUp(): Promise<void> {
    await backend.execute(encodeSync())
    await backend.execute(encodeQuery('ROLLBACK'))
    await backend.execute(encodeQuery('DISCARD ALL'))
  }

  async function talk(client: Duplex): Promise<void> {
    let endTurn: (() => void) | undefined
    let idle: NodeJS.Timeout | undefined
    let isUsed = false
    try {
      for await (const request of readRequests(client.iterator({ destroyOnReturn: false }))) {
        clearTimeout(idle)
        if (request.kind === 'encryption') {
          await write(client, Buffer.from('N'))
          continue
        }
        if (request.kind === 'startup') {
          // No password: the socket's folder, mode 0700, is the authentication.
          await write(client, await exclusively(takeTurn, backend.greeting))
          continue
        }
        endTurn ??= await takeTurn()
        if (client.destroyed) break
        isUsed = true
        const answer = await backend.execute(request.bytes)
        if (endsIdle(answer)) {
          uses++
          endTurn()
          endTurn = undefined
        } else {
          idle = setTimeout(() => dismiss(client, idleTooLong(idleInTransactionTimeoutMs)), idleInTransactionTimeoutMs)
        }
        await write(client, answer)
      }
      client.end()
    } catch (error) {
      dismiss(client, explain(error))
    } finally {
      clearTimeout(idle)
      if (isUsed) endTurn ??= await takeTurn()
      try {
        if (isUsed) await cleanUp()
      } finally {
        endTurn?.()
      }
    }
  }

  return {
    uses: () => uses,

    serve(client) {
      // A client that breaks off ends its own loop above; nobody else is to hear of it.
      client.on('error', () => {})
      if (isClosing) return dismiss(client, SHUTTING_DOWN)
      const talking = talk(client)
        .catch((error) => dismiss(client, explain(error)))
        .finally(() => clients.delete(client))
      clients.set(client, talking)
    },

    sessionLost(error) {
      for (const client of clients.keys()) dismiss(client, explain(error))
    },

    async dispose() {
      isClosing = true
      await Promise.race([Promise.all(clients.values()), elapsed(drainTimeoutMs)])
      for (const client of clients.keys()) dismiss(client, SHUTTING_DOWN)
      // A statement that goes on and on is ended with the backend.
      await Promise.race([Promise.all(clients.values()), elapsed(drainTimeoutMs)])
    },
  }
}

const SHUTTING_DOWN = encodeFatal(CANNOT_CONNECT_NOW, 'the embedded database is shutting down')

/** First come, first served: resolves when it is the caller's turn, to the function that ends it. */
function createTurns(): () => Promise<() => void> {
  let last: Promise<void> = Promise.resolve()
  return async () => {
    const previous = last
    let end = () => {}
    last = new Promise((resolve) => {
      end = resolve
    })
    await previous
    return end
  }
}

async function exclusively<T>(takeTurn: () => Promise<() => void>, work: () => Promise<T>): Promise<T> {
  const endTurn = await takeTurn()
  try {
    return await work()
  } finally {
    endTurn()
  }
}

function write(client: Duplex, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    client.write(bytes, (error) => (error ? reject(error) : resolve()))
  })
}

function dismiss(client: Duplex, farewell: Uint8Array): void {
  if (client.writable) client.end(farewell, () => client.destroy())
  else client.destroy()
}

function idleTooLong(timeoutMs: number): Uint8Array {
  const message = `the transaction was rolled back: its client sent nothing for ${timeoutMs} ms`
  return encodeFatal(IDLE_IN_TRANSACTION_SESSION_TIMEOUT, message)
}

function explain(error: unknown): Uint8Array {
  if (error instanceof BackendLostError) return encodeFatal(CRASH_SHUTDOWN, error.message)
  const sqlState = error instanceof ProtocolError ? PROTOCOL_VIOLATION : INTERNAL_ERROR
  return encodeFatal(sqlState, messageOf(error))
}

function elapsed(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms).unref()
  })
}
