import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import type { Auction } from '../../src/auction/types.ts'
import { CONFIRMABLE_MS, createConfirmations } from '../../src/notices/confirmations.ts'
import { createNoticeStore } from '../../src/notices/notice-store.ts'
import { bidWith, withBids } from '../support/bids.ts'
import { STORES, type Store } from '../support/migrated-store.ts'
import { expectedPaths, logTold, startSender, toldAuctions } from '../support/notices.ts'
import { query } from '../support/postgres.ts'
import { type Receiver, startReceiver } from '../support/receiver.ts'

const HOUR_MS = 3_600_000

describe.each(STORES)('notices in $store', ({ open, available, store: name }) => {
  const embedded = name !== 'PostgreSQL'
  let store: Store
  const opened: { dispose(): Promise<unknown> }[] = []
  beforeAll(async () => {
    if (available) store = await open()
  })
  afterEach(async () => {
    for (const { dispose } of opened.splice(0).reverse()) await dispose()
    if (available) await query(store.url, 'TRUNCATE auction_notices, auction_confirmations, auction_notices_given_up')
  })
  afterAll(() => store?.dispose())

  async function own<T extends { dispose(): Promise<unknown> }>(resource: T | Promise<T>): Promise<T> {
    const owned = await resource
    opened.push(owned)
    return owned
  }

  const rows = () => query(store.url, 'SELECT * FROM auction_notices ORDER BY auction_id, bidder_id, kind')
  const sorted = ({ received }: Receiver) => [...received].sort()
  const log = (auctions: readonly Auction[]) => logTold(store.url, embedded, auctions)
  const send = (now?: () => number) => own(startSender(store.url, embedded, now))
  const confirmations = (now = Date.now) => createConfirmations({ prisma: store.prisma, now })

  /** One auction that one bidder has won, and no other was asked. */
  function soldAuction(receiverUrl: string, seed = 1): Auction {
    const auctions = toldAuctions(500, receiverUrl, seed)
    return auctions.find(({ responses }) => responses[0]?.outcome === 'WON' && responses.length === 1) as Auction
  }

  it.runIf(available)('should be sent of every auction in the log, each once, and be forgotten then', async () => {
    const receiver = await own(startReceiver())
    const auctions = toldAuctions(200, receiver.url)
    await log(auctions)
    const sender = await send()
    const expected = expectedPaths(auctions, ['win', 'loss'])
    expect(expected.length).toBeGreaterThan(50)
    await vi.waitFor(() => expect(sender.progress()?.sent).toBe(expected.length))
    expect(sorted(receiver)).toEqual(expected)
    // What is left waits for its publisher.
    const left = await rows()
    expect(left).toHaveLength(expectedPaths(auctions, ['billing']).length)
    for (const row of left) expect(row).toMatchObject({ kind: 'BILLING', due_at: null })
  })

  it.runIf(available)('should bill once however often the ad is said to be shown', async () => {
    const receiver = await own(startReceiver())
    const auction = soldAuction(receiver.url)
    await log([auction])
    await send()
    const both = [confirmations(), confirmations()]
    const answers = await Promise.all(
      Array.from({ length: embedded ? 4 : 10 }, (_, index) => both[index % 2]?.confirm(auction.id) ?? Promise.reject()),
    )
    answers.push(await confirmations().confirm(auction.id))
    expect(answers.filter((answer) => answer.type === 'CONFIRMED' && answer.isFirst)).toHaveLength(1)
    expect(answers.every(({ type }) => type === 'CONFIRMED')).toBe(true)
    const expected = expectedPaths([auction], ['billing', 'win'])
    await vi.waitFor(() => expect(sorted(receiver)).toEqual(expected))
    await vi.waitFor(async () => expect(await rows()).toEqual([]))
    expect(sorted(receiver)).toEqual(expected)
  })

  it.runIf(available)('should bill an auction that was confirmed before it came into the log', async () => {
    const receiver = await own(startReceiver())
    const auctions = [soldAuction(receiver.url), soldAuction(receiver.url, 2)]
    for (const { id } of auctions) {
      expect(await confirmations().confirm(id)).toEqual({ type: 'CONFIRMED', isFirst: true })
      expect(await confirmations().confirm(id)).toEqual({ type: 'CONFIRMED', isFirst: false })
    }
    await send()
    await log(auctions)
    const expected = expectedPaths(auctions, ['billing', 'win'])
    await vi.waitFor(() => expect(sorted(receiver)).toEqual(expected))
    await vi.waitFor(async () =>
      expect(await query(store.url, 'SELECT DISTINCT is_settled FROM auction_confirmations')).toEqual([
        { is_settled: true },
      ]),
    )
  })

  it.runIf(available)(
    'should not find what is no auction, was not sold or is of the future or too long ago',
    async () => {
      const auction = soldAuction('http://dsp.example')
      const unsold = { ...auction, id: toldAuctions(1, '')[0]?.id ?? '', responses: [], winner: null, priceMicros: 0 }
      await log([auction, unsold])
      const at = (ms: number) => confirmations(() => auction.startedAtMs + ms)
      expect(await confirmations().confirm(unsold.id)).toEqual({ type: 'NOT_FOUND' })
      expect(await confirmations().confirm('no auction')).toEqual({ type: 'NOT_FOUND' })
      expect(await at(-HOUR_MS).confirm(auction.id)).toEqual({ type: 'NOT_FOUND' })
      expect(await at(CONFIRMABLE_MS + 1).confirm(auction.id)).toEqual({ type: 'EXPIRED' })
      expect(await at(CONFIRMABLE_MS).confirm(auction.id)).toEqual({ type: 'CONFIRMED', isFirst: true })
    },
  )

  it.runIf(available)('should take no more unknown auctions at their word than so many', async () => {
    const [first, second, third, known] = toldAuctions(300, 'http://dsp.example').filter(
      ({ winner }) => winner !== null,
    ) as [Auction, Auction, Auction, Auction]
    await log([known])
    const { confirm } = createConfirmations({ prisma: store.prisma, now: Date.now, unsettledMax: 2 })
    expect(await confirm(first.id)).toEqual({ type: 'CONFIRMED', isFirst: true })
    expect(await confirm(second.id)).toEqual({ type: 'CONFIRMED', isFirst: true })
    const later = createConfirmations({ prisma: store.prisma, now: Date.now, unsettledMax: 2 })
    expect(await later.confirm(third.id)).toEqual({ type: 'NOT_FOUND' })
    expect(await later.confirm(first.id)).toEqual({ type: 'CONFIRMED', isFirst: false })
    expect(await later.confirm(known.id)).toEqual({ type: 'CONFIRMED', isFirst: true })
  })

  it.runIf(available)(
    'should be tried for an hour, at growing intervals, and be counted as given up then',
    async () => {
      const receiver = await own(startReceiver((_request, response) => response.writeHead(503).end()))
      const auction = soldAuction(receiver.url)
      const beganAtMs = auction.startedAtMs
      let nowMs = beganAtMs
      await log([auction])
      const sender = await send(() => nowMs)
      const triedAfterMs: number[] = []
      while (sender.givenUp.length === 0) {
        const tries = triedAfterMs.length + 1
        triedAfterMs.push(nowMs - beganAtMs)
        await vi.waitFor(() => expect(receiver.received).toHaveLength(tries))
        // The clock stands still until the store knows.
        const due = await vi.waitFor(async () => {
          const [row] = await query(store.url, `SELECT due_at FROM auction_notices WHERE kind = 'WIN'`)
          const dueAtMs = (row?.due_at as Date | undefined)?.getTime() ?? 0
          // Claimed it was for half a minute, and no retry of this test is then but by chance.
          expect(dueAtMs - nowMs).not.toBe(30_000)
          return dueAtMs
        })
        if (due !== 0) nowMs = due
      }
      expect(triedAfterMs).toEqual(
        [0, 5, 15, 35, 75, 155, 315, 635, 1235, 1835, 2435, 3035, 3600].map((seconds) => seconds * 1000),
      )
      expect(sender.givenUp).toEqual([`1 to ${auction.winner?.id}: it answered 503`])
      expect(await query(store.url, 'SELECT bidder_id, notices::int FROM auction_notices_given_up')).toEqual([
        { bidder_id: auction.winner?.id, notices: 1 },
      ])
      expect(sender.progress()).toMatchObject({ sent: 0, givenUp: 1 })
    },
  )

  it.runIf(available)(
    'should be given up at once where they must not be sent, and not keep the log from others',
    async () => {
      const receiver = await own(startReceiver())
      const good = soldAuction(receiver.url)
      const urls = ['ftp://dsp.example/', 'a\0b', '\ud800', `${receiver.url}/${'é'.repeat(10_000)}`, '{"', 'http://']
      const bad = urls.map((nurl, index) => withBids(soldAuction('', index + 2), () => bidWith({ nurl })))
      await log([...bad, good])
      const sender = await send()
      await vi.waitFor(() => expect(sender.progress()).toMatchObject({ sent: 1, givenUp: urls.length }))
      expect(receiver.received).toEqual(expectedPaths([good], ['win']))
    },
  )

  it.runIf(available)('should be sent to others in time where one host hangs', async () => {
    const hanging = await own(startReceiver(() => {}))
    const receiver = await own(startReceiver())
    const held = toldAuctions(600, hanging.url, 3)
    const others = toldAuctions(100, receiver.url, 4)
    await log(held)
    await log(others)
    await send()
    const expected = expectedPaths(others, ['win', 'loss'])
    await vi.waitFor(() => expect(sorted(receiver)).toEqual(expected))
    expect(hanging.openMax()).toBeLessThanOrEqual(64)
    expect(hanging.received.length).toBeLessThan(expectedPaths(held, ['win', 'loss']).length)
  })

  it.runIf(available)('should be taken by one of several senders alone', async () => {
    const receiver = await own(startReceiver())
    const auctions = toldAuctions(300, receiver.url, 5)
    await log(auctions)
    await Promise.all([send(), send(), send()])
    const expected = expectedPaths(auctions, ['win', 'loss'])
    await vi.waitFor(() => expect(receiver.received.length).toBeGreaterThanOrEqual(expected.length))
    expect(sorted(receiver)).toEqual(expected)
  })

  it.runIf(available)('should be sent after all where who took them was killed', async () => {
    const receiver = await own(startReceiver())
    const auction = soldAuction(receiver.url)
    await log([auction])
    const killed = await own(createNoticeStore({ connectionString: store.url, embedded }))
    let nowMs = Date.now()
    expect(await killed.claim(nowMs, 30_000, 10)).toHaveLength(1)
    const sender = await send(() => nowMs)
    nowMs += 29_000
    const looks = sender.looks()
    await vi.waitFor(() => expect(sender.looks()).toBeGreaterThan(looks + 3))
    expect(receiver.received).toEqual([])
    nowMs += 1_001
    await vi.waitFor(() => expect(receiver.received).toEqual(expectedPaths([auction], ['win'])))
  })

  it.runIf(available)('should be forgotten where nobody ever says that the ad was shown', async () => {
    const auctions = toldAuctions(40, 'http://dsp.example', 6)
    await log(auctions)
    const { id } = auctions.find(({ winner }) => winner !== null) as Auction
    expect(await confirmations().confirm(id)).toMatchObject({ isFirst: true })
    const old = await own(createNoticeStore({ connectionString: store.url, embedded }))
    const before = await rows()
    await old.forgetOld(Date.now() + CONFIRMABLE_MS)
    expect(await rows()).toEqual(before)
    await old.forgetOld(Date.now() + CONFIRMABLE_MS + 2 * HOUR_MS)
    expect(await rows()).toEqual(before.filter(({ due_at }) => due_at !== null))
    expect(await query(store.url, 'SELECT count(*)::int FROM auction_confirmations')).toEqual([{ count: 0 }])
  })

  it.runIf(available && embedded)('should leave no more behind than there ever was at once', async () => {
    const receiver = await own(startReceiver())
    let nowMs = Date.now()
    await send(() => nowMs)
    const sizes: number[] = []
    for (let round = 0; round < 16; round += 1) {
      const auctions = toldAuctions(500, receiver.url, 10 + round)
      await log(auctions.map((auction) => withBids(auction, () => bidWith({ nurl: receiver.url, lurl: receiver.url }))))
      await vi.waitFor(async () => expect(await rows()).toEqual([]))
      nowMs += 61_000
      const [size] = await query(store.url, `SELECT pg_total_relation_size('auction_notices')::int AS bytes`)
      sizes.push(size?.bytes as number)
    }
    expect(sizes.at(-1)).toBeLessThan(2 * Math.max(...sizes.slice(0, 4)))
  })
})
