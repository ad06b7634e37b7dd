import type { RedisConnection } from '../redis/connect.ts'
import { defineScript } from '../redis/script.ts'
import { redisStatus } from '../redis/status.ts'
import type { RateLimitCounters, RateLimitDecision, RateLimiter, RateLimitPolicy, SlidingWindow } from './types.ts'
import { createSlidingWindow } from './window.ts'

/** How long Redis may take to answer before this process's own window decides, in milliseconds. */
export const SHARED_DEADLINE_MS = 50
/** While Redis is too slow, how often it is tried whether it is quick again, in milliseconds. */
export const PROBE_INTERVAL_MS = 250
/** The most requests asked for in one call of the script. */
export const KEYS_PER_CALL_MAX = 256
/** The most requests that wait for the call in flight to return; beyond it this process's own window decides. */
export const WAITING_MAX = 10_000

const ALLOWED: RateLimitDecision = Object.freeze({ isAllowed: true, isLocal: false })
const ALLOWED_LOCALLY: RateLimitDecision = Object.freeze({ isAllowed: true, isLocal: true })

interface Waiting {
  readonly key: string
  readonly at: number
  readonly resolve: (decision: RateLimitDecision) => void
}

/**
 * An exact sliding window shared by every process on one Redis, by Redis's own clock. Requests that arrive while a call
 * is in flight are asked for together in the next one, so a busy process makes few calls and an idle one waits for none.
 *
 * Each process also keeps a window of its own, in which it counts every request that it let pass, on Redis's word or on
 * its own. From that it refuses a key that is over its limit without asking Redis; and when Redis is away or slower than
 * the deadline, that window decides alone, so that nobody gets a fresh budget from a process that knows better.
 * What other processes let pass during that time it cannot know: then the limit holds per process.
 *
 * A request that Redis answers too late may be counted there although this process refused it: stricter, never laxer.
 * @param now a monotonic clock in milliseconds
 * @param deadlineMs the longest that Redis may take for a decision
 * @param window this process's own, for keys that are no addresses
 */
export function createRedisRateLimiter({
  connection,
  policy,
  now = () => performance.now(),
  deadlineMs = SHARED_DEADLINE_MS,
  window = createSlidingWindow(policy),
}: {
  readonly connection: RedisConnection
  readonly policy: RateLimitPolicy
  readonly now?: () => number
  readonly deadlineMs?: number
  readonly window?: SlidingWindow
}): RateLimiter {
  const ask = createAsk(connection, policy)
  const decisions = {
    redis: { allowed: 0, refused: 0 },
    local: { allowed: 0, refused: 0 },
    fallback: { allowed: 0, refused: 0 },
  }
  let waiting: Waiting[] = []
  let isCalling = false
  let isSlow = false
  let isProbing = false
  let probeAt = 0

  function take(key: string): RateLimitDecision | Promise<RateLimitDecision> {
    const at = now()
    if (isSlow || connection.state() === 'down' || waiting.length >= WAITING_MAX) {
      if (isSlow && at >= probeAt) probe()
      return decideLocally(key, at)
    }
    const retryAfterMs = window.waitMs(key, at)
    if (retryAfterMs > 0) {
      decisions.local.refused += 1
      return { isAllowed: false, retryAfterMs, isLocal: false }
    }
    return new Promise((resolve) => {
      waiting.push({ key, at, resolve })
      if (!isCalling) call()
    })
  }

  function decideLocally(key: string, at: number): RateLimitDecision {
    const retryAfterMs = window.take(key, at)
    if (retryAfterMs === 0) {
      decisions.fallback.allowed += 1
      return ALLOWED_LOCALLY
    }
    decisions.fallback.refused += 1
    return { isAllowed: false, retryAfterMs, isLocal: true }
  }

  function call(): void {
    const batch = waiting.splice(0, KEYS_PER_CALL_MAX)
    let isLate = false
    const giveUp = () => {
      isLate = true
      isSlow = true
      probeAt = now() + PROBE_INTERVAL_MS
      const undecided = batch.concat(waiting)
      waiting = []
      settle(undecided, undefined)
    }
    // Where this process itself was too busy to read the answer, it lies there already: the immediate lets it be read.
    let lastChance: NodeJS.Immediate | undefined
    const deadline = setTimeout(() => {
      lastChance = setImmediate(giveUp)
    }, deadlineMs)

    const finish = (answers: readonly (number | undefined)[] | undefined) => {
      clearTimeout(deadline)
      clearImmediate(lastChance)
      isCalling = false
      if (isLate) probe()
      else settle(batch, answers)
      if (waiting.length > 0) call()
    }
    isCalling = true
    ask(batch.map(({ key }) => key)).then(finish, () => finish(undefined))
  }

  /** Answers each request by Redis's answer or, where there is none, by this process's own window. */
  function settle(batch: readonly Waiting[], answers: readonly (number | undefined)[] | undefined): void {
    for (const [index, { key, at, resolve }] of batch.entries()) {
      const retryAfterMs = answers?.[index]
      if (retryAfterMs === undefined) {
        resolve(decideLocally(key, now()))
        continue
      }
      if (retryAfterMs === 0) {
        decisions.redis.allowed += 1
        // Counted from when it was asked for, which is before Redis counted it: a key that Redis would let pass again
        // is never refused here.
        window.count(key, at)
        resolve(ALLOWED)
      } else {
        decisions.redis.refused += 1
        const answeredAt = now()
        window.refuseUntil(key, answeredAt + retryAfterMs, answeredAt)
        resolve({ isAllowed: false, retryAfterMs, isLocal: false })
      }
    }
  }

  function counters(): RateLimitCounters {
    const { redis, local, fallback } = decisions
    return {
      shared: redis.allowed + redis.refused,
      local: fallback.allowed + fallback.refused,
      refusedFromMemory: local.refused,
    }
  }

  /** Tries whether Redis is quick again. Nobody waits for it. */
  function probe(): void {
    if (isProbing || connection.state() === 'down') return
    const startedAt = now()
    probeAt = startedAt + PROBE_INTERVAL_MS
    isProbing = true
    connection.client.ping().then(
      () => {
        isProbing = false
        isSlow = now() - startedAt > deadlineMs
      },
      () => {
        isProbing = false
      },
    )
  }

  return {
    take,
    status: () => ({ ...redisStatus(connection), decided: counters() }),
    decisions: () => decisions,
    dispose: async () => {
      const undecided = waiting
      waiting = []
      settle(undecided, undefined)
    },
  }
}

/** Asks Redis for many keys: in one call; on a cluster, whose scripts have keys of one slot only, in one call each. */
function createAsk(connection: RedisConnection, { max, windowMs }: RateLimitPolicy) {
  const script = defineScript(connection.client, 'slidingWindow', new URL('sliding-window.lua', import.meta.url))
  const askTogether = async (keys: readonly string[]): Promise<readonly (number | undefined)[]> => {
    const answers = await script(keys.map(redisKey), [max, windowMs])
    return Array.isArray(answers) ? answers : []
  }
  if (!connection.isCluster) return askTogether
  return async (keys: readonly string[]): Promise<readonly (number | undefined)[]> => {
    const answers = await Promise.allSettled(keys.map((key) => askTogether([key])))
    return answers.map((answer) => (answer.status === 'fulfilled' ? answer.value[0] : undefined))
  }
}

function redisKey(key: string): string {
  return `rate-limit:{${key}}`
}
