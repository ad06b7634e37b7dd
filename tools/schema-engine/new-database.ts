import { randomUUID } from 'node:crypto'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { PGlite } from '@electric-sql/pglite'

const CACHE = fileURLToPath(new URL('../../node_modules/.cache/schema-engine', import.meta.url))

/**
 * The files of a database that is new, for `openInMemory`: to make one takes seconds of CPU and gives the same each
 * time. So they are kept, by PGlite's version, for later runs.
 */
export async function newDatabaseFiles(): Promise<Blob> {
  const path = join(CACHE, `pglite-${await pgliteVersion()}.tar`)
  const kept = await readFile(path).catch(() => undefined)
  return kept === undefined ? makeFiles(path) : new Blob([kept])
}

async function makeFiles(path: string): Promise<Blob> {
  const database = await PGlite.create()
  const files = await database.dumpDataDir('none')
  await database.close()
  await keep(files, path).catch((error) => console.error(`A new database is not kept for later: ${error.message}`))
  return files
}

/** Whoever reads it meanwhile finds all of it or nothing. */
async function keep(files: Blob, path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  const draft = `${path}.${randomUUID()}`
  await writeFile(draft, files.stream())
  await rename(draft, path)
}

async function pgliteVersion(): Promise<string> {
  const main = createRequire(import.meta.url).resolve('@electric-sql/pglite')
  return JSON.parse(await readFile(join(main, '../../package.json'), 'utf8')).version
}
