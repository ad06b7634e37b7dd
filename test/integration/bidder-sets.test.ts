import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Auction } from '../../src/auction/types.ts'
import { migrateDown, migrateUp, planMigrateDown } from '../../src/db/migrations.ts'
import { createPostgresHistory } from '../../src/history/postgres-history.ts'
import { createPostgresLogStore } from '../../src/history/postgres-store.ts'
import type { AuctionLogStore } from '../../src/history/types.ts'
import { batchOf, emptyLog, loggedOf } from '../support/auction-log.ts'
import { randomAuctions } from '../support/auctions.ts'
import { STORES, type Store } from '../support/migrated-store.ts'
import { connect, query } from '../support/postgres.ts'

const DAY_MS = 86_400_000
const TODAY = Math.floor(Date.now() / DAY_MS) * DAY_MS

describe.each(STORES)('sets of bidders in $store', ({ store: name, open, available }) => {
  let store: Store
  let logs: AuctionLogStore[]

  beforeAll(async () => {
    if (available) store = await open()
  })
  afterAll(() => store?.dispose())
  beforeEach(async () => {
    logs = []
    if (!available) return
    await emptyLog(store.url)
    await rows('TRUNCATE auction_log_bidder_sets')
  })
  afterEach(async () => {
    for (const log of logs) await log.dispose()
  })

  function openLog(): AuctionLogStore {
    const embedded = name !== 'PostgreSQL'
    const log = createPostgresLogStore({ connectionString: store.url, embedded, writer: randomUUID() })
    logs.push(log)
    return log
  }

  const rows = (sql: string) => query(store.url, sql)

  async function expectLogged(auctions: readonly Auction[]): Promise<void> {
    const history = createPostgresHistory({ prisma: store.prisma, now: Date.now })
    for (const auction of auctions) expect(await history.auction(auction.id)).toEqual(loggedOf(auction))
  }

  const ROWS = `SELECT count(*)::int AS rows, count(bidder_ids)::int AS with_ids, count(bidder_set_id)::int AS with_set,
    count(DISTINCT bidder_set_id)::int AS sets, (SELECT count(*)::int FROM auction_log_bidder_sets) AS kept FROM auction_log`

  it.runIf(available)('should keep once what many auctions have, and in its row what one has', async () => {
    const same = askingAll(90, ['acme', 'bolt', 'crux'])
    const once = Array.from({ length: 10 }, (_, index) => askingAll(1, ['acme', `only-${index}`])).flat()
    const log = openLog()
    await log.write(batchOf('1', [...same.slice(0, 40), ...once]))
    await log.write(batchOf('2', same.slice(40)))
    expect(await rows(ROWS)).toEqual([{ rows: 100, with_ids: 11, with_set: 89, sets: 1, kept: 1 }])
    await openLog().write(batchOf('1', askingAll(10, ['acme', 'bolt', 'crux'])))
    expect(await rows(ROWS)).toEqual([{ rows: 110, with_ids: 12, with_set: 98, sets: 1, kept: 1 }])
    await expectLogged([...same, ...once])
  })

  it.runIf(available)('should have the sets of a batch that failed when it is written again', async () => {
    const auctions = askingAll(20, ['acme', 'bolt'])
    const log = openLog()
    await rows('ALTER TABLE bidder_stats_hourly ADD CONSTRAINT refused CHECK (asked < 0)')
    await expect(log.write(batchOf('1', auctions))).rejects.toThrow('refused')
    await rows('ALTER TABLE bidder_stats_hourly DROP CONSTRAINT refused')
    await log.write(batchOf('1', auctions))
    expect(await rows(ROWS)).toEqual([{ rows: 20, with_ids: 1, with_set: 19, sets: 1, kept: 1 }])
    await expectLogged(auctions)
  })

  it.runIf(available)('should take the same sets of two writers at once', async () => {
    const writers = [openLog(), openLog()]
    for (let round = 0; round < 4; round += 1) {
      const sets = Array.from({ length: 200 }, (_, set) => ['acme', `${round}-${set}`])
      const orders = [sets, sets.toReversed()].map((inOrder) => inOrder.flatMap((bidderIds) => askingAll(2, bidderIds)))
      await Promise.all(writers.map((log, writer) => log.write(batchOf(`${round}`, orders[writer] ?? []))))
    }
    expect(await rows(ROWS)).toEqual([{ rows: 3200, with_ids: 1600, with_set: 1600, sets: 800, kept: 800 }])
    const lost = `SELECT FROM auction_log LEFT JOIN auction_log_bidder_sets USING (bidder_set_id)
      WHERE cardinality(coalesce(bidder_ids, member_ids)) IS DISTINCT FROM 2`
    expect(await rows(lost)).toEqual([])
  })

  it.runIf(available && name === 'PostgreSQL')(
    'should write them in one order, whatever that of the auctions',
    async () => {
      const lists = [
        ['acme', 'bolt'],
        ['acme', 'crux'],
      ]
      await openLog().write(
        batchOf(
          '1',
          lists.flatMap((bidderIds) => askingAll(2, bidderIds)),
        ),
      )
      const kept = await rows('SELECT * FROM auction_log_bidder_sets ORDER BY bidder_set_id')
      await rows('TRUNCATE auction_log, auction_log_bidder_sets')
      const other = await connect(store.url)
      const add = (set: unknown) =>
        other.query(
          'INSERT INTO auction_log_bidder_sets SELECT * FROM json_populate_record(NULL::auction_log_bidder_sets, $1)',
          [set],
        )
      await other.query('BEGIN')
      await add(kept[0])
      const later = kept.toReversed().flatMap(({ member_ids }) => askingAll(2, member_ids as string[]))
      const written = openLog().write(batchOf('1', later))
      await vi.waitFor(async () => expect(await rows('SELECT FROM pg_locks WHERE NOT granted')).not.toEqual([]))
      await add(kept[1])
      await other.query('COMMIT')
      await other.end()
      await written
      expect(await rows(ROWS)).toEqual([{ rows: 4, with_ids: 2, with_set: 2, sets: 2, kept: 2 }])
    },
  )

  it.runIf(available)(
    'should leave rows as they are when it is migrated, and give them their bidders back',
    async () => {
      const target = { connectionString: store.url }
      // What was not asked, and reasons, came later than sets.
      const auctions = randomAuctions(200, { from: TODAY }).map((auction) => ({
        ...auction,
        responses: auction.responses.filter(({ outcome, reason }) => outcome !== 'SKIPPED' && reason === undefined),
      }))
      await openLog().write(batchOf('1', auctions))
      const events = `SELECT count(*)::int AS events, count(bidder_id)::int AS ofBidders FROM auction_events`
      const before = await rows(events)
      await migrateDown({ ...target, names: await planMigrateDown({ ...target, to: BEFORE }) })
      expect(await rows(events)).toEqual(before)
      const inRows = await rows('SELECT id, bidder_ids FROM auction_log')
      const expected = auctions.map(({ id, responses }) => ({
        id,
        bidder_ids: responses.map(({ bidderId }) => bidderId),
      }))
      expect(inRows).toHaveLength(200)
      expect(inRows).toEqual(expect.arrayContaining(expected))
      await migrateUp(target)
      expect(await rows(events)).toEqual(before)
      expect(await rows(ROWS)).toEqual([{ rows: 200, with_ids: 200, with_set: 0, sets: 0, kept: 0 }])
      const more = randomAuctions(100, { from: TODAY })
      await openLog().write(batchOf('1', more))
      await expectLogged([...auctions, ...more])
    },
  )
})

/** So many auctions, each asking the same bidders. */
function askingAll(count: number, bidderIds: readonly string[]): Auction[] {
  const responses = bidderIds.map((bidderId) => ({
    bidderId,
    outcome: 'NO_BID' as const,
    latencyMs: 1,
    priceMicros: null,
  }))
  return randomAuctions(count, { from: TODAY }).map((auction) => ({
    ...auction,
    responses,
    winner: null,
    priceMicros: 0,
  }))
}

/** The migration before the one that sets came with. */
const BEFORE = '20261128182000'
