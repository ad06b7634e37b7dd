/**
 * On a cluster, what is committed together is of one slot, and so of one of these shards: a shard's name is the hash tag
 * of all its keys. Sixteen leave few commits to make, and spread over up to eight nodes.
 */
export const SHARDS: readonly string[] = Array.from({ length: 16 }, (_, index) => `s${index}`)

/** The shard of an id: for ever the same, since counters are found by it. */
export function shardOf(id: string): string {
  let hash = FNV_OFFSET
  for (let unit = 0; unit < id.length; unit += 1) hash = Math.imul(hash ^ id.charCodeAt(unit), FNV_PRIME)
  // The high half as well: alone, the lowest bits are those of the units' lowest bits.
  return SHARDS[(hash ^ (hash >>> 16)) & (SHARDS.length - 1)] as string
}

/** FNV-1a of 32 bits, by UTF-16 units. */
const FNV_OFFSET = 0x811c9dc5
const FNV_PRIME = 0x01000193
