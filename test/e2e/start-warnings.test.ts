import { join } from 'node:path'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { createTestFolder } from '../support/embedded-database.ts'
import { startInstance } from '../support/instance.ts'
import { makeMigratedDataDir } from '../support/migrated-data-dir.ts'
import { startRedis } from '../support/redis.ts'
import { hasRedis } from '../support/services.ts'
import { createTestBed } from '../support/topology.ts'

const WARN = 40

describe.skipIf(!hasRedis)('a start', () => {
  const bed = createTestBed()
  afterEach(() => bed.dispose())

  it('should warn of what will not be as it was meant', async () => {
    const folder = await bed.own(createTestFolder())
    await makeMigratedDataDir(join(folder.path, 'data'))
    const redis = await bed.own(startRedis({ args: ['--maxmemory-policy', 'allkeys-lru'] }))
    const keeping = await bed.own(startRedis())
    const instance = await bed.own(
      startInstance({
        DATA_DIR: join(folder.path, 'data'),
        RATE_LIMT_MAX: '100',
        REDIS_STATS_URL: redis.url,
        REDIS_RATE_LIMIT_URL: keeping.url,
      }),
    )
    const warnings = () => instance.log.filter(({ level }) => level >= WARN).map(({ msg }) => msg)
    // The log comes by a way of its own.
    await vi.waitFor(() => expect(warnings()).toHaveLength(2))
    expect(warnings()).toEqual([
      "the environment variable RATE_LIMT_MAX is none of this service's and changes nothing: is it RATE_LIMIT_MAX?",
      `Redis at 127.0.0.1:${redis.port} has maxmemory-policy allkeys-lru, so that keys are dropped when it is full, and what they counted is lost: set it to noeviction`,
    ])
  })
})
