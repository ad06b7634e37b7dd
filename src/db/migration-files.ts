import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { codeOf } from './database-error.ts'

export const MIGRATIONS_DIR = fileURLToPath(new URL('../../prisma/migrations', import.meta.url))

/** A step of the database's schema: prisma/migrations/<name>/migration.sql, and down.sql, which undoes it. */
export interface Migration {
  /** <timestamp>_<title>; by name is in order. */
  readonly name: string
  readonly up: string
  readonly down: string | undefined
}

/** Every migration of the folder, in order. */
export async function readMigrations(directory: string = MIGRATIONS_DIR): Promise<Migration[]> {
  const entries = await readdir(directory, { withFileTypes: true }).catch(noneIfMissing)
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name)
  return Promise.all(
    names.sort().map(async (name) => ({
      name,
      up: await readFile(join(directory, name, 'migration.sql'), 'utf8'),
      down: await readFile(join(directory, name, 'down.sql'), 'utf8').catch(undefinedIfMissing),
    })),
  )
}

/** Whether a script is the one Prisma has recorded the checksum of; like Prisma, whatever the line endings. */
export function matchesChecksum(script: string, checksum: string): boolean {
  const unix = script.replaceAll('\r\n', '\n')
  return [script, unix, unix.replaceAll('\n', '\r\n')].some((text) => sha256(text) === checksum)
}

export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

function noneIfMissing(error: unknown): [] {
  if (codeOf(error) !== 'ENOENT') throw error
  return []
}

function undefinedIfMissing(error: unknown): undefined {
  if (codeOf(error) !== 'ENOENT') throw error
}
