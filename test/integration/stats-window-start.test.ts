import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { parseDataFile } from '../../src/catalog/data-file.ts'
import { loadCatalog } from '../../src/catalog/load.ts'
import { type App, createApp } from '../../src/composition/app.ts'
import { parseConfig } from '../../src/config.ts'
import { openDatabase } from '../../src/db/database.ts'
import { createLog } from '../../src/log.ts'
import { SMALL_CATALOG } from '../support/app.ts'
import { dataOf } from '../support/graphql.ts'
import { idAt, logAuctions, loggedAuction } from '../support/logged.ts'
import { makeMigratedDataDir } from '../support/migrated-data-dir.ts'

const HOUR_MS = 3_600_000
const STATS =
  '{ stats { supplyId totalRequests bidders { bidderId wins losses noBids timeouts errors skipped totalRevenue } } }'

describe('the embedded service with RETENTION_HOT_HOURS', () => {
  let folder: string
  let app: App | undefined

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'auction-window-'))
    await makeMigratedDataDir(folder)
    const database = await openDatabase({ databaseUrl: undefined, dataDir: folder }, { command: 'a test' })
    const data = parseDataFile(JSON.stringify(SMALL_CATALOG), 'catalog')
    await loadCatalog({ prisma: database.prisma, data, prune: true })
    const nowMs = Date.now()
    await logAuctions(database.prisma, [
      loggedAuction(nowMs, 'news', 'US', { acme: ['WON', 230_000], bolt: ['LOST', 5] }),
      loggedAuction(nowMs - 2 * HOUR_MS, 'news', 'US', { acme: ['NO_BID'], bolt: ['WON', 10_000] }),
      loggedAuction(nowMs - 9 * HOUR_MS, 'news', 'US', { acme: ['WON', 1_000_000] }),
      loggedAuction(nowMs - 9 * HOUR_MS, 'sport', 'GB', { dune: ['TIMED_OUT'] }),
    ])
    await database.dispose()
  })
  afterEach(async () => {
    await app?.dispose()
    app = undefined
    await rm(folder, { recursive: true })
  })

  async function start(hours: string): Promise<App> {
    const env = { PORT: '0', DATA_DIR: folder, LOG_LEVEL: 'silent', RETENTION_HOT_HOURS: hours }
    app = await createApp(parseConfig(env), { log: createLog('silent') })
    return app
  }

  it('should begin with the statistics of the window, as they were logged', async () => {
    const { url, services } = await start('5')
    const late = { supplyId: 'news', country: 'US', responses: [], priceMicros: 0, id: idAt(Date.now() - 9 * HOUR_MS) }
    await services.stats.record(late)
    const { stats } = await dataOf<{ stats: unknown[] }>(`${url}/graphql`, STATS)
    const none = { wins: 0, losses: 0, noBids: 0, timeouts: 0, errors: 0, skipped: 0, totalRevenue: 0 }
    expect(stats).toEqual([
      {
        supplyId: 'news',
        totalRequests: 2,
        bidders: [
          { ...none, bidderId: 'acme', wins: 1, noBids: 1, totalRevenue: 0.23 },
          { ...none, bidderId: 'bolt', wins: 1, losses: 1, totalRevenue: 0.01 },
        ],
      },
    ])
  })

  it('should begin with all there ever was where it is not set', async () => {
    const { services } = await start('')
    const stats = await services.stats.read(['news', 'sport'])
    expect(stats.map((supply) => supply?.totalRequests)).toEqual([3, 1])
  })
})
