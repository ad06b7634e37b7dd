import { messageOf } from '../db/database-error.ts'
import type { ClaimedNotice } from './notice-store.ts'
import { CONNECTIONS_PER_HOST, type NoticeSending, type SendResult } from './send.ts'

/**
 * Calls under way, so many at the same time. Hosts are called independently of each other: one that hangs holds up its own
 * notices, of which only so many wait here.
 */
export interface Calls {
  /** Takes a notice to be sent; false where too many wait for its host. */
  add(notice: ClaimedNotice, url: URL): boolean
  /** How many were taken and have not ended. */
  held(): number
  /** Gives up waiting: those that were not begun end as NOT_TRIED. */
  clear(): void
}

export type CallResult = SendResult | { readonly type: 'NOT_TRIED' }

export interface CallsOptions {
  readonly sending: Pick<NoticeSending, 'send'>
  /** Milliseconds, whenever they began. */
  readonly now: () => number
  /** One that has waited for longer is not begun any more, in milliseconds. */
  readonly waitMaxMs: number
  readonly onEnded: (notice: ClaimedNotice, result: CallResult) => void
}

export function createCalls({ sending, now, waitMaxMs, onEnded }: CallsOptions): Calls {
  /** The one that was called the longest ago comes first. */
  const hosts = new Map<string, Host>()
  let held = 0
  let running = 0

  function startWhatMay(): void {
    for (const [name, host] of hosts) {
      while (running < RUNNING_MAX && host.running < CONNECTIONS_PER_HOST && host.waiting.length > 0) {
        const next = host.waiting.shift() as Waiting
        if (now() - next.sinceMs > waitMaxMs) end(next.notice, { type: 'NOT_TRIED' })
        else void call(name, host, next)
      }
      if (host.running === 0 && host.waiting.length === 0) hosts.delete(name)
      if (running === RUNNING_MAX) return
    }
  }

  async function call(name: string, host: Host, { notice, url }: Waiting): Promise<void> {
    host.running += 1
    running += 1
    const result = await sending.send(url).catch((error): SendResult => ({ type: 'FAILED', reason: messageOf(error) }))
    host.running -= 1
    running -= 1
    hosts.delete(name)
    hosts.set(name, host)
    end(notice, result)
    startWhatMay()
  }

  function end(notice: ClaimedNotice, result: CallResult): void {
    held -= 1
    onEnded(notice, result)
  }

  return {
    add(notice, url) {
      const host = hosts.get(url.host) ?? { running: 0, waiting: [] }
      if (host.waiting.length >= WAITING_PER_HOST) return false
      hosts.set(url.host, host)
      host.waiting.push({ notice, url, sinceMs: now() })
      held += 1
      startWhatMay()
      return true
    },
    held: () => held,
    clear() {
      for (const host of hosts.values()) {
        for (const { notice } of host.waiting.splice(0)) end(notice, { type: 'NOT_TRIED' })
      }
    },
  }
}

interface Waiting {
  readonly notice: ClaimedNotice
  readonly url: URL
  readonly sinceMs: number
}

interface Host {
  running: number
  readonly waiting: Waiting[]
}

/** Calls at the same time. */
const RUNNING_MAX = 256
/** Notices that wait for one host; where it hangs, the last of them begins within 10 s. */
const WAITING_PER_HOST = 300
