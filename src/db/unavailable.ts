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

/** In PostgreSQL's messages about its files. */
const DISK_FULL = /No space left on device/

const DISK_FULL_STATE = '53100'
/** PostgreSQL's own consistency checks, and a file that is missing or cannot be read. */
const DAMAGE_STATES = /^(XX00[0-2]|58030|58P01)$/

/** PostgreSQL's, of what it has no longer: tables and columns, the role's rights, the role itself or its password. */
const MISSING: readonly (readonly [states: RegExp, remedy: string])[] = [
  [/^(42P01|42703|3F000)$/, 'run `auction migrate up`'],
  [/^42501$/, "GRANT DATABASE_URL's role its rights again"],
  [/^(28...|3D000)$/, 'correct DATABASE_URL, or what it names'],
]

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

/**
 * What to say of a database that answers and has no longer what was there at the start, with what it takes to be well
 * again; undefined of any other error.
 */
export function unusable(error: unknown): DatabaseError | undefined {
  const code = adapterCause(error).originalCode || (codeOf(error) ?? '')
  const [, remedy] = MISSING.find(([states]) => states.test(code)) ?? []
  if (remedy === undefined) return undefined
  const message = `the database cannot be used as it is (${reasonOf(error)}): ${remedy}`
  return new DatabaseError('DATABASE_UNUSABLE', message, { cause: error })
}

/** Why the database refuses, on one line: in PostgreSQL's words where it has said something. */
export function reasonOf(error: unknown): string {
  return adapterCause(error).originalMessage || messageOf(error)
}

/** What to say where a database cannot be used at all; the password does not show. */
export function unreachable(connectionString: string, error: unknown, isEmbedded = false): DatabaseError {
  const { hostname, port, pathname, searchParams } = new URL(connectionString)
  const place = searchParams.get('host') ?? `${hostname}:${port || 5432}`
  const reason = reasonOf(error)
  if (isEmbedded) {
    const remedy = DISK_FULL.test(reason) ? "make room on DATA_DIR's disk, then run" : 'run'
    const message = `the embedded database is gone (${reason}), and nothing was changed: ${remedy} the command again`
    return new DatabaseError('DATABASE_UNREACHABLE', message, { cause: error })
  }
  const message = `PostgreSQL at ${place}${pathname} cannot be used (${reason}): start it, or correct DATABASE_URL`
  return new DatabaseError('DATABASE_UNREACHABLE', message, { cause: error })
}

/**
 * What to say of a disk that is full or of files that are damaged, which is the database's trouble and not what was
 * asked of it; any other error is given back as it is.
 */
export function explainStorage(error: unknown): unknown {
  const code = adapterCause(error).originalCode || (codeOf(error) ?? '')
  const reason = reasonOf(error)
  if (code === DISK_FULL_STATE) {
    const message = `the database's disk is full (${reason}), and nothing was changed: make room there and run the command again`
    return new DatabaseError('DATABASE_UNREACHABLE', message, { cause: error })
  }
  if (!DAMAGE_STATES.test(code)) return error
  const remedy = 'restore them from a backup, or move DATA_DIR away to begin anew'
  return new DatabaseError('DATABASE_DAMAGED', `the database's files are damaged (${reason}): ${remedy}`, {
    cause: error,
  })
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
