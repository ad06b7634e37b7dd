import { styleText } from 'node:util'
import { explainStorage } from '../db/unavailable.ts'

/**
 * Runs a command's body and turns what it throws into a message on stderr and exit code 1: one line for the errors
 * a user can act on, the stack for anything else, which is a bug. Never throws; output already written stays.
 */
export async function runCommand(command: () => Promise<void> | void): Promise<void> {
  try {
    await command()
  } catch (error) {
    process.stderr.write(`${styleText('red', 'error', { stream: process.stderr })}: ${describe(error)}\n`)
    process.exitCode = 1
  }
}

/**
 * Whether an error is one of ours: an Error whose `code` is words joined by underscores, such as CONFIG_INVALID.
 * Node's (ENOENT, ERR_…), PostgreSQL's (23505) and Prisma's (P2002) codes are not, so that they show as bugs.
 */
export function isCodedError(error: unknown): error is Error & { code: string } {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return false
  return /^[A-Z]+(_[A-Z]+)+$/.test(error.code) && !error.code.startsWith('ERR_')
}

function describe(thrown: unknown): string {
  const error = explainStorage(thrown)
  if (isCodedError(error)) return error.message
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
