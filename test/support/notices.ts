import type { Auction } from '../../src/auction/types.ts'
import { createCommitParts } from '../../src/history/commit-part.ts'
import { createPostgresLogStore } from '../../src/history/postgres-store.ts'
import { createNoticeStore } from '../../src/notices/notice-store.ts'
import { createNoticeSending } from '../../src/notices/send.ts'
import { createNoticeSender, type NoticeProgress, type NoticeSender } from '../../src/notices/sender.ts'
import { createRedis } from '../../src/redis/connect.ts'
import { createRedisStatsStore } from '../../src/stats/redis.ts'
import { batchOf } from './auction-log.ts'
import { randomAuctions } from './auctions.ts'
import { bidWith, withBids } from './bids.ts'

/** The URLs of a bidder whose notices say which they are, and what the macros of most interest stand for. */
export function urlsTo(receiverUrl: string, bidderId: string) {
  const rest = `${bidderId}/$\{AUCTION_ID}?p=$\{AUCTION_PRICE}&l=$\{AUCTION_LOSS}`
  return {
    nurl: `${receiverUrl}/win/${rest}`,
    burl: `${receiverUrl}/billing/${rest}`,
    lurl: `${receiverUrl}/loss/${rest}`,
  }
}

/** So many auctions of just now, in which every bid wants a notice of whatever becomes of it. */
export function toldAuctions(length: number, receiverUrl: string, seed = 1): Auction[] {
  const auctions = randomAuctions(length, { seed, from: Date.now() - 60_000, hours: 1 / 3600 })
  return auctions.map((auction) => withBids(auction, (bidderId) => bidWith(urlsTo(receiverUrl, bidderId))))
}

/** What a receiver is to get of these auctions: of each kind that is named, one for each. */
export function expectedPaths(auctions: readonly Auction[], kinds: readonly ('win' | 'loss' | 'billing')[]): string[] {
  return auctions
    .flatMap(({ id, responses, priceMicros }) =>
      responses.flatMap(({ bidderId, outcome, reason, bid }) => {
        if (bid === undefined) return []
        const price = (priceMicros / 1_000_000).toFixed(6).replace(/0{1,4}$/, '')
        const told = (kind: string, query: string) => `/${kind}/${bidderId}/${id}?${query}`
        if (outcome === 'LOST')
          return kinds.includes('loss') ? [told('loss', `p=&l=${reason === 'BELOW_FLOOR' ? 100 : 102}`)] : []
        return kinds.filter((kind) => kind !== 'loss').map((kind) => told(kind, `p=${price}&l=0`))
      }),
    )
    .sort()
}

/** Writes auctions into the log as it is written, in one batch. */
export async function logTold(url: string, embedded: boolean, auctions: readonly Auction[]): Promise<void> {
  const store = createPostgresLogStore({ connectionString: url, embedded, writer: `test ${Math.random()}` })
  await store.write(batchOf('1', auctions))
  await store.dispose()
}

export interface TestSender extends NoticeSender {
  readonly progress: () => NoticeProgress | undefined
  readonly givenUp: readonly string[]
  /** How often it has looked for what is due. */
  readonly looks: () => number
}

/** A sender that may call this machine. Without a clock it looks every 50 ms. */
export function startSender(url: string, embedded: boolean, now: () => number = Date.now): TestSender {
  const sending = createNoticeSending({ allowPrivate: true, timeoutMs: 5_000 })
  let progress: NoticeProgress | undefined
  const givenUp: string[] = []
  let looks = 0
  const sender = createNoticeSender({
    store: createNoticeStore({ connectionString: url, embedded }),
    sending,
    now,
    pollMs: 50,
    onProgress: (newest) => {
      progress = newest
      looks += 1
    },
    onGivenUp: (bidderId, notices, reason) => givenUp.push(`${notices} to ${bidderId}: ${reason}`),
  })
  return {
    ...sender,
    progress: () => progress,
    givenUp,
    looks: () => looks,
    async dispose() {
      await sender.dispose()
      await sending.dispose()
    },
  }
}

/** Records auctions as an instance does: counted in Redis, and on their way to the log. */
export async function recordTold(redisUrl: string, auctions: readonly Auction[]): Promise<void> {
  const connection = createRedis({ url: redisUrl, name: 'test' })
  await connection.whenUp(5_000)
  const log = createCommitParts({ waitingBytesMax: 1e9, streamBytesMax: 1e9 })
  const stats = createRedisStatsStore({ connection, changes: { publish: () => {} }, log })
  await Promise.all(auctions.map((auction) => stats.record(auction)))
  await stats.dispose()
  await connection.dispose()
}
