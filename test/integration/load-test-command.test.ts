import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it } from 'vitest'
import { createDisposer } from '../../src/disposer.ts'
import { type FakeService, startFakeService } from '../support/fake-service.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
/** Each run is a process that compiles what it imports. */
const TIMEOUT_MS = 120_000

const disposer = createDisposer()
afterEach(() => disposer.dispose())

async function startService(): Promise<FakeService> {
  const service = await startFakeService()
  disposer.add(() => service.dispose())
  return service
}

function start(args: readonly string[]) {
  const command = ['dist/main.js', 'load-test', ...args]
  const child = spawn(process.execPath, command, { cwd: ROOT, env: { ...process.env, NO_COLOR: '1' } })
  disposer.add(() => void child.kill('SIGKILL'))
  const output = { stdout: '', stderr: '' }
  child.stdout.on('data', (chunk) => {
    output.stdout += chunk
  })
  child.stderr.on('data', (chunk) => {
    output.stderr += chunk
  })
  return { child, ended: once(child, 'close').then(([code]) => ({ code, ...output })) }
}

describe('auction load-test', { timeout: TIMEOUT_MS }, () => {
  it('should print what it measured, and as one JSON document with --json', async () => {
    const { url } = await startService()
    const options = ['--url', url.href, '--rate', '50', '--duration', '0.4']
    const [lines, json] = await Promise.all([start(options).ended, start([...options, '--json']).ended])

    expect(lines).toMatchObject({ code: 0, stderr: '' })
    expect(lines.stdout).toContain('50 requests a second')
    expect(lines.stdout).toMatch(/answers {3}20 in .* \(Auction 20\)/)
    expect(lines.stdout).toContain('The service’s own share of the delay')

    expect(json).toMatchObject({ code: 0, stderr: '' })
    expect(JSON.parse(json.stdout)).toMatchObject({
      url: url.href,
      protocol: 'http',
      ratePerSecond: 50,
      supplies: 1,
      answers: 20,
      errors: 0,
      errorsByCode: {},
      unsent: 0,
      latencyMs: {
        p50: expect.any(Number),
        p90: expect.any(Number),
        p99: expect.any(Number),
        p999: expect.any(Number),
      },
      ownShare: expect.any(Number),
    })
  })

  it('should print what was measured so far on Ctrl-C', async () => {
    const service = await startService()
    const { child, ended } = start(['--url', service.url.href, '--concurrency', '2', '--duration', '3600'])
    await expect.poll(service.auctions, { timeout: TIMEOUT_MS }).toBeGreaterThan(10)
    child.kill('SIGINT')
    const { code, stdout } = await ended
    expect(code).toBe(0)
    expect(stdout).toContain('2 in flight')
    expect(stdout).toContain('(Auction ')
  })

  it('should refuse wrong options in one line each', async () => {
    const outcomes = await Promise.all(
      [
        ['--rate', '0'],
        ['--rate', '5', '--concurrency', '5'],
        ['--duration', '0'],
        ['--protocol', 'ftp'],
        ['--url', 'localhost'],
        ['--country', 'us'],
        ['--ip', '1.2.3'],
        ['--tmax', '5001'],
      ].map((args) => start(args).ended),
    )
    expect(outcomes.map(({ stderr }) => stderr)).toEqual([
      'error: --rate 0 cannot be used: it must be a whole number from 1 to 1000000.\n',
      'error: --rate and --concurrency exclude each other: give one of them.\n',
      'error: --duration 0 cannot be used: it must be a number of seconds from 0.1 to 3600.\n',
      'error: --protocol ftp cannot be used: it must be http or ws.\n',
      'error: --url localhost cannot be used: it must be a URL such as http://127.0.0.1:4000/graphql.\n',
      'error: --country us cannot be used: it must be an ISO 3166-1 alpha-2 code in upper case, such as US.\n',
      'error: --ip 1.2.3 cannot be used: it must be an IPv4 or IPv6 address.\n',
      'error: --tmax 5001 cannot be used: it must be a whole number from 1 to 5000.\n',
    ])
    for (const { code, stdout } of outcomes) expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
  })

  it('should say in one line that the service cannot be reached', async () => {
    const service = await startFakeService()
    await service.dispose()
    const { code, stderr } = await start(['--url', service.url.href]).ended
    expect(code).toBe(1)
    expect(stderr).toBe(
      `error: ${service.url} cannot be reached (ECONNREFUSED): start the service with auction serve, or name another with --url.\n`,
    )
  })
})
