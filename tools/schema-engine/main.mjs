#!/usr/bin/env node
/** What prisma.config.ts gives the Prisma CLI as its schema engine. Runs from the sources: there need be no build. */
import { setFlagsFromString } from 'node:v8'
import { register } from 'tsx/esm/api'

// A process has little to do: to compile WebAssembly a second time, to run faster, costs it more than it gains.
setFlagsFromString('--liftoff-only')
register()
const { runSchemaEngineProcess } = await import('./process.ts')
await runSchemaEngineProcess(process.argv.slice(2))
