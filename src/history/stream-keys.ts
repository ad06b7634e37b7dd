import { SHARDS } from '../redis/shards.ts'

/** Where auctions wait on their way from one Redis, or from one shard of a cluster, to the database: keys of one slot. */
export interface StreamKeys {
  /** Which part of what is written its auctions are: the database keeps the position by that name. */
  readonly part: string
  /** Each entry has the packed auctions of one commit, under `b`. */
  readonly stream: string
  /** How many bytes of them there are. */
  readonly bytes: string
  /** What rows count that were given up, as `countedFields` says. */
  readonly counted: string
  /** The same, while it is being written into the database. */
  readonly draining: string
}

/** @param shard of a cluster; undefined where there is one Redis */
export function streamKeys(shard?: string): StreamKeys {
  const part = shard === undefined ? '' : `:{${shard}}`
  const stream = `auction-log${part}`
  return {
    part,
    stream,
    bytes: `${stream}:bytes`,
    counted: `${stream}:counted`,
    draining: `${stream}:counted:draining`,
  }
}

/** The most bytes that wait in one of them: more are given up, and only counted. */
export function streamBytesMax(isCluster: boolean): number {
  // For a process knows the bytes of those shards that it commits to.
  return isCluster ? STREAM_BYTES_MAX / SHARDS.length : STREAM_BYTES_MAX
}

/** The name under which the database knows how far they were written, each part's after it. */
export const STREAM_WRITER = 'redis:auction-log'
/** Of all streams of one Redis together. */
const STREAM_BYTES_MAX = 256 * 1024 * 1024
