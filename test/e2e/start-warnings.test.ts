import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { startInstance } from '../support/instance.ts'
import { makeMigratedDataDir } from '../support/migrated-data-dir.ts'

const WARN = 40

describe('a start', () => {
  it('should warn of what will not be as it was meant', { timeout: 60_000 }, async () => {
    const folder = await mkdtemp(join(tmpdir(), 'auction-start-'))
    await makeMigratedDataDir(join(folder, 'data'))
    const instance = await startInstance({ DATA_DIR: join(folder, 'data'), RATE_LIMT_MAX: '100' })
    try {
      expect(instance.log.filter(({ level }) => level >= WARN).map(({ msg }) => msg)).toEqual([
        "the environment variable RATE_LIMT_MAX is none of this service's and changes nothing: is it RATE_LIMIT_MAX?",
      ])
    } finally {
      await instance.dispose()
      await rm(folder, { recursive: true, force: true })
    }
  })
})
