import { Redis } from 'ioredis'
import type { RedisConnection } from '../redis/connect.ts'
import { defineScript } from '../redis/script.ts'
import { shardOf } from '../redis/shards.ts'
import { parseFields, statsKey } from './redis-keys.ts'
import { createTally, statsOf } from './tally.ts'
import type { SupplyStats } from './types.ts'

/** Reads some supplies' statistics from Redis, in the order named. */
export interface RedisReads {
  stats(supplyIds: readonly string[]): Promise<(SupplyStats | undefined)[]>
  /** How many requests each had. */
  totals(supplyIds: readonly string[]): Promise<number[]>
}

export function createRedisReads({ client }: Pick<RedisConnection, 'client'>): RedisReads {
  const totalsScript = defineScript(client, 'totalsOfStats', new URL('totals.lua', import.meta.url))
  return client instanceof Redis ? ofSingle(client) : ofCluster(client)

  /** One round trip each. */
  function ofSingle(redis: Redis): RedisReads {
    return {
      async stats(supplyIds) {
        const pipeline = redis.pipeline()
        for (const supplyId of supplyIds) pipeline.hgetall(statsKey(supplyId))
        const answers = (await pipeline.exec()) ?? []
        return answers.map(([error, hash], index) => {
          if (error) throw error
          return statsOfHashes(supplyIds[index] ?? '', [hash as Hash])
        })
      },
      async totals(supplyIds) {
        const totals = (await totalsScript(supplyIds.map(statsKeyOf), [])) as (string | null)[]
        return totals.map(Number)
      },
    }
  }

  /**
   * A cluster's pipelines go to one node, and its scripts to one slot. What an earlier version has counted under a supply's
   * own tag is a part of its sum for ever: so instances of that version may still run.
   */
  function ofCluster(cluster: Exclude<RedisConnection['client'], Redis>): RedisReads {
    return {
      stats: (supplyIds) =>
        Promise.all(
          supplyIds.map(async (supplyId) => {
            const keys = [statsKey(supplyId, shardOf(supplyId)), statsKey(supplyId)]
            return statsOfHashes(supplyId, await Promise.all(keys.map((key) => cluster.hgetall(key))))
          }),
        ),
      async totals(supplyIds) {
        const [totals, formerTotals] = await Promise.all([
          totalsByShard(supplyIds),
          Promise.all(supplyIds.map((supplyId) => cluster.hget(statsKey(supplyId), 'total_reqs'))),
        ])
        return supplyIds.map((supplyId, index) => (totals.get(supplyId) ?? 0) + Number(formerTotals[index]))
      },
    }
  }

  async function totalsByShard(supplyIds: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const idsByShard = new Map<string, string[]>()
    for (const supplyId of supplyIds) {
      const shard = shardOf(supplyId)
      idsByShard.set(shard, [...(idsByShard.get(shard) ?? []), supplyId])
    }
    const totals = new Map<string, number>()
    await Promise.all(
      [...idsByShard].map(async ([shard, ids]) => {
        const keys = ids.map((supplyId) => statsKey(supplyId, shard))
        const answer = (await totalsScript(keys, [])) as (string | null)[]
        for (const [index, supplyId] of ids.entries()) totals.set(supplyId, Number(answer[index]))
      }),
    )
    return totals
  }
}

type Hash = Readonly<Record<string, string>>

function statsKeyOf(supplyId: string): string {
  return statsKey(supplyId)
}

/** Undefined where it never had a request. */
function statsOfHashes(supplyId: string, hashes: readonly Hash[]): SupplyStats | undefined {
  const tally = createTally()
  for (const hash of hashes) parseFields(hash, tally)
  return tally.requests === 0 ? undefined : statsOf(supplyId, tally)
}
