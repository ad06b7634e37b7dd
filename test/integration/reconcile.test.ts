import type pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createPgClient } from '../../src/db/client.ts'
import { type Database, openDatabase } from '../../src/db/database.ts'
import { migrateUp } from '../../src/db/migrations.ts'
import { createLogStreams } from '../../src/history/log-stream.ts'
import { streamKeys } from '../../src/history/stream-keys.ts'
import { compareCounters } from '../../src/reconcile/counters.ts'
import { createMendCounter } from '../../src/reconcile/mend-counter.ts'
import { type ReconcileFinding, type ReconcileOptions, reconcile } from '../../src/reconcile/reconcile.ts'
import { untilShipped } from '../../src/reconcile/until-shipped.ts'
import { createRedis, type RedisConnection } from '../../src/redis/connect.ts'
import { createRedisStatsStore } from '../../src/stats/redis.ts'
import type { StatsStore } from '../../src/stats/types.ts'
import { startOfWindow } from '../../src/stats/window.ts'
import { logAuctions, loggedAuction } from '../support/logged.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { type PostgresServer, startPostgres } from '../support/postgres-server.ts'
import { type RedisServer, startRedis } from '../support/redis.ts'
import { hasPostgres, hasRedis } from '../support/services.ts'

const HOUR_MS = 3_600_000
const NOW = Date.parse('2026-03-10T12:00:00Z')
const AUCTIONS = [
  loggedAuction('2026-03-10T11:59:59.999Z', 'news', 'US', {
    acme: ['WON', 230_000],
    bolt: ['LOST', 5],
    crux: ['NO_BID'],
    dune: ['ERROR'],
    echo: ['SKIPPED'],
  }),
  loggedAuction('2026-03-10T11:30:00.000Z', 'news', 'US', { acme: ['NO_BID'], bolt: ['TIMED_OUT'], dune: ['ERROR'] }),
  loggedAuction('2026-03-09T23:59:59.999Z', 'news', 'GB'),
  loggedAuction('2026-03-09T22:00:00.000Z', 'sport:{a}', 'US', { bolt: ['WON', 2 ** 40 + 1] }),
]

describe.runIf(hasPostgres && hasRedis)('reconcile', () => {
  let postgres: PostgresServer
  let redis: RedisServer
  let test: TestDatabase
  let database: Database
  let client: pg.Client
  let connection: RedisConnection
  let stats: StatsStore

  beforeAll(async () => {
    postgres = await startPostgres()
    redis = await startRedis()
  })
  afterAll(async () => {
    await redis?.dispose()
    await postgres?.dispose()
  })
  beforeEach(async () => {
    test = await createTestDatabase(postgres.url)
    await migrateUp({ connectionString: test.url })
    database = await openDatabase({ databaseUrl: test.url, dataDir: '' }, { command: 'a test' })
    client = createPgClient(test.url, 10_000)
    await client.connect()
    connection = createRedis({ url: redis.url, name: 'test' })
    expect(await connection.whenUp(5_000)).toBe(true)
    stats = createRedisStatsStore({ connection, changes: { publish: () => {} } })
    await logAuctions(database.prisma, AUCTIONS)
    for (const auction of AUCTIONS) await stats.record(auction)
  })
  afterEach(async () => {
    await stats.dispose()
    await connection.dispose()
    await client.end()
    await database.dispose()
    await test.dispose()
    await redis.command('flushall')
  })

  /** @returns what was found, a line each, and what was done, after `repaired` */
  async function run(options: Partial<ReconcileOptions> = {}): Promise<string[]> {
    const { prisma } = database
    const untilLogged = () => untilShipped(createLogStreams(connection), prisma, 500)
    const findings: ReconcileFinding[] = []
    const counters = {
      hours: 'all hours',
      compare: () => compareCounters({ stats, prisma, untilLogged }),
      mend: createMendCounter({ connection, changes: { publish: () => {} }, prisma, window: undefined }),
    }
    const given = { client, range: undefined, warmDays: 90, nowMs: NOW, counters, repair: false, ...options }
    for await (const finding of reconcile(given)) findings.push(finding)
    return findings.map(({ type, text }) => (type === 'REPAIRED' ? `repaired ${text}` : text))
  }

  it('should find no difference where there is none', async () => {
    expect(await run()).toEqual([])
  })

  it.each([
    [
      `UPDATE supply_stats_hourly SET revenue_micros = revenue_micros - 1 WHERE supply_id LIKE 'sport%'`,
      `2026-03-09T22:00Z sport:{a} US: revenue_micros ${2 ** 40 + 1} in auction_log, ${2 ** 40} in supply_stats_hourly`,
    ],
    [
      `DELETE FROM bidder_stats_hourly WHERE bidder_id = 'crux'`,
      /^2026-03-10T11:00Z news crux: asked 1 in auction_log, none in bidder_stats_hourly; .*no_bids 1 in auction_log/,
    ],
    [
      `UPDATE bidder_stats_hourly SET bids_micros = 6 WHERE bidder_id = 'bolt' AND supply_id = 'news'`,
      '2026-03-10T11:00Z news bolt: bids_micros 5 in auction_log, 6 in bidder_stats_hourly',
    ],
    [
      `UPDATE bidder_stats_hourly SET errors = errors + 1, skipped = 0 WHERE bidder_id = 'echo'`,
      '2026-03-10T11:00Z news echo: errors 0 in auction_log, 1 in bidder_stats_hourly; skipped 1 in auction_log, 0 in bidder_stats_hourly',
    ],
    [
      `UPDATE supply_stats_hourly SET errors = 0, skipped = 5 WHERE hour = '2026-03-10T11:00Z'`,
      '2026-03-10T11:00Z news US: errors 2 in auction_log, 0 in supply_stats_hourly; skipped 1 in auction_log, 5 in supply_stats_hourly',
    ],
    [
      `UPDATE exchange_stats_hourly SET sold = 7 WHERE hour = '2026-03-10T11:00Z'`,
      '2026-03-10T11:00Z US: sold 1 in supply_stats_hourly, 7 in exchange_stats_hourly',
    ],
    [
      `INSERT INTO exchange_bidder_stats_hourly VALUES ('2026-03-10T11:00Z', 'flux', 'US', 1, 1, 0, 0, 0, 3, 3)`,
      /^2026-03-10T11:00Z flux: asked none in bidder_stats_hourly, 1 in exchange_bidder_stats_hourly/,
    ],
    [
      `DELETE FROM auction_log WHERE country = 'GB'`,
      /^2026-03-09T23:00Z news GB: requests none in auction_log, 1 in supply_stats_hourly/,
    ],
  ])('should find, and mend, what %s has spoilt', async (statement, expected) => {
    await client.query(statement)
    const range = { fromMs: Date.parse('2026-03-09T00:00Z'), toMs: NOW }
    const found = await run({ range })
    expect(found[0]).toMatch(expected)
    // What is added up from it differs as well.
    expect(found.slice(1).join()).toMatch(/^$|exchange/)
    expect((await run({ range, repair: true })).at(-1)).toMatch(/^repaired 2026-03-\d\d: /)
    expect(await run({ range })).toEqual([])
  })

  it('should compare the hours of the range alone', async () => {
    await client.query(`UPDATE supply_stats_hourly SET requests = 9 WHERE supply_id LIKE 'sport%'`)
    const at = (hour: string) => Date.parse(`2026-03-09T${hour}:00Z`)
    expect(await run({ range: { fromMs: at('23'), toMs: NOW } })).toEqual([])
    expect(await run({ range: { fromMs: at('22'), toMs: at('23') } })).toHaveLength(2)
  })

  it('should leave days past warm alone, whose rows are in the archive', async () => {
    await client.query('DELETE FROM auction_log')
    expect(await run({ repair: true, nowMs: NOW + 92 * 86_400_000 })).toEqual([])
    expect(await run({ nowMs: NOW + 89 * 86_400_000, counters: undefined })).not.toEqual([])
  })

  it('should know of rows that were given up, and never make their hours anew', async () => {
    await client.query(`DELETE FROM auction_log WHERE started_at >= '2026-03-10T11:45Z'`)
    await client.query(`INSERT INTO auction_log_given_up VALUES ('2026-03-10T11:00Z', 1)`)
    expect(await run({ repair: true })).toEqual([])
    await client.query('UPDATE auction_log_given_up SET rows = 2')
    const expected = '2026-03-10T11:00Z of all supplies: 1 rows and 2 given up, 2 requests in supply_stats_hourly'
    expect(await run()).toEqual([expected])
    expect((await run({ repair: true })).at(-1)).toBe(`still, since rows were given up: ${expected}`)
  })

  it('should find, and mend, counters that differ, whichever has more', async () => {
    await redis.command('hincrby', 'stats:{news}', 'bidder:acme:wins', '3')
    await redis.command('hincrby', 'stats:{sport:%7Ba%7D}', 'bidder:bolt:revenue_micros', '-1')
    await redis.command('hdel', 'stats:{news}', 'bidder:dune:errors')
    await redis.command('hset', 'stats:{none}', 'total_reqs', '2')
    await redis.command('zadd', 'stats-supply-ids', '0', 'none')
    const expected = [
      'news bidder:acme:wins: 4 counted, 1 in the statistics of all hours',
      'news bidder:dune:errors: 0 counted, 2 in the statistics of all hours',
      'none total_reqs: 2 counted, 0 in the statistics of all hours',
      `sport:{a} bidder:bolt:revenue_micros: ${2 ** 40} counted, ${2 ** 40 + 1} in the statistics of all hours`,
    ]
    expect(await run()).toEqual(expected)
    expect((await run({ repair: true })).filter((line) => line.startsWith('repaired'))).toHaveLength(4)
    expect(await run()).toEqual([])
  })

  it('should compare counters of the last hours with the statistics of these, and mend each hour', async () => {
    const window = { hours: 3 }
    const hour = Math.floor(Date.now() / HOUR_MS)
    const auctions = [-5, -1, 0].flatMap((ago) => [
      loggedAuction((hour + ago) * HOUR_MS, 'news', 'US', { acme: ['WON', 230_000], bolt: ['LOST', 5] }),
      loggedAuction((hour + ago) * HOUR_MS + 1, 'sport:{a}', 'GB', { bolt: ['WON', 2 ** 40 + 1] }),
    ])
    await redis.command('flushall')
    await logAuctions(database.prisma, auctions)
    const recent = createRedisStatsStore({ connection, changes: { publish: () => {} }, window })
    const counters = {
      hours: 'the last 3 hours',
      compare: () =>
        compareCounters({
          stats: recent,
          prisma: database.prisma,
          untilLogged: async () => {},
          windowStartMs: async () => startOfWindow(window, Date.now()),
        }),
      mend: createMendCounter({ connection, changes: { publish: () => {} }, prisma: database.prisma, window }),
    }
    for (const auction of auctions) await recent.record(auction)
    expect(await run({ counters })).toEqual([])
    await redis.command('hincrby', 'window-stats:{news}', 'bidder:acme:wins', '3')
    await redis.command('del', 'window-stats:{sport:%7Ba%7D}', `hour:${hour - 1}:window-stats:{sport:%7Ba%7D}`)
    expect(await run({ counters })).toEqual([
      'news bidder:acme:wins: 5 counted, 2 in the statistics of the last 3 hours',
      'sport:{a} total_reqs: 0 counted, 2 in the statistics of the last 3 hours',
      'sport:{a} country:GB: 0 counted, 2 in the statistics of the last 3 hours',
      'sport:{a} bidder:bolt:wins: 0 counted, 2 in the statistics of the last 3 hours',
      `sport:{a} bidder:bolt:revenue_micros: 0 counted, ${2 ** 41 + 2} in the statistics of the last 3 hours`,
    ])
    await run({ counters, repair: true })
    expect(await run({ counters })).toEqual([])
    // The hours are mended as well, so they leave exactly.
    const later = createRedisStatsStore({
      connection,
      changes: { publish: () => {} },
      window,
      now: () => (hour + 2) * HOUR_MS,
    })
    const [news, sport] = await later.read(['news', 'sport:{a}'])
    expect(news?.bidders[0]).toMatchObject({ bidderId: 'acme', wins: 1, revenueMicros: 230_000 })
    expect(sport?.bidders).toMatchObject([{ bidderId: 'bolt', wins: 1, revenueMicros: 2 ** 40 + 1 }])
    await Promise.all([recent.dispose(), later.dispose()])
  })

  it('should not mend a counter of the last hours that has moved since', async () => {
    const window = { hours: 3 }
    const recent = createRedisStatsStore({ connection, changes: { publish: () => {} }, window })
    const mend = createMendCounter({ connection, changes: { publish: () => {} }, prisma: database.prisma, window })
    await recent.record({ supplyId: 'news', country: 'US', responses: [], priceMicros: 0 })
    const difference = {
      supplyId: 'news',
      field: 'total_reqs',
      counted: 0,
      logged: 5,
      isMoving: false,
      fromMs: startOfWindow(window, Date.now()),
    }
    expect(await mend(difference)).toBe(false)
    expect(await mend({ ...difference, counted: 1, fromMs: difference.fromMs - HOUR_MS })).toBe(false)
    expect((await recent.read(['news']))[0]?.totalRequests).toBe(1)
    await recent.dispose()
  })

  it('should find a supply that nobody has counted', async () => {
    await redis.command('flushall')
    expect(await run()).toContain('news total_reqs: 0 counted, 3 in the statistics of all hours')
    await run({ repair: true })
    expect((await stats.read(['news']))[0]?.totalRequests).toBe(3)
  })

  it('should take what is counted meanwhile for no difference, and not mend what moves', async () => {
    const moving = (factor: number): StatsStore => ({
      ...stats,
      async read(supplyIds) {
        const read = await stats.read(supplyIds)
        await stats.record({ supplyId: 'news', country: 'US', responses: [], priceMicros: 0 })
        return read.map((one) =>
          one?.supplyId === 'news' ? { ...one, totalRequests: one.totalRequests * factor } : one,
        )
      },
    })
    const compare = (factor: number) => () =>
      compareCounters({ stats: moving(factor), prisma: database.prisma, untilLogged: async () => {} })
    const mend = async () => expect.unreachable()
    expect(await run({ counters: { hours: '', compare: compare(1), mend } })).toEqual([])
    const found = await run({ counters: { hours: '', compare: compare(10), mend }, repair: true })
    expect(found).toContainEqual(expect.stringMatching(/^still: news total_reqs is being counted on/))
  })

  it('should wait for what is on its way, and say so where that takes too long', async () => {
    await redis.command('xadd', streamKeys().stream, '*', 'b', '')
    await expect(run()).rejects.toThrow(/auctions have waited in Redis for 0.5 s .* see that `auction worker` runs/)
  })
})
