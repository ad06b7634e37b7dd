// Prints the GraphQL schema to schema.graphql; with --check, fails where that file is stale.
import { readFileSync, writeFileSync } from 'node:fs'
import { printSchema } from 'graphql'
import { createSchema } from '../src/graphql/schema/index.ts'

const file = new URL('../schema.graphql', import.meta.url)
const printed = `${printSchema(createSchema())}\n`
if (!process.argv.includes('--check')) {
  writeFileSync(file, printed)
} else if (readFileSync(file, 'utf8') !== printed) {
  console.error('schema.graphql is stale: run `npm run schema` and commit it.')
  process.exitCode = 1
}
