#!/usr/bin/env node
// The command as npm links it, which it can only do with a file that is there before the first build.
import { existsSync } from 'node:fs'

const main = new URL('../dist/main.js', import.meta.url)

if (existsSync(main)) {
  await import(main.href)
} else {
  console.error('error: there is no dist yet: run `npm run build`.')
  process.exitCode = 1
}
