import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Auction } from '../../src/auction/types.ts'
import { migrateUp } from '../../src/db/migrations.ts'
import { createPostgresLogStore } from '../../src/history/postgres-store.ts'
import { createThreadedLog, type ThreadedLogOptions } from '../../src/history/threaded-log.ts'
import type { AuctionLog } from '../../src/history/types.ts'
import { batchOf, emptyLog, rollupDifferences } from '../support/auction-log.ts'
import { packAll, randomAuctions } from '../support/auctions.ts'
import { query } from '../support/postgres.ts'
import { type PostgresServer, startPostgres } from '../support/postgres-server.ts'
import { hasPostgres } from '../support/services.ts'
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts'

const TODAY = Math.floor(Date.now() / 86_400_000) * 86_400_000

describe.runIf(hasPostgres)('the auction log where PostgreSQL', () => {
  let server: PostgresServer
  let proxy: TcpProxy
  /** By way of the proxy. */
  let url: string
  let logs: AuctionLog[]
  let errors: string[]
  let recoveries: number

  beforeAll(async () => {
    server = await startPostgres()
    await migrateUp({ connectionString: server.url })
    proxy = await startTcpProxy(Number(new URL(server.url).port))
    const through = new URL(server.url)
    through.port = `${proxy.port}`
    url = through.href
  })
  afterAll(async () => {
    await proxy?.dispose()
    await server?.dispose()
  })
  beforeEach(async () => {
    logs = []
    errors = []
    recoveries = 0
    proxy.open()
    await emptyLog(server.url)
  })
  afterEach(async () => {
    for (const log of logs) await log.dispose()
  })

  function openLog(more: Partial<ThreadedLogOptions> = {}): AuctionLog {
    const log = createThreadedLog({
      connectionString: url,
      embedded: false,
      batchMax: 1000,
      onError: (message) => errors.push(message),
      onRecovery: () => {
        recoveries += 1
      },
      ...more,
    })
    logs.push(log)
    return log
  }

  const untilDown = (log: AuctionLog) => vi.waitFor(() => expect(log.status().status).toBe('down'))

  /** Each auction is there once, and in the sums of its hour. */
  async function expectLogged(auctions: number): Promise<void> {
    expect(await query(server.url, 'SELECT count(*)::int, count(DISTINCT id)::int AS ids FROM auction_log')).toEqual([
      { count: auctions, ids: auctions },
    ])
    expect(await rollupDifferences(server.url)).toEqual([])
  }

  it('should log what is recorded, and say when it is there', async () => {
    const log = openLog()
    expect(log.pending()).toBe(0)
    expect(await log.flush(0)).toBe(0)
    const auctions = randomAuctions(5000, { from: TODAY })
    for (const auction of auctions) log.record(auction)
    expect(log.pending()).toBe(5000)
    expect(await log.flush(20_000)).toBe(0)
    await expectLogged(5000)
    expect(log.status()).toEqual({
      status: 'up',
      pendingAuctions: 0,
      pendingBytes: 0,
      pendingBytesMax: 67_108_864,
      givenUp: 0,
    })
    expect([errors, recoveries]).toEqual([[], 0])
  })

  it('should log by itself', async () => {
    const log = openLog()
    for (const auction of randomAuctions(3, { from: TODAY })) log.record(auction)
    await log.flush(20_000)
    for (const auction of randomAuctions(3, { from: TODAY, seed: 2 })) log.record(auction)
    await vi.waitFor(() => expect(log.pending()).toBe(0))
    await expectLogged(6)
  })

  it('stops and starts again under auctions, should lose none and have none twice', async () => {
    const log = openLog({ batchMax: 50 })
    const auctions = randomAuctions(6000, { from: TODAY })
    let recorded = 0
    let isStopping = false
    const recording = (async () => {
      while (recorded < auctions.length && !isStopping) {
        for (const auction of auctions.slice(recorded, recorded + 20)) log.record(auction)
        recorded = Math.min(recorded + 20, auctions.length)
        await new Promise(setImmediate)
        if (recorded % 400 === 0) await vi.waitFor(() => expect(log.pending()).toBeLessThan(recorded / 2 + 4000))
      }
    })()
    for (let time = 0; time < 3; time += 1) {
      await server.stop()
      await server.start()
    }
    isStopping = recorded >= auctions.length
    await recording
    expect(await log.flush(20_000)).toBe(0)
    await expectLogged(recorded)
  })

  it('is cut off in the middle of a commit, should have the batch once', async () => {
    const log = openLog()
    const auctions = randomAuctions(900, { from: TODAY })
    for (let from = 0; from < 900; from += 300) {
      const cut = proxy.cutBeforeAnswer('COMMIT')
      for (const auction of auctions.slice(from, from + 300)) log.record(auction)
      await cut
    }
    expect(await log.flush(20_000)).toBe(0)
    await expectLogged(900)
    expect(errors.every((message) => message.startsWith('auctions cannot be logged, and wait in memory: '))).toBe(true)
    expect(recoveries).toBe(errors.length)
  })

  it('is away, should say so once, and once when it is back', async () => {
    const log = openLog()
    proxy.close()
    for (const auction of randomAuctions(100, { from: TODAY })) log.record(auction)
    await untilDown(log)
    expect(await log.flush(1500)).toBe(100)
    expect(log.status()).toMatchObject({ status: 'down', pendingAuctions: 100, givenUp: 0, error: expect.any(String) })
    expect(log.status().pendingBytes).toBe(packAll(randomAuctions(100, { from: TODAY })).bytes.length)
    expect(errors).toHaveLength(1)
    proxy.open()
    expect(await log.flush(20_000)).toBe(0)
    await expectLogged(100)
    expect([errors.length, recoveries]).toEqual([1, 1])
    expect(log.status()).toMatchObject({ status: 'up', pendingAuctions: 0, pendingBytes: 0 })
  })

  it('is away for longer than there is room, should give up the oldest rows and count them', async () => {
    const log = openLog({ pendingBytesMax: 300_000 })
    proxy.close()
    const auctions = randomAuctions(5000, { from: TODAY })
    for (const auction of auctions) log.record(auction)
    await vi.waitFor(() => expect(log.status().givenUp).toBeGreaterThan(1000))
    expect(await log.flush(500)).toBe(5000)
    const { pendingBytes, givenUp } = log.status()
    expect(pendingBytes).toBeLessThanOrEqual(300_000)
    expect(errors).toHaveLength(2)
    expect(errors[1]).toBe(
      'more auctions wait to be logged than 300000 bytes: the oldest are given up, and only counted',
    )
    proxy.open()
    expect(await log.flush(20_000)).toBe(0)
    const [{ rows, requests, counted } = {}] = await query(
      server.url,
      `SELECT (SELECT count(*)::int FROM auction_log) AS rows, (SELECT sum(requests)::int FROM exchange_stats_hourly) AS requests,
        (SELECT sum(rows)::int FROM auction_log_given_up) AS counted`,
    )
    expect({ rows, requests, counted }).toEqual({ rows: 5000 - givenUp, requests: 5000, counted: givenUp })
    const paid = auctions.reduce((sum, { priceMicros }) => sum + priceMicros, 0)
    expect(await query(server.url, 'SELECT sum(revenue_micros)::float8 AS paid FROM supply_stats_hourly')).toEqual([
      { paid },
    ])
  })

  it('refuses a batch of which more is on its way, should have it once it takes it', async () => {
    // Not through the proxy, which would take all of it at once.
    const log = openLog({ connectionString: server.url, batchMax: 20_000 })
    const bidderIds = Array.from({ length: 16 }, (_, index) => `bidder${index}`)
    const auctions = randomAuctions(20_000, { from: TODAY, bidderIds })
    const [first, ...others] = auctions as [Auction, ...Auction[]]
    // The next batch is then to wait for more.
    log.record(first)
    expect(await log.flush(20_000)).toBe(0)
    await query(server.url, `ALTER TABLE auction_log ADD CONSTRAINT refused CHECK (id <> '${others[0]?.id}')`)
    for (const auction of others) log.record(auction)
    // The more often, the surer it is that PostgreSQL refuses while the connection's buffers are full.
    for (let time = 0; time < 8; time += 1) expect(await log.flush(500)).toBe(others.length)
    await query(server.url, 'ALTER TABLE auction_log DROP CONSTRAINT refused')
    expect(errors).toEqual([expect.stringContaining('refused')])
    expect(await log.flush(20_000)).toBe(0)
    await expectLogged(20_000)
  })

  it('is well, but the thread that writes ends, should say what was lost and go on in another', async () => {
    const log = openLog()
    const [auction, ...others] = randomAuctions(21, { from: TODAY }) as [Auction, ...Auction[]]
    for (const other of others.slice(0, 10)) log.record(other)
    expect(await log.flush(20_000)).toBe(0)
    // There is no such auction: it cannot be packed.
    const answer = { bidderId: 'a', outcome: 'NO_BID' as const, priceMicros: null, latencyMs: null }
    log.record({ ...auction, responses: Array.from({ length: 65_537 }, () => answer) })
    expect(await log.flush(20_000)).toBe(1)
    expect(errors).toEqual([
      "the auction log's thread has ended: the packed auctions are cut off",
      '1 auctions are not in the log, since its thread has ended',
    ])
    for (const other of others.slice(10)) log.record(other)
    expect(log.pending()).toBe(10)
    expect(await log.flush(20_000)).toBe(0)
    await expectLogged(20)
    expect(errors).toHaveLength(2)
  })

  it('falls silent, should take another connection once it answers again', async () => {
    const log = createPostgresLogStore({ connectionString: url, embedded: false, writer: 'w', timeoutMs: 3000 })
    const [first, second] = [randomAuctions(200, { from: TODAY }), randomAuctions(200, { from: TODAY, seed: 2 })]
    await log.write(batchOf('1', first))
    await server.freeze()
    try {
      await expect(log.write(batchOf('2', second))).rejects.toThrow('no answer in 3000 ms')
    } finally {
      server.thaw()
    }
    await vi.waitFor(() => log.write(batchOf('2', second)))
    await log.dispose()
    await expectLogged(400)
  })

  /** As a role that owns nothing and may use all tables. */
  async function openLogAsOther(): Promise<AuctionLog> {
    await query(server.url, `DO $$ BEGIN CREATE ROLE writer LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$`)
    await query(server.url, 'GRANT ALL ON ALL TABLES IN SCHEMA public TO writer')
    const own = new URL(server.url)
    own.username = 'writer'
    return openLog({ connectionString: own.href })
  }

  it('belongs to another role, should have its days made all the same', async () => {
    const today = `auction_log_${new Date(TODAY).toISOString().slice(0, 10).replaceAll('-', '')}`
    await query(server.url, `DROP TABLE ${today}`)
    const log = await openLogAsOther()
    for (const auction of randomAuctions(10, { from: TODAY })) log.record(auction)
    expect(await log.flush(20_000)).toBe(0)
    await expectLogged(10)
    expect(await query(server.url, `SELECT count(*)::int AS rows FROM ${today}`)).toEqual([{ rows: 10 }])
  })

  it.each([
    [
      'is not migrated',
      'ALTER TABLE auction_log_writers RENAME TO away',
      'ALTER TABLE away RENAME TO auction_log_writers',
      /auction migrate up/,
    ],
    [
      'lets the service write no more',
      'REVOKE INSERT ON auction_log FROM writer',
      'GRANT INSERT ON auction_log TO writer',
      /permission denied for table auction_log.*GRANT/,
    ],
  ])('%s, should say what to do', async (_what, begin, end, remedy) => {
    const log = await openLogAsOther()
    await query(server.url, begin)
    for (const auction of randomAuctions(10, { from: TODAY })) log.record(auction)
    await untilDown(log)
    expect(errors).toEqual([expect.stringMatching(remedy)])
    await query(server.url, end)
    expect(await log.flush(20_000)).toBe(0)
    await expectLogged(10)
    expect(errors).toHaveLength(1)
  })
})
