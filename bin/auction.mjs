#!/usr/bin/env -S node --max-semi-space-size=32
// The command as npm links it, which it can only do with a file that is there before the first build. What auctions in flight
// hold would be copied again and again in the 16 MB that Node.js gives to what is young.
import { existsSync } from 'node:fs'

const main = new URL('../dist/main.js', import.meta.url)

if (existsSync(main)) {
  await import(main.href)
} else {
  console.error('error: there is no dist yet: run `npm run build`.')
  process.exitCode = 1
}
