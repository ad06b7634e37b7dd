import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { changeKeys } from '../../src/access/keys-file.ts'
import { createToken } from '../../src/access/token.ts'
import type { ApiKey } from '../../src/access/types.ts'

/** A file of keys of a test's own. */
export interface TestKeys {
  readonly path: string
  /** Adds a key and gives its token. */
  add(key: Partial<ApiKey> & Pick<ApiKey, 'role'>): Promise<string>
  /** Takes the key of a token out. */
  revoke(token: string): Promise<void>
  /** Changes the key of a token. */
  change(token: string, to: Partial<ApiKey>): Promise<void>
  /** Writes a text into the file as it is. */
  write(text: string): Promise<void>
  dispose(): Promise<void>
}

export async function makeKeysFile(): Promise<TestKeys> {
  const folder = await mkdtemp(join(tmpdir(), 'auction-keys-'))
  const path = join(folder, 'api-keys.json')
  await writeFile(path, '{ "keys": [] }')
  const isOf = (token: string) => (key: ApiKey) => token.includes(key.id)
  return {
    path,
    async add(key) {
      const { id, hash, token } = createToken()
      const made = { id, name: 'a test', hash, createdAt: '2026-01-31T12:00:00Z', ...key }
      await changeKeys(path, (keys) => [...keys, made])
      return token
    },
    revoke: (token) => changeKeys(path, (keys) => keys.filter((key) => !isOf(token)(key))),
    change: (token, to) => changeKeys(path, (keys) => keys.map((key) => (isOf(token)(key) ? { ...key, ...to } : key))),
    write: (text) => writeFile(path, text),
    dispose: () => rm(folder, { recursive: true, force: true }),
  }
}
