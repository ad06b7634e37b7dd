import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { migrateUp } from '../../src/db/migrations.ts'
import { createTestFolder } from '../support/embedded-database.ts'
import { daysAgo, insertAuctions, makeUpAuctions, readAuctions } from '../support/logged-auctions.ts'
import { linesOf, namesOf, scrape } from '../support/metrics.ts'
import { startPostgres } from '../support/postgres-server.ts'
import { startRedis } from '../support/redis.ts'
import { hasPostgres, hasRedis } from '../support/services.ts'

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url))
const DUE = daysAgo(91)
const DAY = new Date(DUE).toISOString().slice(0, 10)

describe.skipIf(!(hasPostgres && hasRedis))('a worker', () => {
  const opened: { dispose(): Promise<void> }[] = []
  afterEach(async () => {
    for (const one of opened.splice(0).reverse()) await one.dispose()
  })
  async function own<T extends { dispose(): Promise<void> }>(opening: Promise<T>): Promise<T> {
    const one = await opening
    opened.push(one)
    return one
  }

  it('should archive days past warm, say so in its log, tell of itself at METRICS_PORT, and end when it is told to', async () => {
    const [postgres, redis, folder] = await Promise.all([
      own(startPostgres()),
      own(startRedis()),
      own(createTestFolder()),
    ])
    const auctions = makeUpAuctions({ count: 40, startOfDayMs: DUE })
    await migrateUp({ connectionString: postgres.url })
    await insertAuctions(postgres.url, auctions)

    const { PATH = '', HOME = '' } = process.env
    const stores = { DATABASE_URL: postgres.url, REDIS_URL: redis.url, ARCHIVE_DIR: folder.path }
    const env = { PATH, HOME, ...stores, METRICS_PORT: '0' }
    const worker = spawn(process.execPath, [MAIN, 'worker'], { env, stdio: ['ignore', 'pipe', 'inherit'] })
    const exited = once(worker, 'exit')
    opened.push({
      dispose: async () => {
        worker.kill('SIGKILL')
        await exited
      },
    })
    const lines = createInterface({ input: worker.stdout })
    let told: string | undefined
    let metricsUrl: string | undefined
    for await (const line of lines) {
      const logged = JSON.parse(line)
      if (logged.msg.startsWith(DAY)) told = logged.msg
      metricsUrl ??= logged.metricsUrl
      if (told !== undefined && metricsUrl !== undefined) break
    }

    const scraped = await vi.waitFor(async () => {
      const newest = await scrape(metricsUrl ?? '')
      expect(linesOf(newest, 'auction_dependency_up')).toEqual({
        'dependency="auctionLog"': 1,
        'dependency="notices"': 1,
      })
      return newest
    })
    expect(Object.fromEntries(scraped)).toMatchObject({
      auction_log_backlog_bytes: 0,
      auction_log_backlog_bytes_max: 2 ** 28,
      auction_log_lag_seconds: 0,
      auction_log_stream_entries: 0,
      auction_notices_sent_total: 0,
      auction_notices_due: 0,
      process_cpu_seconds_total: expect.any(Number),
    })
    expect(namesOf(scraped)).not.toContain('auction_in_flight')
    expect(told).toMatch(new RegExp(`^${DAY}  40 auctions moved to auctions-${DAY}.parquet: `))
    expect(await readAuctions(join(folder.path, `auctions-${DAY}.parquet`))).toHaveLength(40)
    worker.kill('SIGTERM')
    expect(await exited).toEqual([0, null])
  })
})
