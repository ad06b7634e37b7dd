import { Cluster } from 'ioredis'
import type { RedisConnection } from './connect.ts'

/**
 * The `maxmemory-policy` of a Redis that may drop keys when it is full, as one made for a cache does: counts would be lost
 * without an error. Undefined where it keeps everything, and where it is away or does not say.
 */
export async function evictionPolicyOf({ client }: RedisConnection): Promise<string | undefined> {
  const nodes = client instanceof Cluster ? client.nodes('master') : [client]
  // INFO rather than CONFIG, which many hosted ones do not allow.
  const reports = await Promise.all(nodes.map((node) => node.info('memory').catch(() => '')))
  return reports
    .map((report) => POLICY.exec(report)?.[1])
    .find((policy) => policy !== undefined && policy !== KEEPS_ALL)
}

const POLICY = /^maxmemory_policy:(\S+)/m
const KEEPS_ALL = 'noeviction'
