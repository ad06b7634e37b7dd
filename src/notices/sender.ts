import { messageOf } from '../db/database-error.ts'
import { type CallResult, createCalls } from './calls.ts'
import type { ClaimedNotice, NoticeStore, PutOff } from './notice-store.ts'
import { retryAt } from './retry.ts'
import { type NoticeSending, parseNoticeUrl } from './send.ts'

/** Sends bidders what they are to be told, for as long as it is not disposed. */
export interface NoticeSender {
  /** Takes no more, and ends what is under way. */
  dispose(): Promise<void>
}

export interface NoticeProgress {
  /** Notices that this sender has sent, and that it has given up. */
  readonly sent: number
  readonly givenUp: number
  /** Why nothing can be sent, where that is so. */
  readonly error: string | undefined
}

export interface NoticeSenderOptions {
  readonly store: NoticeStore
  readonly sending: Pick<NoticeSending, 'send'>
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** How often to look for what is due, in milliseconds. */
  readonly pollMs?: number
  readonly onProgress: (progress: NoticeProgress) => void
  /** Told of notices that were given up, by bidder, and why the last one of them was. */
  readonly onGivenUp: (bidderId: string, notices: number, reason: string) => void
}

/**
 * A notice is claimed for a time, tried, and then forgotten or put off; where the process ends in between, it is claimed
 * again when that time is over. Between two looks the store is told, in one go, what became of those that have ended.
 */
export function createNoticeSender(options: NoticeSenderOptions): NoticeSender {
  const { store, sending, now, pollMs = POLL_MS, onProgress, onGivenUp } = options
  const calls = createCalls({ sending, now, waitMaxMs: LEASE_MS / 2, onEnded })
  let ended = createEnded()
  let sent = 0
  let givenUp = 0
  let isDisposed = false
  let isAwake = false
  let wakeUp = () => {}
  let settledAt = Number.NEGATIVE_INFINITY
  let forgottenAt = Number.NEGATIVE_INFINITY

  async function run(): Promise<void> {
    while (!isDisposed) {
      isAwake = false
      let waitMs = RETRY_MS
      let error: string | undefined
      try {
        waitMs = await look()
      } catch (cause) {
        error = messageOf(cause)
      }
      onProgress({ sent, givenUp, error })
      // What has been sent is to be forgotten soon.
      await sleep(calls.held() > 0 || ended.size() > 0 ? Math.min(waitMs, PAUSE_MS) : waitMs)
    }
    while (calls.held() > 0) {
      isAwake = false
      await sleep(PAUSE_MS)
    }
    // What the store does not hear of comes again.
    await tellStore().catch(() => {})
  }

  /** Returns after how long to look again, in milliseconds. */
  async function look(): Promise<number> {
    await tellStore()
    const nowMs = now()
    await keepUp(nowMs)
    const room = Math.min(CLAIM_MAX, HELD_MAX - calls.held())
    const claimed = room > 0 ? await store.claim(nowMs, LEASE_MS, room) : []
    for (const notice of claimed) begin(notice)
    if (claimed.length > 0) return claimed.length === CLAIM_MAX ? 0 : PAUSE_MS
    return (await store.settleConfirmations(nowMs)) > 0 ? 0 : pollMs
  }

  /** What is to be done now and then. A clock that was set back must not put it off. */
  async function keepUp(nowMs: number): Promise<void> {
    if (Math.abs(nowMs - settledAt) >= SETTLE_INTERVAL_MS) {
      await store.settleConfirmations(nowMs)
      settledAt = nowMs
    }
    if (Math.abs(nowMs - forgottenAt) >= FORGET_INTERVAL_MS) {
      await store.forgetOld(nowMs)
      forgottenAt = nowMs
    }
  }

  function begin(notice: ClaimedNotice): void {
    const url = parseNoticeUrl(notice.url)
    if (!(url instanceof URL)) onEnded(notice, { type: 'REFUSED', reason: url.reason })
    else if (!calls.add(notice, url)) onEnded(notice, { type: 'NOT_TRIED' })
  }

  function onEnded(notice: ClaimedNotice, result: CallResult): void {
    if (result.type === 'SENT') ended.sent.push(notice)
    else if (result.type === 'NOT_TRIED') {
      ended.putOff.push({ notice, dueAtMs: now() + (isDisposed ? 0 : BUSY_MS), isTried: false })
    } else {
      const dueAtMs = result.type === 'FAILED' ? retryAt(notice.attempts, now(), notice.giveUpAtMs) : undefined
      if (dueAtMs !== undefined) ended.putOff.push({ notice, dueAtMs, isTried: true })
      else ended.givenUp.push({ notice, reason: result.reason })
    }
    if (calls.held() === 0) wake()
  }

  /** Where it fails, what it was to be told comes again. */
  async function tellStore(): Promise<void> {
    const told = ended
    if (told.size() === 0) return
    ended = createEnded()
    await store.delete(told.sent)
    sent += told.sent.length
    await store.putOff(told.putOff)
    await store.giveUp(
      told.givenUp.map(({ notice }) => notice),
      now(),
    )
    givenUp += told.givenUp.length
    const reasons = new Map(told.givenUp.map(({ notice, reason }) => [notice.bidderId, reason]))
    for (const [bidderId, reason] of reasons) {
      onGivenUp(bidderId, told.givenUp.filter(({ notice }) => notice.bidderId === bidderId).length, reason)
    }
  }

  function sleep(ms: number): Promise<void> {
    if (isAwake || ms <= 0) return Promise.resolve()
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms)
      wakeUp = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  function wake(): void {
    isAwake = true
    wakeUp()
  }

  const running = run()
  return {
    async dispose() {
      isDisposed = true
      calls.clear()
      wake()
      await running
      await store.dispose()
    },
  }
}

/** What became of notices, and is not in the store yet. */
function createEnded() {
  const sent: ClaimedNotice[] = []
  const putOff: PutOff[] = []
  const givenUp: { readonly notice: ClaimedNotice; readonly reason: string }[] = []
  return { sent, putOff, givenUp, size: () => sent.length + putOff.length + givenUp.length }
}

/** Nobody else gets a notice for so long after it was claimed, in milliseconds: it comes again where a process is killed. */
const LEASE_MS = 30_000
/** Notices that are claimed at once, and that one process holds. */
const CLAIM_MAX = 300
const HELD_MAX = 2_000
/** For so long notices to a host that has enough of them are left to the store, in milliseconds. */
const BUSY_MS = 5_000
const POLL_MS = 1_000
/** How long to wait between two looks while there is something to do, in milliseconds. */
const PAUSE_MS = 50
/** The same after a failure of the store. */
const RETRY_MS = 1_000
/** How often confirmations are settled whose auctions came later, and what is old is removed, in milliseconds. */
const SETTLE_INTERVAL_MS = 500
const FORGET_INTERVAL_MS = 60_000
