import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createKeyRates } from '../../src/access/key-rates.ts'
import { type KeyRing, openKeyRing } from '../../src/access/key-ring.ts'
import { readKeys } from '../../src/access/keys-file.ts'
import { createMapWindow } from '../../src/rate-limit/map-window.ts'
import { createMemoryRateLimiter } from '../../src/rate-limit/memory.ts'
import { makeKeysFile, type TestKeys } from '../support/access.ts'

const POLL_MS = 20
const SOON = { interval: 5 }

describe('a key ring', () => {
  let keys: TestKeys
  let ring: KeyRing | undefined
  let problems: string[]
  beforeEach(async () => {
    keys = await makeKeysFile()
    problems = []
  })
  afterEach(async () => {
    ring?.dispose()
    ring = undefined
    await keys.dispose()
  })

  async function open(path = keys.path): Promise<KeyRing> {
    const rates = createKeyRates({
      createLimiter: (policy) => createMemoryRateLimiter({ policy, window: createMapWindow(policy, 100) }),
    })
    ring = await openKeyRing({
      path,
      rates,
      pollMs: POLL_MS,
      onProblem: (message) => problems.push(message),
      onChange: () => {},
    })
    return ring
  }

  it('should know who brings a key, however the header is written, and nobody else', async () => {
    const token = await keys.add({ role: 'publisher', supplies: ['supply1'] })
    const other = await keys.add({ role: 'analyst' })
    const { callerOf } = await open()
    for (const header of [`Bearer ${token}`, `bearer   ${token}`, `Bearer ${token}`]) {
      expect(callerOf(header)).toMatchObject({ role: 'publisher', supplies: new Set(['supply1']), isRevoked: false })
    }
    expect(callerOf(`Bearer ${other}`)).toMatchObject({ role: 'analyst', supplies: undefined })
    const wrong = token.slice(0, -1) + (token.endsWith('0') ? '1' : '0')
    const mixed = token.slice(0, 17) + other.slice(17)
    const unknown = `auk_${'0'.repeat(12)}_${token.slice(17)}`
    const padded = `Bearer${' '.repeat(200)}${token}`
    for (const header of [
      token,
      padded,
      `Basic ${token}`,
      'Bearer',
      '',
      undefined,
      ...[wrong, mixed, unknown].map(bearer),
    ]) {
      expect(callerOf(header), header).toBeUndefined()
    }
  })

  it('should take a new key, and revoke one that is gone or changed, without a restart', async () => {
    const gone = await keys.add({ role: 'admin' })
    const changed = await keys.add({ role: 'publisher', supplies: ['supply1'] })
    const kept = await keys.add({ role: 'analyst' })
    const { callerOf } = await open()
    const before = [gone, changed, kept].map((token) => callerOf(bearer(token)))
    const told: string[] = []
    for (const [index, caller] of before.entries()) caller?.onRevoked(() => told.push(`${index}`))

    const added = await keys.add({ role: 'admin' })
    await vi.waitFor(() => expect(callerOf(bearer(added))?.role).toBe('admin'), SOON)
    expect(told).toEqual([])
    await keys.revoke(gone)
    await keys.change(changed, { supplies: ['supply2'] })
    await vi.waitFor(() => expect(told).toEqual(['0', '1']), SOON)
    expect(callerOf(bearer(gone))).toBeUndefined()
    expect(callerOf(bearer(changed))?.supplies).toEqual(new Set(['supply2']))
    expect(callerOf(bearer(kept))).toBe(before[2])
    expect(before.map((caller) => caller?.isRevoked)).toEqual([true, true, false])
    before[0]?.onRevoked(() => told.push('at once'))
    expect(told.at(-1)).toBe('at once')
  })

  it('should revoke a key when its time is over', async () => {
    const over = await keys.add({ role: 'admin', expiresAt: new Date(Date.now() - 1).toISOString() })
    const soon = await keys.add({ role: 'admin', expiresAt: new Date(Date.now() + 1000).toISOString() })
    const { callerOf } = await open()
    expect(callerOf(bearer(over))).toBeUndefined()
    const caller = callerOf(bearer(soon))
    expect(caller?.isRevoked).toBe(false)
    await vi.waitFor(() => expect(caller?.isRevoked).toBe(true), SOON)
    expect(callerOf(bearer(soon))).toBeUndefined()
  })

  it('should keep the keys of a file that is broken or gone, and say so once', async () => {
    const token = await keys.add({ role: 'admin' })
    const clock = await keys.add({ role: 'admin', expiresAt: new Date(Date.now() + 50 * POLL_MS).toISOString() })
    const { callerOf } = await open()
    await keys.write('{ "keys": [')
    await vi.waitFor(() => expect(problems).toHaveLength(1), SOON)
    // It is looked at many times until then.
    await vi.waitFor(() => expect(callerOf(bearer(clock))).toBeUndefined(), SOON)
    expect(problems).toEqual([expect.stringContaining('is not JSON')])
    await rm(keys.path)
    await vi.waitFor(
      () => expect(problems).toEqual([expect.anything(), expect.stringContaining('there is none')]),
      SOON,
    )
    expect(callerOf(bearer(token))?.isRevoked).toBe(false)
    const added = await keys.add({ role: 'analyst' })
    await vi.waitFor(() => expect(callerOf(bearer(added))?.role).toBe('analyst'), SOON)
    expect(callerOf(bearer(token))).toBeUndefined()
    expect(problems).toHaveLength(2)
  })

  it('should see that a mount swaps a link, as Kubernetes does', async () => {
    const token = await keys.add({ role: 'admin' })
    const folder = dirname(keys.path)
    const [one, two] = [join(folder, 'one'), join(folder, 'two')]
    await Promise.all([mkdir(one), mkdir(two)])
    await writeFile(join(one, 'keys.json'), JSON.stringify({ keys: await readKeys(keys.path) }))
    await writeFile(join(two, 'keys.json'), '{ "keys": [] }')
    await symlink(one, join(folder, '..data'))
    const { callerOf } = await open(join(folder, '..data', 'keys.json'))
    expect(callerOf(bearer(token))).toBeDefined()
    await symlink(two, join(folder, '..new'))
    await rename(join(folder, '..new'), join(folder, '..data'))
    await vi.waitFor(() => expect(callerOf(bearer(token))).toBeUndefined(), SOON)
  })

  it('should not open without its file, or with another one', async () => {
    await keys.write('[]')
    await expect(open()).rejects.toThrow('must be an object with a list of keys')
    await rm(keys.path)
    await expect(open()).rejects.toThrow('there is none. `auction keys create` makes it')
  })

  it('should count each key’s rate apart', async () => {
    const rate = { max: 2, windowMs: 60_000 }
    const [one, other] = [await keys.add({ role: 'admin', rate }), await keys.add({ role: 'admin', rate })]
    const { callerOf } = await open()
    const take = async (token: string) => (await callerOf(bearer(token))?.rate?.take())?.isAllowed
    expect([await take(one), await take(one), await take(one), await take(other)]).toEqual([true, true, false, true])
    const unlimited = await keys.add({ role: 'admin' })
    await vi.waitFor(() => expect(callerOf(bearer(unlimited))).toBeDefined(), SOON)
    expect(callerOf(bearer(unlimited))?.rate).toBeUndefined()
    expect(await take(one)).toBe(false)
  })
})

function bearer(token: string): string {
  return `Bearer ${token}`
}
