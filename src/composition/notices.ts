import type { AuctionRecorder } from '../auction/recorder.ts'
import type { Config } from '../config.ts'
import type { Database } from '../db/database.ts'
import type { Logger } from '../log.ts'
import { type Confirmations, createConfirmations } from '../notices/confirmations.ts'
import { noticesOf } from '../notices/notices-of.ts'
import type { OpenNoticeSenderOptions } from '../notices/open-sender.ts'
import type { NoticeProgress } from '../notices/sender.ts'
import { createThreadedSender } from '../notices/threaded-sender.ts'

export interface NoticesDependencies {
  readonly config: Pick<Config, 'auctionLog' | 'worker' | 'noticeAllowPrivate' | 'redisUrl' | 'redisStatsUrl'>
  readonly database: Database
  readonly log: Logger
}

/** How bidders are told what became of their bids. */
export interface OpenNotices {
  /** Undefined where auctions are not logged: then nothing is known of them later. */
  readonly confirmations: Confirmations | undefined
  /** A recorder that also sees to it that notices are sent, where an auction has any. */
  attend(recorder: AuctionRecorder): AuctionRecorder
  /** What this process's sender last said of itself; undefined where it has none, or nobody to tell yet. */
  progress(): NoticeProgress | undefined
  dispose(): Promise<void>
}

export async function openNotices({ config, database, log }: NoticesDependencies): Promise<OpenNotices> {
  if (config.auctionLog === 'off') {
    const warn = () =>
      log.warn('bidders are told nothing of their bids, since AUCTION_LOG=off: notices are sent from the log')
    return { confirmations: undefined, attend: (recorder) => onFirstNotice(recorder, warn), ...NO_SENDER }
  }
  const { prisma, connectionString, embedded } = database
  const confirmations = createConfirmations({ prisma, now: Date.now })
  if (config.worker === 'off') {
    const hasWorker = (config.redisStatsUrl ?? config.redisUrl) !== undefined
    const warn = () => {
      if (!hasWorker) log.warn('notices wait in the database: set WORKER=on, since without Redis there is no worker')
    }
    return { confirmations, attend: (recorder) => onFirstNotice(recorder, warn), ...NO_SENDER }
  }
  const lines = createNoticeLines(log)
  let progress: NoticeProgress | undefined
  const sender = createThreadedSender({
    connectionString,
    embedded,
    allowPrivate: config.noticeAllowPrivate === '1',
    ...lines,
    onProgress: (newest) => {
      progress = newest
      lines.onProgress(newest)
    },
  })
  // What this process or another one has left. Where the database is away there is none to be sent for now.
  if ((await prisma.auctionNotice.findFirst().catch(() => null)) !== null) sender.start()
  return {
    confirmations,
    attend: (recorder) => onFirstNotice(recorder, sender.start),
    progress: () => progress,
    dispose: sender.dispose,
  }
}

/** What a sender says: that it cannot send and that it can again, each once, and what was given up, every ten seconds. */
export function createNoticeLines(log: Logger): Pick<OpenNoticeSenderOptions, 'onProgress' | 'onGivenUp'> {
  let error: string | undefined
  const givenUp = new Map<string, { notices: number; reason: string }>()

  function tellGivenUp(): void {
    for (const [bidderId, { notices, reason }] of givenUp) {
      log.warn(
        { bidderId, notices },
        `${notices} notices to ${JSON.stringify(bidderId)} were given up, the last one because: ${reason}`,
      )
    }
    givenUp.clear()
  }

  return {
    onProgress(progress) {
      if (progress.error !== undefined && progress.error !== error) {
        log.error(`notices cannot be sent, and wait in the database: ${progress.error}`)
      }
      if (progress.error === undefined && error !== undefined) log.info('notices are sent again')
      error = progress.error
    },
    onGivenUp(bidderId, notices, reason) {
      if (givenUp.size === 0) setTimeout(tellGivenUp, GIVEN_UP_LINES_MS).unref()
      givenUp.set(bidderId, { notices: notices + (givenUp.get(bidderId)?.notices ?? 0), reason })
    },
  }
}

/** Calls `act` at the first auction of which bidders are to be told. */
function onFirstNotice(recorder: AuctionRecorder, act: () => void): AuctionRecorder {
  let isOver = false
  return {
    record(auction, asker) {
      if (!isOver && noticesOf(auction) !== undefined) {
        isOver = true
        act()
      }
      return recorder.record(auction, asker)
    },
  }
}

const NO_SENDER = { progress: () => undefined, dispose: async () => {} }
const GIVEN_UP_LINES_MS = 10_000
