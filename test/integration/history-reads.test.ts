import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Prisma, type PrismaClient } from '../../src/generated/prisma/client.ts'
import { readBuckets, type StatsQuestion } from '../../src/history/buckets.ts'
import { createPostgresHistory } from '../../src/history/postgres-history.ts'
import type { AuctionFilter, AuctionHistory, LoggedAuction } from '../../src/history/types.ts'
import { logAuctions, loggedAuction } from '../support/logged.ts'
import { STORES, type Store } from '../support/migrated-store.ts'

const NOW = Date.parse('2026-03-10T12:00:00Z')
const at = (text: string) => Date.parse(text)

/** Of three days, some together in a millisecond, in the order of the log: the newest first. */
const AUCTIONS = [
  loggedAuction('2026-03-10T11:59:59.999Z', 'news', 'US', {
    acme: ['WON', 230_000],
    bolt: ['LOST', 230_001],
    crux: ['NO_BID'],
    dune: ['TIMED_OUT'],
    flux: ['ERROR'],
    glow: ['SKIPPED'],
  }),
  loggedAuction('2026-03-10T11:30:00.000Z', 'news', 'US', { acme: ['NO_BID'], bolt: ['TIMED_OUT'], glow: ['ERROR'] }),
  loggedAuction('2026-03-10T11:30:00.000Z', 'sport', 'GB', { echo: ['WON', 2 ** 52] }),
  loggedAuction('2026-03-10T11:30:00.000Z', 'sport', 'US', { bolt: ['WON', 1] }),
  loggedAuction('2026-03-10T00:00:00.000Z', 'news', 'GB'),
  loggedAuction('2026-03-09T23:59:59.999Z', 'news', 'US', { acme: ['WON', 100_000], bolt: ['NO_BID'] }),
  loggedAuction('2026-03-01T08:15:00.000Z', 'sport', 'US', { acme: ['LOST', 5], bolt: ['WON', 7] }),
].sort((a, b) => (a.id < b.id ? 1 : -1))

describe.each(STORES)('the log read from $store', ({ open, available }) => {
  let store: Store
  let history: AuctionHistory

  beforeAll(async () => {
    if (!available) return
    store = await open()
    history = createPostgresHistory({ prisma: store.prisma, now: () => NOW })
    await logAuctions(store.prisma, AUCTIONS)
  })
  afterAll(() => store?.dispose())

  /** Page after page, as a client walks through them. */
  async function walk(filter: AuctionFilter, first: number): Promise<LoggedAuction[]> {
    const all: LoggedAuction[] = []
    for (;;) {
      const { auctions, hasMore } = await history.auctions(filter, { first, after: all.at(-1)?.id })
      expect(auctions.length).toBeLessThanOrEqual(first)
      all.push(...auctions)
      if (!hasMore) return all
    }
  }

  it.runIf(available)('should find each auction by its id, as it was', async () => {
    for (const auction of AUCTIONS) expect(await history.auction(auction.id)).toEqual(auction)
    expect(await history.auction(AUCTIONS[0]?.id.toUpperCase() ?? '')).toEqual(AUCTIONS[0])
  })

  it.runIf(available)('should find nothing by an id of none, however far its time is', async () => {
    const [{ id = '' } = {}] = AUCTIONS
    const others = [`${id.slice(0, -1)}${id.endsWith('0') ? '1' : '0'}`, 'ffffffff-ffff-7fff-bfff-ffffffffffff', 'news']
    for (const other of others) expect(await history.auction(other)).toBeUndefined()
  })

  it.runIf(available).each([1, 2, 3, 100])('should be walked through %i at a time, the newest first', async (first) => {
    expect(await walk({}, first)).toEqual(AUCTIONS)
  })

  it.runIf(available).each<[string, AuctionFilter, (auction: LoggedAuction) => boolean]>([
    ['a supply', { supplyId: 'news' }, ({ supplyId }) => supplyId === 'news'],
    ['a bidder', { bidderId: 'acme' }, ({ responses }) => responses.some(({ bidderId }) => bidderId === 'acme')],
    ['a country', { country: 'GB' }, ({ country }) => country === 'GB'],
    ['those sold', { isSold: true }, ({ winnerId }) => winnerId !== null],
    ['those not sold', { isSold: false }, ({ winnerId }) => winnerId === null],
    [
      'a range, its end left out',
      { fromMs: at('2026-03-09T23:59:59.999Z'), toMs: at('2026-03-10T11:30:00Z') },
      ({ startedAtMs }) => startedAtMs <= at('2026-03-10T00:00:00Z') && startedAtMs > at('2026-03-09T00:00:00Z'),
    ],
    [
      'all of it',
      { supplyId: 'sport', bidderId: 'bolt', country: 'US', isSold: true, fromMs: at('2026-03-10T00:00:00Z') },
      ({ supplyId, country, startedAtMs }) =>
        supplyId === 'sport' && country === 'US' && startedAtMs > at('2026-03-10T00:00:00Z'),
    ],
    ['nothing that there is', { supplyId: 'nobody' }, () => false],
    ['a range of long ago', { fromMs: 0, toMs: at('1990-01-01T00:00:00Z') }, () => false],
  ])('should find %s', async (_name, filter, fits) => {
    const expected = AUCTIONS.filter(fits)
    for (const first of [1, 100]) expect(await walk(filter, first)).toEqual(expected)
  })

  it.runIf(available)('should go on after an auction that is not there', async () => {
    const after = loggedAuction('2026-03-10T00:00:00.001Z', 'news', 'US').id
    const { auctions } = await history.auctions({}, { first: 2, after })
    expect(auctions).toEqual(
      AUCTIONS.filter(({ startedAtMs }) => startedAtMs <= at('2026-03-10T00:00:00Z')).slice(0, 2),
    )
  })

  it.runIf(available)('should give shorter pages, or say how to go on, where few of many fit', async () => {
    const lookLimits = { once: 2, max: 4 }
    const hurried = createPostgresHistory({ prisma: store.prisma, now: () => NOW, lookLimits })
    const walked: LoggedAuction[] = []
    const country = 'GB'
    for (let hasMore = true; hasMore; ) {
      const page = await hurried.auctions({ country }, { first: 2, after: walked.at(-1)?.id })
      walked.push(...page.auctions)
      hasMore = page.hasMore
    }
    expect(walked).toEqual(AUCTIONS.filter((auction) => auction.country === country))
    const none = hurried.auctions({ bidderId: 'nobody' }, { first: 2 })
    await expect(none).rejects.toMatchObject({
      code: 'RANGE_TOO_LARGE',
      message:
        'None of the newest 4 auctions of this range fits: name a supplyId, or go on with to: 2026-03-10T11:30:00.001Z.',
    })
  })

  it.runIf(available)('should plan for the partitions alone that are needed', async () => {
    await store.prisma.$queryRaw`SELECT auction_log_make_days('2026-03-01', 11)`
    const { prisma, plans } = explaining(store.prisma)
    const explained = createPostgresHistory({ prisma, now: () => NOW })
    const partitionsOf = async (read: Promise<unknown>) => {
      await read
      const found = plans.splice(0).map((plan) => [...new Set(plan.match(/(?<=on )auction_log_(\d+|default)/g))].sort())
      return found.filter((partitions) => partitions.length > 0)
    }
    const [today, tomorrow, eve] = ['auction_log_20260310', 'auction_log_20260311', 'auction_log_20260309']
    expect(await partitionsOf(explained.auction(AUCTIONS[0]?.id ?? ''))).toEqual([[today]])
    expect(await partitionsOf(explained.auctions({}, { first: 2 }))).toEqual([[today, tomorrow]])
    const after = AUCTIONS[3]?.id
    expect(await partitionsOf(explained.auctions({}, { first: 1, after }))).toEqual([
      [today],
      ['auction_log_20260308', eve],
    ])
    const range = { fromMs: at('2026-03-09T23:59:00Z'), toMs: at('2026-03-10T00:01:00Z') }
    const question = { ...range, granularity: 'MINUTE', groupBy: ['BIDDER'] } as const
    expect(await partitionsOf(readBuckets(explained, question))).toEqual([[eve], [today]])
    expect(await partitionsOf(readBuckets(explained, { ...question, granularity: 'HOUR' }))).toEqual([])
  })

  const HOUR_OF_NOON = { fromMs: at('2026-03-10T11:00:00Z'), toMs: at('2026-03-10T12:00:00Z') }
  const NONE = { requests: 0, sold: 0, bids: 0, noBids: 0, timeouts: 0, errors: 0, skipped: 0, revenueMicros: 0 }

  async function buckets(question: Partial<StatsQuestion>) {
    const all = await readBuckets(history, { ...HOUR_OF_NOON, granularity: 'HOUR', groupBy: [], ...question })
    return all.map(({ startMs, ...bucket }) => ({ start: new Date(startMs).toISOString().slice(0, 16), ...bucket }))
  }

  it.runIf(available)('should add up an hour, exactly', async () => {
    const start = '2026-03-10T11:00'
    const all = {
      requests: 4,
      sold: 3,
      bids: 4,
      noBids: 2,
      timeouts: 2,
      errors: 2,
      skipped: 1,
      revenueMicros: 2 ** 52 + 230_001,
    }
    const news = {
      requests: 2,
      sold: 1,
      bids: 2,
      noBids: 2,
      timeouts: 2,
      errors: 2,
      skipped: 1,
      revenueMicros: 230_000,
    }
    const sport = { ...NONE, requests: 2, sold: 2, bids: 2, revenueMicros: 2 ** 52 + 1 }
    expect(await buckets({})).toEqual([{ start, ...all }])
    expect(await buckets({ supplyIds: ['news'] })).toEqual([{ start, ...news }])
    expect(await buckets({ groupBy: ['SUPPLY'] })).toEqual([
      { start, supplyId: 'news', ...news },
      { start, supplyId: 'sport', ...sport },
    ])
    expect(await buckets({ groupBy: ['COUNTRY'], countries: ['GB', 'DE'] })).toEqual([
      { start, country: 'DE', ...NONE },
      { start, country: 'GB', ...NONE, requests: 1, sold: 1, bids: 1, revenueMicros: 2 ** 52 },
    ])
    expect(await buckets({ groupBy: ['BIDDER'], supplyIds: ['news'] })).toEqual([
      { start, bidderId: 'acme', ...NONE, requests: 2, sold: 1, bids: 1, noBids: 1, revenueMicros: 230_000 },
      { start, bidderId: 'bolt', ...NONE, requests: 2, bids: 1, timeouts: 1 },
      { start, bidderId: 'crux', ...NONE, requests: 1, noBids: 1 },
      { start, bidderId: 'dune', ...NONE, requests: 1, timeouts: 1 },
      { start, bidderId: 'flux', ...NONE, requests: 1, errors: 1 },
      { start, bidderId: 'glow', ...NONE, requests: 1, errors: 1, skipped: 1 },
    ])
    expect(await buckets({ bidderIds: ['bolt', 'echo'] })).toEqual([
      { start, ...NONE, requests: 4, sold: 2, bids: 3, timeouts: 1, revenueMicros: 2 ** 52 + 1 },
    ])
  })

  it.runIf(available).each([
    ['everything', {}],
    ['supplies', { groupBy: ['SUPPLY'] }],
    ['bidders', { groupBy: ['BIDDER'] }],
    ['countries', { groupBy: ['COUNTRY'] }],
    ['bidders of supplies and countries', { groupBy: ['COUNTRY', 'BIDDER', 'SUPPLY'] }],
    ['a supply', { supplyIds: ['sport'] }],
    ['two bidders', { bidderIds: ['acme', 'bolt'], groupBy: ['BIDDER'] }],
    ['a country by supplies', { countries: ['US'], groupBy: ['SUPPLY'] }],
    ['a country’s bidders of a supply', { countries: ['US'], supplyIds: ['news'], groupBy: ['BIDDER'] }],
  ] satisfies [string, Partial<StatsQuestion>][])(
    'should tell the same of %s by minutes, hours and days',
    async (_name, question) => {
      const range = { fromMs: at('2026-03-09T23:00:00Z'), toMs: at('2026-03-10T12:00:00Z') }
      const days = await buckets({ ...question, ...range, fromMs: at('2026-03-09T00:00:00Z'), granularity: 'DAY' })
      expect(days.some(({ requests }) => requests > 0)).toBe(true)
      for (const granularity of ['HOUR', 'MINUTE'] as const) {
        expect(daily(await buckets({ ...question, ...range, granularity }))).toEqual(days)
      }
    },
  )

  it.runIf(available)('should fill in zeros, at each time for every group that has anything', async () => {
    const range = { fromMs: at('2026-03-08T22:00:00Z'), toMs: at('2026-03-09T00:00:00Z') }
    expect(await buckets(range)).toEqual([
      { start: '2026-03-08T22:00', ...NONE },
      { start: '2026-03-08T23:00', ...NONE },
    ])
    expect(await buckets({ ...range, groupBy: ['SUPPLY'] })).toEqual([])
    expect(await buckets({ ...range, groupBy: ['SUPPLY'], supplyIds: ['nobody'] })).toEqual([
      { start: '2026-03-08T22:00', supplyId: 'nobody', ...NONE },
      { start: '2026-03-08T23:00', supplyId: 'nobody', ...NONE },
    ])
    const minutes = await buckets({ granularity: 'MINUTE', groupBy: ['SUPPLY'] })
    expect(minutes.map(({ start, supplyId }) => `${start} ${supplyId}`)).toEqual(
      Array.from({ length: 60 }, (_, minute) => `2026-03-10T11:${String(minute).padStart(2, '0')}`).flatMap((start) => [
        `${start} news`,
        `${start} sport`,
      ]),
    )
  })

  it.runIf(available)('should read buckets as a whole where the range begins or ends within one', async () => {
    const within = { fromMs: at('2026-03-10T09:59:00Z'), toMs: at('2026-03-10T10:00:00.001Z') }
    const day = { fromMs: at('2026-03-10T00:00:00Z'), toMs: at('2026-03-11T00:00:00Z') }
    const granularity = 'DAY'
    expect(await buckets({ ...within, granularity })).toEqual(await buckets({ ...day, granularity }))
    expect(await buckets(within)).toHaveLength(2)
  })

  it.runIf(available)('should refuse more groups than an answer has room for', async () => {
    const range = { fromMs: at('2026-03-01T00:00:00Z'), toMs: at('2026-03-10T12:00:00Z') }
    const question = { ...range, granularity: 'MINUTE', groupBy: ['SUPPLY'] } as const
    const empty = { fromMs: range.fromMs, toMs: range.fromMs }
    await expect(buckets(empty)).rejects.toMatchObject({
      code: 'BAD_USER_INPUT',
      message: expect.stringMatching(/^from must be before to/),
    })
    const supplyIds = Array.from({ length: 1001 }, (_, n) => `supply${n}`)
    await expect(buckets({ ...range, supplyIds })).rejects.toThrow('supplyIds may name 1000 at most, not 1001.')
    await expect(buckets(question)).rejects.toThrow(
      /^This range has 13680 minutes, and an answer has 10000 buckets at most:/,
    )
    await expect(buckets({ ...question, fromMs: at('2026-03-05T12:00:00Z') })).rejects.toMatchObject({
      code: 'RANGE_TOO_LARGE',
      message: expect.stringMatching(/^This range has 7200 minutes, for each of 2 or more supplies/),
    })
    const hours = { fromMs: at('2025-12-01T00:00:00Z'), toMs: at('2026-03-11T00:00:00Z') }
    await expect(buckets({ ...hours, groupBy: ['SUPPLY', 'BIDDER'] })).rejects.toThrow(
      /^This range has 2400 hours, for each of \d or more/,
    )
  })

  it.runIf(available)('should refuse to add up more than an answer may take', async () => {
    const year = { fromMs: at('2025-01-01T00:00:00Z'), toMs: at('2026-01-01T00:00:00Z'), granularity: 'DAY' } as const
    const supplyIds = Array.from({ length: 200 }, (_, n) => `supply${n}`)
    await expect(buckets({ ...year, supplyIds })).rejects.toMatchObject({
      code: 'RANGE_TOO_LARGE',
      message: expect.stringMatching(
        /^An answer is added up from 1000000 hours of supplies at most, and these are 1752000:/,
      ),
    })
    expect(await buckets({ ...year, supplyIds: supplyIds.slice(0, 100) })).toHaveLength(365)

    const hour = {
      fromMs: at('2024-06-01T10:00:00Z'),
      toMs: at('2024-06-01T11:00:00Z'),
      granularity: 'MINUTE',
    } as const
    await store.prisma.$executeRaw`
      INSERT INTO exchange_stats_hourly VALUES ('2024-06-01T10:00:00Z', 'US', 1600000, 0, 0, 0, 0, 0)`
    await expect(buckets(hour)).rejects.toMatchObject({
      code: 'RANGE_TOO_LARGE',
      message: expect.stringMatching(/1000000 auctions at most, and this range has some 1600000: take HOUR/),
    })
    expect(await buckets({ ...hour, toMs: at('2024-06-01T10:30:00Z') })).toHaveLength(30)
    expect(await buckets({ ...hour, supplyIds: ['news'] })).toHaveLength(60)
  })
})

/** A client that keeps the plan of each query it runs. */
function explaining(prisma: PrismaClient): { readonly prisma: PrismaClient; readonly plans: string[] } {
  const plans: string[] = []
  const explained = {
    async $queryRaw(strings: TemplateStringsArray, ...values: unknown[]) {
      const statement = Prisma.sql(strings, ...values)
      const rows = await prisma.$queryRaw<Record<string, string>[]>`EXPLAIN ${statement}`
      plans.push(rows.map((row) => row['QUERY PLAN']).join('\n'))
      return prisma.$queryRaw(statement)
    },
  }
  return { prisma: explained as unknown as PrismaClient, plans }
}

type Row = Record<string, string | number>

/** Adds up buckets of a day. */
function daily(rows: readonly Row[]): Row[] {
  const days = new Map<string, Row>()
  for (const { start, ...row } of rows) {
    const day = `${String(start).slice(0, 10)}T00:00`
    const key = [day, row.supplyId, row.bidderId, row.country].join()
    const sum = days.get(key)
    if (!sum) days.set(key, { start: day, ...row })
    else
      for (const [name, value] of Object.entries(row))
        if (typeof value === 'number') sum[name] = Number(sum[name]) + value
  }
  return [...days.values()]
}
