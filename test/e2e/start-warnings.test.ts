import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { startInstance } from '../support/instance.ts'
import { makeMigratedDataDir } from '../support/migrated-data-dir.ts'
import { startRedis } from '../support/redis.ts'
import { hasRedis } from '../support/services.ts'

const WARN = 40

describe.skipIf(!hasRedis)('a start', () => {
  it('should warn of what will not be as it was meant', { timeout: 60_000 }, async () => {
    const folder = await mkdtemp(join(tmpdir(), 'auction-start-'))
    await makeMigratedDataDir(join(folder, 'data'))
    const redis = await startRedis({ args: ['--maxmemory-policy', 'allkeys-lru'] })
    const keeping = await startRedis()
    const instance = await startInstance({
      DATA_DIR: join(folder, 'data'),
      RATE_LIMT_MAX: '100',
      REDIS_STATS_URL: redis.url,
      REDIS_RATE_LIMIT_URL: keeping.url,
    })
    try {
      expect(instance.log.filter(({ level }) => level >= WARN).map(({ msg }) => msg)).toEqual([
        "the environment variable RATE_LIMT_MAX is none of this service's and changes nothing: is it RATE_LIMIT_MAX?",
        `Redis at 127.0.0.1:${redis.port} has maxmemory-policy allkeys-lru, so that keys are dropped when it is full, and what they counted is lost: set it to noeviction`,
      ])
    } finally {
      await instance.dispose()
      await redis.dispose()
      await keeping.dispose()
      await rm(folder, { recursive: true, force: true })
    }
  })
})
