import { spawnSync } from 'node:child_process'
import { statfs, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { openEmbedded } from '../../src/db/embedded/embedded.ts'
import { rollupDifferences } from '../support/auction-log.ts'
import { createTestFolder } from '../support/embedded-database.ts'
import { dataOf } from '../support/graphql.ts'
import { type Instance, startInstance } from '../support/instance.ts'
import { runLoad, startLoad } from '../support/load.ts'
import { makeMigratedDataDir } from '../support/migrated-data-dir.ts'
import { query } from '../support/postgres.ts'
import { startPostgres } from '../support/postgres-server.ts'
import { canMount, hasPostgres } from '../support/services.ts'
import { add, type Counters, excessOf, readCounters } from '../support/statistics.ts'
import {
  COUNTRIES,
  createDatabase,
  createTestBed,
  DATA,
  loadData,
  prepareDatabase,
  SUPPLY_IDS,
} from '../support/topology.ts'

const STATS = `{ stats { supplyId totalRequests requestsPerCountry { country requests }
  bidders { bidderId wins losses noBids timeouts errors skipped totalRevenue } } }`
/** One that has no bidder of any country. */
const LONELY = 'lonely'
const LOAD = { concurrency: 16, supplyIds: [...SUPPLY_IDS, LONELY], countries: COUNTRIES, tmax: 50 }
const QUICK = { SIMULATED_LATENCY_FACTOR: '0.3', LOG_LEVEL: 'info' }

describe('the auction log of the embedded service', { timeout: 240_000 }, () => {
  const bed = createTestBed()
  let env: Record<string, string>

  beforeEach(async () => {
    const folder = await bed.own(createTestFolder())
    env = { ...QUICK, DATA_DIR: join(folder.path, 'data') }
    await makeMigratedDataDir(env.DATA_DIR ?? '')
    await loadData(env, { ...DATA, supplies: { ...DATA.supplies, [LONELY]: [] } })
  })
  afterEach(() => bed.dispose())

  const start = () => bed.own(startInstance(env))

  /** Uses the database beside the service that has it. */
  async function withDatabase<T>(use: (url: string) => Promise<T>): Promise<T> {
    const database = await openEmbedded({ dataDir: env.DATA_DIR ?? '', command: 'auction test' })
    return use(database.connectionString).finally(() => database.dispose())
  }

  it('should give a service that starts again its statistics to the millionth, to count on from', async () => {
    const first = await start()
    const { counters } = await runLoad({ ...LOAD, targets: [first.graphqlUrl], auctions: 1000 })
    expect(await stop(first)).toEqual({ code: 0, signal: null })
    expect(first.log.at(-1)).toMatchObject({ msg: 'stopped', left: { unlogged: 0 } })
    const second = await start()
    expect(excessOf(await readCounters(second.graphqlUrl), counters)).toEqual(new Map())
    const more = await runLoad({ ...LOAD, targets: [second.graphqlUrl], auctions: 300 })
    for (const [name, count] of more.counters) add(counters, name, count)
    expect(excessOf(await readCounters(second.graphqlUrl), counters)).toEqual(new Map())
    const before = await dataOf(second.graphqlUrl, STATS)
    await stop(second)
    const third = await start()
    expect(await dataOf(third.graphqlUrl, STATS)).toEqual(before)

    await withDatabase(async (url) => {
      expect(await rollupDifferences(url)).toEqual([])
      const [row] = await query(
        url,
        `SELECT count(*)::int AS rows, count(DISTINCT id)::int AS ids, count(*) FILTER (WHERE supply_id = '${LONELY}')::int AS lonely,
          bool_and(('x' || left(replace(id::text, '-', ''), 12))::bit(48)::bigint = round(extract(epoch FROM started_at) * 1000)) AS timed
        FROM auction_log`,
      )
      // Nobody could buy for it, and each request is a row all the same.
      const lonely = counters.get(`${LONELY} total`)
      expect(lonely).toBeGreaterThan(100)
      expect(row).toEqual({ rows: 1300, ids: 1300, lonely, timed: true })
      expect(await query(url, `SELECT FROM auction_log WHERE supply_id = '${LONELY}' AND bidder_ids <> '{}'`)).toEqual(
        [],
      )
    })
  })

  it('should lose no more than the last second of a service that is killed', async () => {
    const first = await start()
    const acknowledged: { at: number; total: number }[] = []
    let isKilled = false
    const load = runLoad({
      ...LOAD,
      targets: [first.graphqlUrl],
      auctions: () => !isKilled,
      onAcknowledged: (total) => acknowledged.push({ at: performance.now(), total }),
    })
    await vi.waitFor(
      () => {
        expect(acknowledged.length).toBeGreaterThan(2000)
        expect(performance.now() - (acknowledged[0]?.at ?? 0)).toBeGreaterThan(2 * LAST_SECOND_MS)
      },
      { timeout: 60_000, interval: 5 },
    )
    first.signal('SIGKILL')
    const killedAt = performance.now()
    isKilled = true
    await first.exited
    const { acknowledged: total } = await load

    const second = await start()
    const counters = await readCounters(second.graphqlUrl)
    const counted = sumOf(counters, 'total')
    const until = acknowledged.findLast(({ at }) => at < killedAt - LAST_SECOND_MS)?.total ?? 0
    expect(until).toBeGreaterThan(0)
    expect(counted).toBeGreaterThanOrEqual(until)
    expect(counted).toBeLessThanOrEqual(total + LOAD.concurrency)
    await withDatabase(async (url) => {
      expect(await query(url, 'SELECT count(*)::int FROM auction_log')).toEqual([{ count: counted }])
      expect(await rollupDifferences(url)).toEqual([])
    })
  })

  it('should have nothing of a service that is to log none, whose statistics begin anew', async () => {
    env.AUCTION_LOG = 'off'
    const first = await start()
    await runLoad({ ...LOAD, targets: [first.graphqlUrl], auctions: 100 })
    expect((await first.readiness()).dependencies).not.toHaveProperty('auctionLog')
    await stop(first)
    const second = await start()
    expect(await dataOf(second.graphqlUrl, STATS)).toEqual({ stats: [] })
    await withDatabase(async (url) => {
      for (const table of ['auction_log', 'auction_log_writers', 'supply_stats_hourly']) {
        expect(await query(url, `SELECT FROM ${table}`)).toEqual([])
      }
    })
  })

  it.runIf(canMount)('should wait for room on a disk that is full, and be whole then', async () => {
    const dataDir = env.DATA_DIR ?? ''
    const used = Number(spawnSync('du', ['-sm', dataDir]).stdout.toString().split('\t')[0])
    const disk = await bed.own(createTestFolder())
    expect(spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${used + 100}m`, 'tmpfs', disk.path]).status).toBe(0)
    await bed.own({ dispose: async () => spawnSync('umount', ['-l', disk.path]) })
    env.DATA_DIR = join(disk.path, 'data')
    spawnSync('cp', ['-R', dataDir, env.DATA_DIR])
    const service = await start()
    const load = startLoad({ ...LOAD, targets: [service.graphqlUrl] })
    await load.more(200)
    await fill(join(disk.path, 'filler'))
    await vi.waitFor(
      async () => expect((await service.readiness()).dependencies.auctionLog).toMatchObject({ status: 'down' }),
      { timeout: 60_000 },
    )
    expect(await service.readiness()).toMatchObject({ httpStatus: 200, status: 'degraded' })
    await load.more(500)
    spawnSync('rm', [join(disk.path, 'filler')])
    await vi.waitFor(
      async () =>
        expect(await service.readiness()).toMatchObject({
          status: 'ready',
          dependencies: { auctionLog: { status: 'up' } },
        }),
      { timeout: 60_000 },
    )
    const { acknowledged, counters, unanswered, errors } = await load.stop()
    expect({ unanswered, errors }).toEqual({ unanswered: 0, errors: new Map() })
    expect(await stop(service)).toEqual({ code: 0, signal: null })
    const next = await start()
    expect(excessOf(await readCounters(next.graphqlUrl), counters)).toEqual(new Map())
    await withDatabase(async (url) => {
      expect(await query(url, 'SELECT count(*)::int FROM auction_log')).toEqual([{ count: acknowledged }])
      expect(await rollupDifferences(url)).toEqual([])
    })
  })
})

describe.runIf(hasPostgres)('the auction log of a service with PostgreSQL', { timeout: 240_000 }, () => {
  const bed = createTestBed()
  afterEach(() => bed.dispose())

  async function open() {
    const postgres = await bed.own(startPostgres())
    const env = { ...QUICK, DATABASE_URL: await createDatabase(postgres), SHUTDOWN_TIMEOUT_MS: '1500' }
    await prepareDatabase(env.DATABASE_URL)
    const service = await bed.own(startInstance(env))
    const load = { ...LOAD, supplyIds: SUPPLY_IDS, targets: [service.graphqlUrl] }
    return { postgres, url: env.DATABASE_URL, service, load }
  }

  it('should wait while its database is away, and say so', async () => {
    const { postgres, url, service, load } = await open()
    await runLoad({ ...load, auctions: 100 })
    await postgres.stop()
    const { acknowledged } = await runLoad({ ...load, auctions: 200 })
    expect(acknowledged).toBe(200)
    await vi.waitFor(async () => {
      const { httpStatus, status, dependencies } = await service.readiness()
      expect([httpStatus, status]).toEqual([200, 'degraded'])
      expect(dependencies.auctionLog).toMatchObject({
        status: 'down',
        pendingAuctions: expect.any(Number),
        pendingBytes: expect.any(Number),
        givenUp: 0,
        error: expect.stringMatching(/ECONNREFUSED|terminated/),
      })
      expect(dependencies.auctionLog?.pendingAuctions).toBeGreaterThanOrEqual(200)
    })
    await postgres.start()
    await vi.waitFor(async () => expect(await service.readiness()).toMatchObject({ status: 'ready' }))
    expect(await stop(service)).toEqual({ code: 0, signal: null })
    expect(await query(url, 'SELECT count(*)::int FROM auction_log')).toEqual([{ count: 300 }])
    expect(await rollupDifferences(url)).toEqual([])
    const said = service.log.map(({ msg }) => msg).filter((msg) => /auctions (cannot be|are) logged/.test(msg))
    expect(said).toEqual([
      expect.stringMatching(/^auctions cannot be logged, and wait in memory: /),
      'auctions are logged again',
    ])
  })

  it('should say how many are not logged where the service ends while its database is away', async () => {
    const { postgres, service, load } = await open()
    await runLoad({ ...load, auctions: 100 })
    await vi.waitFor(async () =>
      expect((await service.readiness()).dependencies.auctionLog).toMatchObject({ pendingAuctions: 0 }),
    )
    await postgres.stop()
    await runLoad({ ...load, auctions: 50 })
    expect(await stop(service)).toEqual({ code: 1, signal: null })
    expect(service.log.at(-1)).toMatchObject({
      level: 50,
      msg: 'stopped, with work left undone',
      left: { auctions: 0, counts: 0, unlogged: 50 },
    })
  })
})

async function stop(service: Instance) {
  service.signal('SIGTERM')
  return service.exited
}

function sumOf(counters: Counters, what: string): number {
  return [...counters].reduce((sum, [name, count]) => sum + (name.endsWith(` ${what}`) ? count : 0), 0)
}

/** Takes all the room there is. */
async function fill(path: string): Promise<void> {
  const { bavail, bsize } = await statfs(join(path, '..'))
  await writeFile(path, Buffer.alloc(bavail * bsize)).catch(() => {})
}

/** What a kill may lose, on a machine that is as slow as that of a test. */
const LAST_SECOND_MS = 1500
