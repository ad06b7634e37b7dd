import { createKeyRates } from '../access/key-rates.ts'
import { type KeyRing, openKeyRing } from '../access/key-ring.ts'
import { KEYS_MAX } from '../access/parse-keys.ts'
import type { Config } from '../config.ts'
import type { Logger } from '../log.ts'
import { createMapWindow } from '../rate-limit/map-window.ts'
import { createMemoryRateLimiter } from '../rate-limit/memory.ts'
import { createRedisRateLimiter } from '../rate-limit/redis.ts'
import type { RateLimitPolicy } from '../rate-limit/types.ts'
import type { RedisConnection } from '../redis/connect.ts'

export interface AccessDependencies {
  readonly config: Pick<Config, 'apiKeysFile'>
  /** Where the limits are counted; undefined: in this process. */
  readonly redis: RedisConnection | undefined
  readonly log: Logger
}

/** Who may call. */
export interface OpenAccess {
  /** Undefined: everybody. */
  readonly keyRing: KeyRing | undefined
  dispose(): Promise<void>
}

/** @throws AccessError where the file of keys is not there, or is none */
export async function openAccess({ config, redis, log }: AccessDependencies): Promise<OpenAccess> {
  if (config.apiKeysFile === undefined) return { keyRing: undefined, dispose: async () => {} }
  const rates = createKeyRates({
    createLimiter: (policy) => {
      const window = windowOf(policy)
      return redis
        ? createRedisRateLimiter({ connection: redis, policy, window })
        : createMemoryRateLimiter({ policy, window })
    },
  })
  const keyRing = await openKeyRing({
    path: config.apiKeysFile,
    rates,
    onProblem: (message) => log.error(`${message} The keys stay as they were.`),
    onChange: (counts) => log.info(counts, 'API keys'),
  })
  return {
    keyRing,
    dispose: () => {
      keyRing.dispose()
      return rates.dispose()
    },
  }
}

/** Half of what a window may hold is its current generation: no key of the file is ever forgotten early. */
function windowOf(policy: RateLimitPolicy) {
  return createMapWindow(policy, 2 * KEYS_MAX)
}
