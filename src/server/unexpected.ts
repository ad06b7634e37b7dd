import { type Asker, fieldsOf } from '../asker.ts'
import { DatabaseError } from '../db/database-error.ts'
import type { Logger } from '../log.ts'

/**
 * Logs what callers are not told: a bug with its stack, each time; a database that cannot be used in one line, and not for
 * each of the queries that find it so.
 * @param now any time, in milliseconds
 */
export function createUnexpectedLog({ log, now }: { readonly log: Logger; readonly now: () => number }) {
  let toldAtMs = Number.NEGATIVE_INFINITY
  return (error: unknown, asker?: Asker): void => {
    if (!(error instanceof DatabaseError)) {
      log.error({ ...fieldsOf(asker), err: error }, 'unexpected error')
    } else if (now() - toldAtMs >= REPEATED_AFTER_MS) {
      toldAtMs = now()
      log.error(error.message)
    }
  }
}

/** A database that cannot be used is told again after this time at the earliest, in milliseconds. */
const REPEATED_AFTER_MS = 5_000
