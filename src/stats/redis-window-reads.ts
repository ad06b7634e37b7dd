import type { RedisConnection } from '../redis/connect.ts'
import { defineScript } from '../redis/script.ts'
import { shardOf } from '../redis/shards.ts'
import { parseFields, windowKey } from './redis-keys.ts'
import type { RedisReads } from './redis-reads.ts'
import { statsOf } from './tally.ts'
import { type StatsWindow, versionOf } from './window.ts'

/** What scripts on the statistics of the last hours begin with. */
export const WINDOW_LUA = new URL('window.lua', import.meta.url)
/** What mends one counter of them, after it. */
export const MEND_WINDOW_LUA = new URL('mend-window.lua', import.meta.url)

/**
 * Reads statistics of the last hours: what has left is taken out first, by the script that reads.
 * @param now milliseconds since 1970; undefined: Redis' own clock
 */
export function createRedisWindowReads(
  { client, isCluster }: Pick<RedisConnection, 'client' | 'isCluster'>,
  window: StatsWindow,
  now: (() => number) | undefined,
): RedisReads {
  const script = defineScript(client, 'readWindowStats', WINDOW_LUA, new URL('read-window.lua', import.meta.url))

  return {
    async stats(supplyIds) {
      const answers = await read(supplyIds, 'all')
      return answers.map((flat, index) => {
        const tally = parseFields(toHash(flat))
        return tally.requests === 0 ? undefined : statsOf(supplyIds[index] ?? '', tally)
      })
    },
    async totals(supplyIds) {
      const answers = await read(supplyIds, 'totals')
      return answers.map(([requests, gone]) =>
        versionOf({ totalRequests: Number(requests ?? 0), goneRequests: Number(gone ?? 0) }),
      )
    },
  }

  async function read(supplyIds: readonly string[], what: 'all' | 'totals'): Promise<Answer[]> {
    const args = [window.hours, now?.() ?? 0, what]
    if (!isCluster) return (await script(supplyIds.map(keyOf), args)) as Answer[]
    // A script's keys must be of one slot.
    const answers = await Promise.all(
      supplyIds.map((supplyId) => script([windowKey(supplyId, shardOf(supplyId))], args) as Promise<Answer[]>),
    )
    return answers.flat()
  }
}

/** Fields and amounts, one after the other, or amounts alone. */
type Answer = readonly (string | null)[]

function keyOf(supplyId: string): string {
  return windowKey(supplyId)
}

function toHash(flat: Answer): Record<string, string> {
  const hash: Record<string, string> = Object.create(null)
  for (let index = 0; index < flat.length; index += 2) hash[flat[index] ?? ''] = flat[index + 1] ?? ''
  return hash
}
