import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import type { PrismaConfig } from 'prisma'
import { parseConfig } from './src/config.ts'
import { embeddedUrl } from './src/db/embedded-url.ts'
import { EXTERNAL_TABLES } from './tools/external-tables.ts'

try {
  createRequire(import.meta.url).resolve('@prisma/schema-engine-wasm/schema_engine_bg')
} catch (cause) {
  const message =
    'Prisma’s commands are for development: run `npm install`, without --omit=dev. To migrate, `auction migrate` is enough.'
  throw new Error(message, { cause })
}

// The CLI's own engine is a download, which not every network allows; this one came with `npm install`.
process.env.PRISMA_SCHEMA_ENGINE_BINARY ??= fileURLToPath(new URL('tools/schema-engine/main.mjs', import.meta.url))

const { DATABASE_URL, DATA_DIR } = process.env
const { databaseUrl, dataDir } = parseConfig({ DATABASE_URL, DATA_DIR })

export default {
  schema: 'prisma/schema.prisma',
  migrations: { path: 'prisma/migrations' },
  // Nothing is opened here, as `prisma generate` reads this too: the engine does it when it is asked to.
  datasource: { url: databaseUrl ?? embeddedUrl(dataDir) },
  experimental: { externalTables: true },
  tables: { external: [...EXTERNAL_TABLES] },
} satisfies PrismaConfig
