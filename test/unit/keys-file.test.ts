import { readdir, readFile, stat, symlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { changeKeys, readKeys } from '../../src/access/keys-file.ts'
import { parseKeys } from '../../src/access/parse-keys.ts'
import { createToken, idOfToken, isTokenOf } from '../../src/access/token.ts'
import type { ApiKey } from '../../src/access/types.ts'
import { makeKeysFile, type TestKeys } from '../support/access.ts'

const KEY: ApiKey = {
  id: 'a1b2c3d4e5f6',
  name: 'news.example',
  role: 'publisher',
  hash: '0'.repeat(64),
  createdAt: '2026-01-31T12:00:00Z',
}

describe('a token', () => {
  it('should have 256 random bits, and be known by its hash alone', () => {
    const [one, other] = [createToken(), createToken()]
    expect(one.token).toMatch(/^auk_[\da-f]{12}_[\da-f]{64}$/)
    expect(idOfToken(one.token)).toBe(one.id)
    expect(new Set([one.id, other.id, one.token.slice(17), other.token.slice(17)]).size).toBe(4)
    expect(isTokenOf(one.token, Buffer.from(one.hash, 'hex'))).toBe(true)
    expect(isTokenOf(other.token, Buffer.from(one.hash, 'hex'))).toBe(false)
    expect(one.hash).not.toContain(one.token.slice(17, 27))
  })

  it.each([
    '',
    'auk_',
    'auk_a1b2c3d4e5f6_',
    `auk_A1B2C3D4E5F6_${'0'.repeat(64)}`,
    `x auk_a1b2c3d4e5f6_${'0'.repeat(64)}`,
  ])('should not be %j', (text) => expect(idOfToken(text)).toBeUndefined())
})

describe('the text of a file of keys', () => {
  it('should be read as it is', () => {
    const whole = {
      ...KEY,
      supplies: ['supply1'],
      rate: { max: 10, windowMs: 1000 },
      expiresAt: '2027-01-31T12:00:00Z',
    }
    expect(parseKeys(JSON.stringify({ keys: [KEY, { ...whole, id: 'b1b2c3d4e5f6' }] }), 'file')).toEqual([
      KEY,
      { ...whole, id: 'b1b2c3d4e5f6' },
    ])
  })

  it.each<[object, string]>([
    [{ suplies: ['supply1'] }, 'keys[0] has a field "suplies", which no key has'],
    [{ supplies: [] }, 'keys[0].supplies must be a list of 1 to 10000 ids of supplies, or left out for all'],
    [{ supplies: 'supply1' }, 'keys[0].supplies must be'],
    [{ supplies: null }, 'keys[0].supplies must be'],
    [{ supplies: [1] }, 'keys[0].supplies must be'],
    [{ role: 'root' }, 'keys[0].role must be one of publisher, analyst, admin'],
    [{ role: undefined }, 'keys[0].role must be'],
    [{ role: 'admin', supplies: ['supply1'] }, 'keys[0] is an admin'],
    [{ id: 'A1B2C3D4E5F6' }, 'keys[0].id must be 12 hexadecimal digits'],
    [{ hash: 'secret' }, 'keys[0].hash must be 64 hexadecimal digits'],
    [{ rate: 10 }, 'keys[0].rate must be { "max"'],
    [{ rate: { max: 0, windowMs: 1 } }, 'keys[0].rate must be'],
    [{ rate: { max: 1, windowMs: 1, per: 2 } }, 'keys[0].rate must be'],
    [{ expiresAt: 'tomorrow' }, 'keys[0].expiresAt must be an instant of RFC 3339'],
    [{ expiresAt: null }, 'keys[0].expiresAt must be'],
    [{ name: 'two\nlines' }, 'keys[0].name must be a text of 1 to 100 characters'],
  ])('should be refused with %j', (part, message) => {
    expect(() => parseKeys(JSON.stringify({ keys: [{ ...KEY, ...part }] }), 'file')).toThrow(`file: ${message}`)
  })

  it.each<[string, string]>([
    ['{', 'file is not JSON'],
    ['[]', 'file must be an object with a list of keys'],
    ['{ "keys": [], "key": [] }', 'file must be an object with a list of keys'],
    [JSON.stringify({ keys: [null] }), 'file: keys[0] must be an object'],
    [JSON.stringify({ keys: [KEY, KEY] }), 'file: keys[1].id repeats a1b2c3d4e5f6'],
  ])('should be refused as %s', (text, message) => expect(() => parseKeys(text, 'file')).toThrow(message))
})

describe('changeKeys', () => {
  let keys: TestKeys
  beforeEach(async () => {
    keys = await makeKeysFile()
  })
  afterEach(() => keys.dispose())

  it('should lose nothing of many changes at a time, and leave nothing beside the file', async () => {
    await Promise.all(Array.from({ length: 20 }, () => keys.add({ role: 'analyst' })))
    expect(await readKeys(keys.path)).toHaveLength(20)
    expect(await readdir(dirname(keys.path))).toEqual(['api-keys.json'])
  })

  it('should make a file that its owner alone may read', async () => {
    const path = join(dirname(keys.path), 'new.json')
    await changeKeys(path, () => [KEY])
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    expect(await readKeys(path)).toEqual([KEY])
  })

  it('should change what a link points to', async () => {
    const link = join(dirname(keys.path), 'link.json')
    await symlink(keys.path, link)
    await changeKeys(link, () => [KEY])
    expect(await readKeys(keys.path)).toEqual([KEY])
  })

  it('should leave the file as it was where it is none of keys, or would be none', async () => {
    await expect(changeKeys(keys.path, () => [{ ...KEY, name: '' }])).rejects.toThrow('keys[0].name must be')
    expect(await readKeys(keys.path)).toEqual([])
    await keys.write('{ "keys": [')
    await expect(keys.add({ role: 'admin' })).rejects.toThrow('is not JSON')
    expect(await readFile(keys.path, 'utf8')).toBe('{ "keys": [')
    expect(await readdir(dirname(keys.path))).toEqual(['api-keys.json'])
  })

  it('should say where a folder is not there', async () => {
    await expect(changeKeys('/nowhere/keys.json', () => [KEY])).rejects.toThrow('Its folder must be there')
  })
})
