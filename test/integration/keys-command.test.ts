import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { stat } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { readKeys } from '../../src/access/keys-file.ts'
import { isTokenOf } from '../../src/access/token.ts'
import { makeKeysFile, type TestKeys } from '../support/access.ts'
import { makeMigratedDataDir } from '../support/migrated-data-dir.ts'

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url))

let file: TestKeys
beforeEach(async () => {
  file = await makeKeysFile()
})
afterEach(() => file.dispose())

async function auction(args: readonly string[], env: Readonly<Record<string, string>> = { API_KEYS_FILE: file.path }) {
  const { PATH = '', HOME = '' } = process.env
  const child = spawn(process.execPath, [MAIN, ...args], { env: { PATH, HOME, ...env }, timeout: RUN_MS })
  const output = { stdout: '', stderr: '' }
  child.stdout.on('data', (chunk) => {
    output.stdout += chunk
  })
  child.stderr.on('data', (chunk) => {
    output.stderr += chunk
  })
  const [code] = await once(child, 'close')
  return { code, ...output }
}

const create = (...args: string[]) => auction(['keys', 'create', '--name', 'news.example', ...args])

/** Each run is a process, on a machine that may be busy. */
const TIMEOUT_MS = 120_000
/** One that goes on, as a service does, is ended. */
const RUN_MS = 100_000

describe('auction keys', { timeout: TIMEOUT_MS }, () => {
  it('should make keys at the same time, print each token once, and keep none', async () => {
    const rights = [
      '--role',
      'publisher',
      '--supply',
      'supply1',
      '--supply=supply2',
      '--rate',
      '100',
      '--window',
      '5000',
    ]
    const [one, other] = await Promise.all([create(...rights, '--expires', '2099-01-31'), create('--role', 'analyst')])
    for (const { code, stdout } of [one, other]) {
      expect(code).toBe(0)
      expect(stdout).toMatch(/^auk_[\da-f]{12}_[\da-f]{64}\n$/)
    }
    const keys = await readKeys(file.path)
    expect(keys).toHaveLength(2)
    const key = keys.find(({ id }) => one.stdout.includes(id))
    expect(key).toMatchObject({
      name: 'news.example',
      role: 'publisher',
      supplies: ['supply1', 'supply2'],
      rate: { max: 100, windowMs: 5000 },
      expiresAt: '2099-01-31T00:00:00.000Z',
    })
    expect(isTokenOf(one.stdout.trim(), Buffer.from(key?.hash ?? '', 'hex'))).toBe(true)
    expect((await stat(file.path)).mode & 0o777).toBe(0o600)

    const { stdout } = await auction(['keys', 'list'])
    expect(stdout).toMatch(/^ID +ROLE +NAME +SUPPLIES +RATE +CREATED +EXPIRES\n/)
    expect(stdout).toMatch(
      / publisher {2}news.example {2}supply1,supply2 {2}100 \/ 5000 ms {2}\S+ {2}2099-01-31T00:00:00.000Z\n/,
    )
    expect(stdout).toMatch(/ analyst {4}news.example {2}all {14}any {12}\S+ {2}never\n/)

    expect(await auction(['keys', 'revoke', key?.id ?? ''])).toMatchObject({
      code: 0,
      stdout: `Revoked the key ${key?.id}.\n`,
    })
    expect((await readKeys(file.path)).map(({ role }) => role)).toEqual(['analyst'])
  })

  it('should say in its help how it is called', async () => {
    const calls = [['keys'], ['keys', 'create'], ['keys', 'revoke']]
    const helps = await Promise.all(calls.map((call) => auction([...call, '--help'])))
    for (const [index, call] of calls.entries()) {
      expect(helps[index]?.stdout).toContain(`USAGE auction ${call.join(' ')} `)
    }
  })

  it('should refuse what cannot be, in one line, and change nothing', async () => {
    const wrong: [Promise<{ stderr: string }>, string][] = [
      [create('--role', 'root'), '--role root cannot be used: it must be one of publisher, analyst, admin.'],
      [create('--role', 'admin', '--supply', 'a'), '--supply cannot be used with --role admin'],
      [create('--role', 'analyst', '--window', '1'), '--window is that of --rate: give both.'],
      [
        create('--role', 'analyst', '--rate', '0'),
        '--rate 0 cannot be used: it must be a whole number from 1 to 100000.',
      ],
      [create('--role', 'analyst', '--expires', '2020-01-01'), '--expires 2020-01-01 cannot be used'],
      [create('--role', 'analyst', '--supplies', 'a'), '--supplies is not an option of this command.'],
      [auction(['keys', 'revoke', 'a1b2c3d4e5f6']), 'has no key a1b2c3d4e5f6: auction keys list shows all.'],
      [auction(['keys', 'list'], {}), 'Set API_KEYS_FILE to the file of keys'],
      [auction(['load-test', '--api-key', 'secret'], {}), '--api-key, or API_KEY, is no API key'],
    ]
    for (const [running, message] of wrong) {
      const { stderr } = await running
      expect(stderr).toContain(message)
      expect(stderr).toMatch(/^error: .*\n$/)
      expect(stderr).not.toContain('secret')
    }
    expect(await readKeys(file.path)).toEqual([])
  })
})

describe('auction serve', { timeout: TIMEOUT_MS }, () => {
  it('should not serve other machines without keys, unless it is told to', async () => {
    const { code, stderr } = await auction(['serve'], { HOST: '0.0.0.0', PORT: '0' })
    expect(code).toBe(1)
    expect(stderr).toMatch(/^error: HOST 0.0.0.0 can be reached .*API_KEYS_FILE.*ALLOW_ANONYMOUS=1.*\n$/)
  })

  it('should not serve without the file of keys that it is told of', async () => {
    const dataDir = `${file.path}.data`
    await makeMigratedDataDir(dataDir)
    const { code, stderr } = await auction(['serve'], {
      DATA_DIR: dataDir,
      PORT: '0',
      API_KEYS_FILE: '/nowhere/keys.json',
    })
    expect(code).toBe(1)
    expect(stderr).toMatch(
      /^error: .*\/nowhere\/keys.json cannot be read: there is none. `auction keys create` makes it.*\n$/,
    )
  })
})
