#!/usr/bin/env node
/** tools/schema-engine.mjs from the sources, so that tests need no build. */
import { register } from 'tsx/esm/api'

register()
const { runSchemaEngineProcess } = await import('../../src/db/schema-engine-process.ts')
await runSchemaEngineProcess(process.argv.slice(2))
