/**
 * Writes the next migration, from what prisma/schema.prisma has and the migrations so far have not:
 * npm run db:migration -- <name>. Needs no database: the migrations are tried out in memory.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { setFlagsFromString } from 'node:v8'
import type { DiffTarget } from '@prisma/schema-engine-wasm'
import { runCommand } from '../src/cli/command-error.ts'
import { MIGRATIONS_DIR, readMigrations } from '../src/db/migration-files.ts'
import { EXTERNAL_TABLES } from './external-tables.ts'
import { LOCK_FILE, LOCK_FILE_CONTENT, openSchemaEngine, toMigrationList } from './schema-engine/engine.ts'

const SCHEMA_FILE = fileURLToPath(new URL('../prisma/schema.prisma', import.meta.url))
const USAGE = 'npm run db:migration -- <name>, the name in lower case, digits and _'

await runCommand(async () => {
  const [title = ''] = process.argv.slice(2)
  if (!/^[a-z][a-z0-9_]{0,59}$/.test(title)) {
    console.error(`usage: ${USAGE}`)
    process.exitCode = 1
    return
  }
  const { up, down } = await compare()
  if (up === undefined || down === undefined) {
    console.log('Nothing to do: the migrations have all that prisma/schema.prisma has.')
    return
  }
  const timestamp = new Date().toISOString().replaceAll(/\D/g, '').slice(0, 14)
  const folder = join(MIGRATIONS_DIR, `${timestamp}_${title}`)
  await mkdir(folder, { recursive: true })
  await writeFile(join(MIGRATIONS_DIR, LOCK_FILE), LOCK_FILE_CONTENT)
  await writeFile(join(folder, 'migration.sql'), up)
  await writeFile(join(folder, 'down.sql'), down)
  console.log(`Wrote ${relative(process.cwd(), folder)}/migration.sql and down.sql. Read both before you use them.`)
})

/** The scripts from the migrations to the schema and back, as `prisma migrate diff` makes them. */
async function compare(): Promise<{ up: string | undefined; down: string | undefined }> {
  // As in schema-engine/main.mjs.
  setFlagsFromString('--liftoff-only')
  const schema = await readFile(SCHEMA_FILE, 'utf8')
  const migrations: DiffTarget = { tag: 'migrations', ...toMigrationList(MIGRATIONS_DIR, await readMigrations()) }
  const target: DiffTarget = { tag: 'schemaDatamodel', files: [{ path: SCHEMA_FILE, content: schema }] }
  const { engine, dispose } = await openSchemaEngine({ pool: undefined, datamodels: [[SCHEMA_FILE, schema]] })
  const common = { script: true, exitCode: true, filters: { externalTables: [...EXTERNAL_TABLES], externalEnums: [] } }
  try {
    const up = await engine.diff({ from: migrations, to: target, ...common })
    if (up.exitCode === 0) return { up: undefined, down: undefined }
    const down = await engine.diff({ from: target, to: migrations, ...common })
    return { up: up.stdout ?? undefined, down: down.stdout ?? undefined }
  } finally {
    await dispose()
  }
}
