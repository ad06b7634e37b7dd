export type DatabaseErrorCode =
  | 'DATA_DIR_UNUSABLE'
  | 'DATA_DIR_IN_USE'
  | 'DATABASE_UNREACHABLE'
  | 'DATABASE_UNUSABLE'
  | 'DATABASE_DAMAGED'
  | 'MIGRATION_BUSY'
  | 'MIGRATION_DIVERGED'
  | 'MIGRATION_FAILED'
  | 'MIGRATION_NOT_FOUND'
  | 'MIGRATION_PENDING'
  | 'MIGRATION_NOT_CONFIRMED'

/** A database that cannot be used as asked; the message is one line that says what to do about it. */
export class DatabaseError extends Error {
  override readonly name = 'DatabaseError'
  readonly code: DatabaseErrorCode

  constructor(code: DatabaseErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** The text of whatever was thrown, on one line. */
export function messageOf(error: unknown): string {
  const message = error instanceof Error ? error.message || ('code' in error ? String(error.code) : error.name) : error
  return String(message).replaceAll(/\s+/g, ' ').trim()
}

/** The `code` of a Node, PostgreSQL or Prisma error, where it has one. */
export function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}
