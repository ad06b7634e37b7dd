#!/usr/bin/env node
/** What prisma.config.ts gives the Prisma CLI as its schema engine. */
import { existsSync } from 'node:fs'

const engine = new URL('../dist/db/schema-engine-process.js', import.meta.url)

if (existsSync(engine)) {
  const { runSchemaEngineProcess } = await import(engine.href)
  await runSchemaEngineProcess(process.argv.slice(2))
} else {
  // In the form in which the CLI reads it.
  const fields = { message: 'the schema engine is not built yet: run `npm run build` first', error_code: 'P1001' }
  const line = JSON.stringify({ level: 'ERROR', target: 'schema_engine::logger', fields })
  // Twice, as the CLI skips the first line of some commands.
  process.stderr.write(`${line}\n${line}\n`)
  process.exitCode = 1
}
