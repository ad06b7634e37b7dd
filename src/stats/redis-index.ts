import type { Cluster, Redis } from 'ioredis'
import { FORMER_INDEX_KEY, INDEX_KEY } from './redis-keys.ts'
import type { SupplyPage } from './types.ts'

/** The index of all supplies that ever had a request: a sorted set of one score, which Redis keeps in the order of bytes. */
export interface SupplyIndex {
  /** Whether this process has put the supply there since the connection was made. */
  has(supplyId: string): boolean
  add(supplyIds: readonly string[]): Promise<void>
  page(page: SupplyPage): Promise<string[]>
  /** Supplies may no longer be there: the connection is a new one. */
  forget(): void
}

export function createSupplyIndex(client: Redis | Cluster): SupplyIndex {
  const added = new Set<string>()
  let adopting: Promise<void> | undefined

  async function add(supplyIds: readonly string[]): Promise<void> {
    if (supplyIds.length === 0) return
    await put(supplyIds)
    for (const supplyId of supplyIds) added.add(supplyId)
  }

  async function put(supplyIds: readonly string[]): Promise<void> {
    await client.zadd(INDEX_KEY, ...supplyIds.flatMap((supplyId) => [0, supplyId]))
  }

  /**
   * Moves what an earlier version put into a set, a few ids at a time. Instances of that version may still add to it: what
   * they add is moved by whichever process connects next.
   */
  async function adopt(): Promise<void> {
    let cursor = '0'
    do {
      const [next, supplyIds] = await client.sscan(FORMER_INDEX_KEY, cursor, 'COUNT', ADOPTED_AT_ONCE)
      if (supplyIds.length > 0) {
        await put(supplyIds)
        await client.srem(FORMER_INDEX_KEY, supplyIds)
      }
      cursor = next
    } while (cursor !== '0')
  }

  return {
    has: (supplyId) => added.has(supplyId),
    add,
    page: async ({ first, after }) => {
      adopting ??= adopt()
      try {
        await adopting
      } catch (error) {
        adopting = undefined
        throw error
      }
      return client.zrangebylex(INDEX_KEY, after === undefined ? '-' : `(${after}`, '+', 'LIMIT', 0, first)
    },
    forget: () => {
      added.clear()
      adopting = undefined
    },
  }
}

/** Ids of an earlier version's index moved in one go. */
const ADOPTED_AT_ONCE = 1_000
