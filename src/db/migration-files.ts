import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { codeOf } from './database-error.ts'
import type { MigrationList } from './schema-engine.ts'

export const MIGRATIONS_DIR = fileURLToPath(new URL('../../prisma/migrations', import.meta.url))
export const LOCK_FILE = 'migration_lock.toml'
export const LOCK_FILE_CONTENT = 'provider = "postgresql"\n'

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

/** The migrations as the schema engine takes them. */
export function toMigrationList(directory: string, migrations: readonly Migration[]): MigrationList {
  return {
    baseDir: directory,
    lockfile: { path: LOCK_FILE, content: LOCK_FILE_CONTENT },
    shadowDbInitScript: '',
    migrationDirectories: migrations.map(({ name, up }) => ({
      path: name,
      migrationFile: { path: 'migration.sql', content: { tag: 'ok', value: up } },
    })),
  }
}

/** Whether a script is the one Prisma has recorded the checksum of; like Prisma, whatever the line endings. */
export function matchesChecksum(script: string, checksum: string): boolean {
  const unix = script.replaceAll('\r\n', '\n')
  return [script, unix, unix.replaceAll('\n', '\r\n')].some((text) => sha256(text) === checksum)
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

function noneIfMissing(error: unknown): [] {
  if (codeOf(error) !== 'ENOENT') throw error
  return []
}

function undefinedIfMissing(error: unknown): undefined {
  if (codeOf(error) !== 'ENOENT') throw error
}
