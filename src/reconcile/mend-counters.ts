import type { RedisConnection } from '../redis/connect.ts'
import { shardOf } from '../redis/shards.ts'
import { statsKey } from '../stats/redis-keys.ts'
import type { StatsChanges } from '../stats/types.ts'
import type { CounterDifference } from './counters.ts'

/** Adds to each counter what it lacks, so that what is counted meanwhile stays counted. */
export async function mendCounters(
  { client, isCluster }: Pick<RedisConnection, 'client' | 'isCluster'>,
  changes: Pick<StatsChanges, 'publish'>,
  differences: readonly CounterDifference[],
): Promise<void> {
  for (const { supplyId, field, counted, logged } of differences) {
    await client.hincrby(statsKey(supplyId, isCluster ? shardOf(supplyId) : undefined), field, logged - counted)
    changes.publish([supplyId])
  }
}
