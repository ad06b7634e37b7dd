import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const BUILD = fileURLToPath(new URL('../../tools/build.mjs', import.meta.url))

/** Builds dist/ from the sources, for tests that start the service as a process: a vitest global setup. */
export default async function build(): Promise<void> {
  // What has a type error is built all the same: the type check is a step of its own.
  await promisify(execFile)(process.execPath, [BUILD, '--allow-type-errors'])
}
