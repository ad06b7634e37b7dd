import { codeOf, DatabaseError, messageOf } from './database-error.ts'

/** Prisma: cannot reach, timed out connecting, operation timed out, connection closed, no connection free in time. */
const PRISMA_CODES = ['P1001', 'P1002', 'P1008', 'P1017', 'P2024']

/** Of @prisma/adapter-pg, in an error's `meta`. */
const ADAPTER_KINDS = ['DatabaseNotReachable', 'ConnectionClosed', 'SocketTimeout', 'TooManyConnections']

/** Of the network, as Node names them. */
const NETWORK_CODES = [
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
]
/** The socket of an embedded database that is gone; ENOENT alone could be any file. */
const SOCKET_MISSING = /\bconnect ENOENT\b/

/**
 * PostgreSQL's: connection exceptions, too many connections, a statement or an idle transaction over its time, and a
 * server that is stopping, has crashed, or is starting.
 */
const SQL_STATES = /^(08...|53300|57014|25P03|57P0[1-3])$/

/** Errors that node-postgres gives no code. */
const DRIVER_MESSAGES =
  /^(Connection terminated|Query read timeout|timeout exceeded when trying to connect|Client has encountered a connection error)/

/**
 * Whether an error, thrown by Prisma or node-postgres, says that the database does not answer, as opposed to what was
 * asked being wrong. It may be well again the next moment.
 */
export function isDatabaseUnavailable(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const code = codeOf(error) ?? ''
  const { kind, originalCode } = adapterCause(error)
  return (
    PRISMA_CODES.includes(code) ||
    NETWORK_CODES.includes(code) ||
    SQL_STATES.test(code) ||
    SOCKET_MISSING.test(error.message) ||
    ADAPTER_KINDS.includes(kind) ||
    SQL_STATES.test(originalCode) ||
    DRIVER_MESSAGES.test(error.message)
  )
}

/** What to say where a database cannot be used at all; the password does not show. */
export function unreachable(connectionString: string, error: unknown, isEmbedded = false): DatabaseError {
  const { hostname, port, pathname, searchParams } = new URL(connectionString)
  const place = searchParams.get('host') ?? `${hostname}:${port || 5432}`
  const { originalMessage } = adapterCause(error)
  const reason = originalMessage || messageOf(error)
  if (isEmbedded) {
    const message = `the embedded database is gone (${reason}), and nothing was changed: run the command again`
    return new DatabaseError('DATABASE_UNREACHABLE', message, { cause: error })
  }
  const message = `PostgreSQL at ${place}${pathname} cannot be used (${reason}): start it, or correct DATABASE_URL`
  return new DatabaseError('DATABASE_UNREACHABLE', message, { cause: error })
}

/** What the driver adapter has told Prisma. */
function adapterCause(error: unknown): { kind: string; originalCode: string; originalMessage: string } {
  const cause = at(at(at(error, 'meta'), 'driverAdapterError'), 'cause')
  return {
    kind: textAt(cause, 'kind'),
    originalCode: textAt(cause, 'originalCode'),
    originalMessage: textAt(cause, 'originalMessage'),
  }
}

function at(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined
}

function textAt(value: unknown, key: string): string {
  const text = at(value, key)
  return typeof text === 'string' ? text : ''
}
