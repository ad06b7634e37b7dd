import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { inTime } from '../in-time.ts'
import type { RedisConnection } from '../redis/connect.ts'
import { defineScript } from '../redis/script.ts'
import { createDeferredAnswers } from './deferred.ts'
import { type AnswerStore, type Claim, KEPT_MS, type KeyedSale } from './types.ts'

/** How long Redis may take to answer, in milliseconds. */
export const CALL_DEADLINE_MS = 500
/** How often another process's answer is asked for, in milliseconds. */
export const POLL_INTERVAL_MS = 25
/** How much longer than its claim may last another process's answer is waited for, in milliseconds. */
export const WAIT_MARGIN_MS = 500
/** When whoever could not be told is asked to come again, in milliseconds. */
export const RETRY_AFTER_MS = 1_000

const UNAVAILABLE: Claim = Object.freeze({ type: 'UNAVAILABLE', retryAfterMs: RETRY_AFTER_MS })

/**
 * Answers in Redis, shared by every process on it. A process that claims a sale and gives no answer while its claim lasts
 * is taken for dead: the next who asks takes its place.
 *
 * While Redis is away nothing is claimed, since another process may have sold it. An answer that cannot be kept is told
 * to its caller all the same: this process remembers it, and keeps it when Redis is back.
 * @param onDoubt is told of each sale that may have been made twice, or was
 * @param now a monotonic clock in milliseconds
 */
export function createRedisAnswers({
  connection,
  onDoubt,
  now = () => performance.now(),
}: {
  readonly connection: RedisConnection
  readonly onDoubt: (message: string) => void
  readonly now?: () => number
}): AnswerStore {
  const { client } = connection
  const claimScript = defineScript(client, 'claimSale', new URL('claim.lua', import.meta.url))
  const keepScript = defineScript(client, 'keepAnswer', new URL('keep.lua', import.meta.url))
  const releaseScript = defineScript(client, 'releaseSale', new URL('release.lua', import.meta.url))
  const token = randomUUID()
  const deferred = createDeferredAnswers({ send, isAway: () => connection.state() === 'down', now })

  async function claim(sale: KeyedSale): Promise<Claim> {
    const own = deferred.find(sale.name)
    if (own) {
      return own.sale.request === sale.request ? { type: 'ANSWERED', answer: own.answer } : { type: 'KEY_REUSED' }
    }
    const until = now() + sale.leaseMs + WAIT_MARGIN_MS
    for (;;) {
      const claimed = await claimNow(sale)
      if (claimed) return claimed
      if (now() >= until) return UNAVAILABLE
      await delay(POLL_INTERVAL_MS)
    }
  }

  /** Undefined where another process has the claim. */
  async function claimNow({ name, request, leaseMs }: KeyedSale): Promise<Claim | undefined> {
    const answer = await inTime(
      claimScript([redisKey(name)], [request, token, leaseMs, KEPT_MS]),
      CALL_DEADLINE_MS,
    ).catch(() => [])
    const [type, text = ''] = answer as [string?, string?]
    if (type === 'UNDER_WAY') return undefined
    if (type === 'ANSWERED') return { type, answer: text }
    if (type === 'CLAIMED' || type === 'KEY_REUSED') return { type }
    if (type !== 'TAKEN_OVER') return UNAVAILABLE
    onDoubt(
      `The sale ${name} was claimed by an instance that gave no answer in ${leaseMs} ms, and is made again: where that instance had counted it, it is counted twice.`,
    )
    return { type: 'CLAIMED' }
  }

  /** Gives the answer that all are told. */
  async function send({ name, request }: KeyedSale, answer: string): Promise<string> {
    const other = await keepScript([redisKey(name)], [request, answer, KEPT_MS])
    if (typeof other !== 'string') return answer
    onDoubt(
      `The sale ${name} was made twice, as an instance took longer than its claim lasts: both are counted, and everyone is told the answer that was kept first.`,
    )
    return other
  }

  return {
    claim,
    async keep(sale, answer) {
      const sending = send(sale, answer).catch(() => {
        deferred.add(sale, answer)
        return answer
      })
      return inTime(sending, CALL_DEADLINE_MS).catch(() => answer)
    },
    release({ name, request }) {
      // Where it fails the claim expires.
      releaseScript([redisKey(name)], [request, token]).catch(() => {})
    },
    dispose: async () => deferred.dispose(),
  }
}

/** One key, whatever is in the name: no two names make the same. */
function redisKey(name: string): string {
  return `sold-once:${name}`
}
