import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Auction } from '../../src/auction/types.ts'
import { createPostgresHistory } from '../../src/history/postgres-history.ts'
import { createPostgresLogStore } from '../../src/history/postgres-store.ts'
import { readTotals } from '../../src/history/read-totals.ts'
import type { ResumableLogStore } from '../../src/history/types.ts'
import { createMemoryStatsStore } from '../../src/stats/memory.ts'
import { batchOf, emptyLog, loggedOf, rollupDifferences } from '../support/auction-log.ts'
import { ODD_IDS, randomAuctions } from '../support/auctions.ts'
import { STORES, type Store } from '../support/migrated-store.ts'
import { connect, query } from '../support/postgres.ts'
import { expectExactly } from './stats-contract.ts'

const DAY_MS = 86_400_000
const TODAY = Math.floor(Date.now() / DAY_MS) * DAY_MS

describe.each(STORES)('the auction log in $store', ({ store: name, open, available }) => {
  let store: Store
  let logs: ResumableLogStore[]

  beforeAll(async () => {
    if (available) store = await open()
  })
  afterAll(() => store?.dispose())
  beforeEach(async () => {
    logs = []
    if (available) await emptyLog(store.url)
  })
  afterEach(async () => {
    for (const log of logs) await log.dispose()
  })

  function openLog(writer: string = randomUUID()): ResumableLogStore {
    const embedded = name !== 'PostgreSQL'
    const log = createPostgresLogStore({ connectionString: store.url, embedded, writer })
    logs.push(log)
    return log
  }

  const rows = (sql: string, values?: unknown[]) => query(store.url, sql, values)

  /** Each auction is there as it was, once, and each hour's statistics are those of the rows. */
  async function expectLogged(auctions: readonly Auction[]): Promise<void> {
    const history = createPostgresHistory({ prisma: store.prisma, now: Date.now })
    expect(await rows('SELECT count(*)::int FROM auction_log')).toEqual([{ count: auctions.length }])
    for (const auction of auctions) expect(await history.auction(auction.id)).toEqual(loggedOf(auction))
    expect(await rollupDifferences(store.url)).toEqual([])
  }

  it.runIf(available)('should have every auction as it was, and the sums of each hour to the millionth', async () => {
    const auctions = randomAuctions(300, { from: TODAY + DAY_MS / 2 })
    const log = openLog()
    await log.write(batchOf('1', auctions.slice(0, 100)))
    await log.write(batchOf('2', auctions.slice(100, 101)))
    await log.write(batchOf('3', auctions.slice(101)))
    await expectLogged(auctions)
    const paid = auctions.reduce((sum, { priceMicros }) => sum + priceMicros, 0)
    const sums = 'sum(requests)::int AS requests, sum(revenue_micros)::float8 AS paid'
    for (const table of ['supply_stats_hourly', 'exchange_stats_hourly']) {
      expect(await rows(`SELECT ${sums} FROM ${table}`)).toEqual([{ requests: 300, paid }])
    }
  })

  it.runIf(available)('should take ids of every kind, and what is larger or smaller than usual', async () => {
    const [auction] = randomAuctions(1, { from: TODAY, hours: 1 }) as [Auction]
    const at = (index: number) => ({ ...auction, id: auction.id.replace(/.{4}$/, `${1000 + index}`) })
    const answer = (bidderId: string) => ({ bidderId, outcome: 'LOST' as const, priceMicros: 7, latencyMs: 0.5 })
    const winner = { id: 'a', country: 'US' }
    const odd = [
      ...ODD_IDS.map((id, index) => ({
        ...at(index),
        supplyId: id,
        responses: [...ODD_IDS.map(answer)],
        winner: null,
        priceMicros: 0,
      })),
      { ...at(100), responses: [], winner: null, priceMicros: 0, tmaxMs: 1, durationMs: 0 },
      {
        ...at(101),
        responses: [{ bidderId: 'a', outcome: 'WON' as const, priceMicros: 2 ** 53, latencyMs: null }],
        winner,
        priceMicros: 2 ** 53,
        tmaxMs: 5000,
      },
      {
        ...at(102),
        responses: Array.from({ length: 300 }, (_, index) => answer(`b${index}`)),
        winner: null,
        priceMicros: 0,
      },
    ]
    await openLog().write(batchOf('1', odd))
    await expectLogged(odd)
  })

  it.runIf(available)('should count a batch that is sent twice once, also over another connection', async () => {
    const auctions = randomAuctions(50, { from: TODAY })
    const log = openLog('writer')
    await log.write(batchOf('1', auctions.slice(0, 30)))
    await log.write(batchOf('1', auctions.slice(0, 30)))
    await openLog('writer').write(batchOf('1', auctions.slice(0, 30)))
    // Another writer's batch may have the same name.
    await openLog('another').write(batchOf('1', auctions.slice(30, 40)))
    await log.write(batchOf('2', auctions.slice(40)))
    await expectLogged(auctions)
  })

  it.runIf(available)('should know where each part ends that a batch is of, and count that once', async () => {
    const auctions = randomAuctions(50, { from: TODAY })
    const log = openLog('writer')
    const batch = (positions: Record<string, string>, from: number, to: number) => ({
      ...batchOf('', auctions.slice(from, to)),
      positions: new Map(Object.entries(positions)),
    })
    expect(await log.resume()).toEqual({ isStandby: false, positions: new Map() })
    await log.write(batch({ ':a': '1', ':b': '7' }, 0, 20))
    await log.write(batch({ ':a': '1', ':b': '7' }, 0, 20))
    await log.write(batch({ ':b': '8' }, 20, 30))
    await log.write(batch({ ':b': '8' }, 20, 30))
    await log.write(batch({ ':a': '2', ':b': '9', ':c': '1' }, 30, 50))
    await openLog('another').write(batch({ ':a': '3' }, 0, 0))
    const positions = new Map(Object.entries({ ':a': '2', ':b': '9', ':c': '1' }))
    expect(await log.resume()).toEqual({ isStandby: false, positions })
    await expectLogged(auctions)
  })

  it.runIf(available)('should have nothing of a batch that failed, and then all of it', async () => {
    // As much as does not fit into a connection's buffers at once.
    const auctions = randomAuctions(10_000, {
      from: TODAY,
      bidderIds: Array.from({ length: 16 }, (_, n) => `bidder${n}`),
    })
    const log = openLog()
    const batch = batchOf('1', auctions)
    await rows(`ALTER TABLE auction_log ADD CONSTRAINT refused CHECK (id <> '${auctions[1]?.id}')`)
    await expect(log.write(batch)).rejects.toThrow('refused')
    await rows('ALTER TABLE auction_log DROP CONSTRAINT refused')
    await rows('ALTER TABLE bidder_stats_hourly ADD CONSTRAINT refused CHECK (asked < 0)')
    await expect(log.write(batch)).rejects.toThrow('refused')
    await rows('ALTER TABLE bidder_stats_hourly DROP CONSTRAINT refused')
    expect(await rows('SELECT FROM auction_log')).toEqual([])
    expect(await rows('SELECT FROM supply_stats_hourly')).toEqual([])
    await log.write(batch)
    expect(await rows('SELECT count(*)::int FROM auction_log')).toEqual([{ count: 10_000 }])
    expect(await rollupDifferences(store.url)).toEqual([])
  })

  it.runIf(available)('should count rows that were given up, by hour and in the sums', async () => {
    const auctions = randomAuctions(40, { from: TODAY })
    const hour = TODAY / 3_600_000
    const log = openLog()
    const batch = {
      ...batchOf('1', auctions),
      rows: [],
      givenUp: new Map([
        [hour, 30],
        [hour + 1, 10],
      ]),
    }
    await log.write(batch)
    await log.write(batch)
    await log.write({ ...batchOf('2', []), givenUp: new Map([[hour + 1, 5]]) })
    expect(
      await rows(
        `SELECT (extract(epoch FROM hour) / 3600)::int AS hour, rows::int FROM auction_log_given_up ORDER BY 1`,
      ),
    ).toEqual([
      { hour, rows: 30 },
      { hour: hour + 1, rows: 15 },
    ])
    expect(await rows('SELECT sum(requests)::int AS requests FROM supply_stats_hourly')).toEqual([{ requests: 40 }])
    expect(await rows('SELECT FROM auction_log')).toEqual([])
  })

  it.runIf(available)(
    'should put each auction into the partition of its day, of which there are some ahead',
    async () => {
      const days = [0, 1, 7].map((day) => TODAY + day * DAY_MS)
      const auctions = days.flatMap((day) => [
        ...randomAuctions(1, { from: day, hours: 1 / 3_600_000 }),
        ...randomAuctions(1, { from: day + DAY_MS - 1, hours: 1 / 3_600_000 }),
      ])
      await openLog().write(batchOf('1', auctions))
      const found = await rows(
        'SELECT tableoid::regclass::text AS partition, count(*)::int FROM auction_log GROUP BY 1 ORDER BY 1',
      )
      expect(found).toEqual(days.map((day) => ({ partition: partitionOf(day), count: 2 })))
      await expectLogged(auctions)
    },
  )

  it.runIf(available)('should keep what belongs to no day there is, until that day is made', async () => {
    const past = TODAY - 400 * DAY_MS
    const future = TODAY + 400 * DAY_MS
    const auctions = [past, past + DAY_MS - 1, past + DAY_MS, future].flatMap((from) =>
      randomAuctions(3, { from, hours: 1 / 3_600_000 }),
    )
    const partitions = () =>
      rows('SELECT tableoid::regclass::text AS partition, count(*)::int FROM auction_log GROUP BY 1 ORDER BY 1')
    await openLog().write(batchOf('1', auctions))
    expect(await partitions()).toEqual([{ partition: 'auction_log_default', count: 12 }])
    await expectLogged(auctions)
    const day = new Date(past).toISOString().slice(0, 10)
    expect(await rows('SELECT auction_log_make_days($1::date, 1)', [day])).toEqual([{ auction_log_make_days: 1 }])
    expect(await rows('SELECT auction_log_make_days($1::date, 1)', [day])).toEqual([{ auction_log_make_days: 0 }])
    expect(await partitions()).toEqual([
      { partition: partitionOf(past), count: 6 },
      { partition: 'auction_log_default', count: 6 },
    ])
    await expectLogged(auctions)
    await rows(`DROP TABLE ${partitionOf(past)}`)
  })

  it.runIf(available)('should make days that are missing, whatever the time zone of the database', async () => {
    const days = Array.from({ length: 8 }, (_, day) => partitionOf(TODAY + day * DAY_MS))
    await rows(`DROP TABLE ${days[0]}, ${days[5]}, ${days[7]}`)
    await rows(`ALTER DATABASE postgres SET timezone = 'Pacific/Kiritimati'`)
    await openLog().write(batchOf('1', randomAuctions(10, { from: TODAY, hours: 8 * 24 })))
    await rows('ALTER DATABASE postgres RESET timezone')
    const made = await rows(`SELECT inhrelid::regclass::text AS name, pg_get_expr(relpartbound, oid) AS bounds
      FROM pg_inherits JOIN pg_class ON oid = inhrelid WHERE inhparent = 'auction_log'::regclass`)
    expect(made.map(({ name }) => name)).toEqual(expect.arrayContaining(days))
    expect(await rows('SELECT FROM auction_log_default')).toEqual([])
  })

  it.runIf(available)('should show each auction as its events', async () => {
    const auctions = randomAuctions(200, { from: TODAY })
    await openLog().write(batchOf('1', auctions))
    const events = await rows(
      `SELECT event_time, supply_id, country, bidder_id, event_type, (price * 1000000)::float8 AS micros FROM auction_events`,
    )
    const expected = auctions.flatMap(({ startedAtMs, supplyId, country, responses, winner, priceMicros }) => {
      const event = { event_time: new Date(startedAtMs), supply_id: supplyId, country }
      return [
        { ...event, bidder_id: null, event_type: 'request', micros: null },
        ...responses.flatMap(({ bidderId, outcome, priceMicros }) =>
          outcome === 'SKIPPED'
            ? []
            : { ...event, bidder_id: bidderId, event_type: EVENT_TYPES[outcome], micros: priceMicros },
        ),
        ...(winner ? [{ ...event, bidder_id: winner.id, event_type: 'win', micros: priceMicros }] : []),
      ]
    })
    const sorted = (all: readonly unknown[]) => all.map((one) => JSON.stringify(one)).sort()
    expect(sorted(events)).toEqual(sorted(expected))
  })

  it.runIf(available)(
    'should add up the statistics of days of UTC, whatever the time zone of the session',
    async () => {
      const auctions = randomAuctions(300, { from: TODAY - 2 * 3_600_000, hours: 4 })
      await openLog().write(batchOf('1', auctions))
      const ofToday = auctions.filter(({ startedAtMs }) => startedAtMs >= TODAY)
      const revenue = (all: readonly Auction[]) => all.reduce((sum, { priceMicros }) => sum + priceMicros, 0)
      const of = (table: string, count: string) =>
        rows(`SELECT day::text, sum(${count})::float8 AS count,
        sum(revenue_micros)::float8 AS revenue FROM ${table} GROUP BY 1 ORDER BY 1 DESC LIMIT 1`)
      const day = new Date(TODAY).toISOString().slice(0, 10)
      await rows(`ALTER DATABASE postgres SET timezone = 'Pacific/Kiritimati'`)
      expect(await of('supply_stats_daily', 'requests')).toEqual([
        { day, count: ofToday.length, revenue: revenue(ofToday) },
      ])
      const responses = ofToday.flatMap((auction) => auction.responses)
      const errors = responses.filter(({ outcome }) => outcome === 'ERROR').length
      const skipped = responses.filter(({ outcome }) => outcome === 'SKIPPED').length
      for (const [counter, count] of Object.entries({ asked: responses.length - skipped, errors, skipped })) {
        expect(await of('bidder_stats_daily', counter)).toEqual([{ day, count, revenue: revenue(ofToday) }])
      }
      await rows('ALTER DATABASE postgres RESET timezone')
    },
  )

  it.runIf(available)('should take batches of several writers at once, of the same supplies', async () => {
    const auctions = randomAuctions(4000, { from: TODAY, hours: 2 })
    const writers = 4
    await Promise.all(
      Array.from({ length: writers }, async (_, writer) => {
        const log = openLog()
        const own = auctions.filter((_, index) => index % writers === writer)
        for (let from = 0; from < own.length; from += 50) {
          await log.write(batchOf(`${from}`, own.slice(from, from + 50).reverse()))
        }
      }),
    )
    expect(await rows('SELECT count(*)::int, count(DISTINCT id)::int AS ids FROM auction_log')).toEqual([
      { count: 4000, ids: 4000 },
    ])
    expect(await rollupDifferences(store.url)).toEqual([])
    await expectExactly(await restored(), auctions)
  })

  it.runIf(available)('should not be disturbed by other clients that come and go', async () => {
    const auctions = randomAuctions(60, { from: TODAY })
    const log = openLog()
    for (let from = 0; from < 60; from += 10) {
      const client = await connect(store.url)
      await client.query({ name: 'claim', text: 'SELECT 1' })
      await log.write(batchOf(`${from}`, auctions.slice(from, from + 10)))
      await client.end()
      await rows('SELECT 1')
    }
    await expectLogged(auctions)
  })

  it.runIf(available)('should not grow by adding to the same hour again and again, without a vacuum', async () => {
    const log = openLog()
    const supplyIds = Array.from({ length: 20 }, (_, index) => `supply${index}`)
    let batches = 0
    const write = async (count: number) => {
      for (const end = batches + count; batches < end; batches += 1) {
        const auctions = randomAuctions(150, { from: TODAY, hours: 1, seed: batches + 1, supplyIds })
        await log.write(batchOf(`${batches}`, auctions))
      }
    }
    const size = async () => {
      const sizes = `SELECT sum(pg_relation_size(oid))::int AS bytes FROM pg_class WHERE relname ~ '_(stats_hourly|writers)'`
      return Number((await rows(sizes))[0]?.bytes)
    }
    await write(30)
    const before = await size()
    await write(90)
    expect(await size()).toBeLessThanOrEqual(before + 5 * 8192)
  })

  it.runIf(available)('should give the statistics back as they were counted', async () => {
    // More supplies than are read in one go.
    const many = Array.from({ length: 2200 }, (_, index) => `supply${index}`)
    const auctions = randomAuctions(4000, {
      from: TODAY,
      supplyIds: [...ODD_IDS.filter((id) => id !== ''), ...many],
      hours: 5,
    })
    await openLog().write(batchOf('1', auctions))
    await expectExactly(await restored(), auctions)
  })

  /** Statistics as a restart has them. */
  async function restored() {
    const stats = createMemoryStatsStore({ changes: { publish: () => {} } })
    for await (const totals of readTotals(store.prisma)) stats.restore(totals)
    return stats
  }
})

function partitionOf(dayMs: number): string {
  return `auction_log_${new Date(dayMs).toISOString().slice(0, 10).replaceAll('-', '')}`
}

const EVENT_TYPES = { WON: 'bid', LOST: 'bid', NO_BID: 'no_bid', TIMED_OUT: 'timeout', ERROR: 'error' } as const
