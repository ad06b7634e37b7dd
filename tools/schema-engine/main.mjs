#!/usr/bin/env node
/** What prisma.config.ts gives the Prisma CLI as its schema engine. Runs from the sources: there need be no build. */
import { register } from 'tsx/esm/api'

register()
const { runSchemaEngineProcess } = await import('./process.ts')
await runSchemaEngineProcess(process.argv.slice(2))
