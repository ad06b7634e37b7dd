import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'

const ROOT = new URL('../../', import.meta.url)
const BIN = new URL('bin/auction.mjs', ROOT)
const read = (path: string) => readFile(new URL(path, ROOT), 'utf8')
const youngGeneration = (text: string) => /--max-semi-space-size=(\d+)/.exec(text)?.[1]

describe('the commands that start the service', () => {
  it('should all give it the same young generation', async () => {
    const { scripts } = JSON.parse(await read('package.json'))
    const sizes = [scripts.start, await read('bin/auction.mjs'), await read('test/bench/server.mjs')].map(
      youngGeneration,
    )
    expect(sizes).toEqual(['32', '32', '32'])
    expect(await read('Dockerfile')).toContain('ln -s /app/bin/auction.mjs /usr/local/bin/auction')
  })

  it.skipIf(process.platform === 'win32')('should run as a program of its own', async () => {
    const { stdout, stderr } = await promisify(execFile)(fileURLToPath(BIN), ['--version']).catch((error) => error)
    // Without a build it says so: either way it was Node.js that ran it.
    expect(stdout + stderr).toMatch(/^\d+\.\d+\.\d+\n$|there is no dist yet/)
  })
})
