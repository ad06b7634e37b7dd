import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** Builds dist/ from the sources, for tests that start the service as a process: a vitest global setup. */
export default async function build(): Promise<void> {
  const run = promisify(execFile)
  // What has a type error is built all the same: the type check is a step of its own.
  await run('node_modules/.bin/tsc', ['-p', 'tsconfig.build.json'], { cwd: ROOT }).catch(() => {})
  await run(process.execPath, ['tools/copy-assets.mjs'], { cwd: ROOT })
}
