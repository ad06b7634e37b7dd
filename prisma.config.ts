import { fileURLToPath } from 'node:url'
import { defineConfig } from 'prisma/config'
import { parseConfig } from './src/config.ts'
import { embeddedUrl } from './src/db/embedded-url.ts'

// The CLI's own engine is a download, which not every network allows; this one came with `npm install`.
process.env.PRISMA_SCHEMA_ENGINE_BINARY ??= fileURLToPath(new URL('tools/schema-engine.mjs', import.meta.url))

const { DATABASE_URL, DATA_DIR } = process.env
const { databaseUrl, dataDir } = parseConfig({ DATABASE_URL, DATA_DIR })

export default defineConfig({
  schema: 'prisma/schema.prisma',
  migrations: { path: 'prisma/migrations' },
  // Nothing is opened here, as `prisma generate` reads this too: the engine does it when it is asked to.
  datasource: { url: databaseUrl ?? embeddedUrl(dataDir) },
})
