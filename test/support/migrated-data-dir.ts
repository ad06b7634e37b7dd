import { execFile } from 'node:child_process'
import { createHash, randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { openDatabase } from '../../src/db/database.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const MIGRATIONS = join(ROOT, 'prisma/migrations')
const CACHE = join(ROOT, 'node_modules/.cache/auction-tests')

/**
 * Makes a data folder whose embedded PostgreSQL is created and migrated and has no rows, as a copy: to make one anew
 * takes seconds of CPU. The original is kept, by what it was made from, for later runs.
 */
export async function makeMigratedDataDir(dataDir: string): Promise<void> {
  const original = join(CACHE, await fingerprint())
  if (!existsSync(original)) await makeOriginal(original)
  await mkdir(dataDir, { recursive: true })
  await promisify(execFile)('cp', ['-R', join(original, 'postgres'), dataDir])
}

async function makeOriginal(original: string): Promise<void> {
  const draft = `${original}.${randomUUID()}`
  const database = await openDatabase({ databaseUrl: undefined, dataDir: draft }, { command: 'test' })
  await database.dispose()
  // Another test process may have been quicker.
  await rename(draft, original).catch(() => rm(draft, { recursive: true }))
}

async function fingerprint(): Promise<string> {
  const hash = createHash('sha256')
  const pglite = createRequire(import.meta.url).resolve('@electric-sql/pglite')
  hash.update(await readFile(join(pglite, '../../package.json')))
  for (const path of (await readdir(MIGRATIONS, { recursive: true })).filter((name) => name.endsWith('.sql')).sort()) {
    hash.update(path).update(await readFile(join(MIGRATIONS, path)))
  }
  return hash.digest('hex').slice(0, 16)
}
