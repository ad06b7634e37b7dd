// npm's `prepare`: builds after `npm install`. The first `npx auction` in a checkout runs it as well, as it links the
// checkout into a cache of its own. There it must do nothing: a service may be running from dist, and a build that fails
// would leave npx without the command for ever.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

if (process.env.npm_command !== 'exec') {
  if (existsSync(new URL('../node_modules/.bin/tsc', import.meta.url))) {
    const options = { cwd: ROOT, stdio: 'inherit', shell: process.platform === 'win32' }
    process.exitCode = spawnSync('npm', ['run', 'build'], options).status ?? 1
  } else if (!existsSync(new URL('../dist/main.js', import.meta.url))) {
    console.error('dist cannot be built without the devDependencies: run `npm install`, or build it elsewhere.')
    process.exitCode = 1
  }
}
