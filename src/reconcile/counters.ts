import type { PrismaClient } from '../generated/prisma/client.ts'
import { loggedSupplyIds, readTotalsOf } from '../history/read-totals.ts'
import type { SupplyTotals } from '../history/types.ts'
import type { StatsStore, SupplyStats } from '../stats/types.ts'

/** A counter that is not what the statistics of all hours come to. */
export interface CounterDifference {
  readonly supplyId: string
  /** As in Redis: total_reqs, country:XX, bidder:ID:wins and so on. */
  readonly field: string
  readonly counted: number
  readonly logged: number
  /** Whether it was still being added to, so that nothing can be mended. */
  readonly isMoving: boolean
  /** Where it is of the last hours: when these begin, in milliseconds since 1970. */
  readonly fromMs?: number
}

export interface CompareCountersOptions {
  readonly stats: StatsStore
  readonly prisma: PrismaClient
  /** Resolves when all that is counted by now is in the database's statistics. */
  readonly untilLogged: () => Promise<void>
  /** Where counters are of the last hours: when these begin, in milliseconds since 1970. */
  readonly windowStartMs?: (() => Promise<number>) | undefined
}

/**
 * Compares counters with the statistics of all hours, or of the last ones where they are of these. Auctions may go on: counters are read before and after, and each sum
 * must lie in between.
 */
export async function* compareCounters(options: CompareCountersOptions): AsyncGenerator<CounterDifference> {
  const { stats, prisma } = options
  const seen = new Set<string>()
  for await (const supplyIds of countedSupplyIds(stats)) {
    for (const supplyId of supplyIds) seen.add(supplyId)
    yield* await comparePage(options, supplyIds)
  }
  for await (const supplyIds of loggedSupplyIds(prisma)) {
    const others = supplyIds.filter((supplyId) => !seen.has(supplyId))
    if (others.length > 0) yield* await comparePage(options, others)
  }
}

async function* countedSupplyIds(stats: StatsStore): AsyncGenerator<readonly string[]> {
  for (let after: string | undefined; ; ) {
    const supplyIds = await stats.supplyIds({ first: PAGE, after })
    if (supplyIds.length > 0) yield supplyIds
    if (supplyIds.length < PAGE) return
    after = supplyIds.at(-1)
  }
}

async function comparePage(
  options: CompareCountersOptions,
  supplyIds: readonly string[],
): Promise<CounterDifference[]> {
  const { stats, prisma, untilLogged, windowStartMs } = options
  const fromMs = await windowStartMs?.()
  const before = await stats.read(supplyIds)
  await untilLogged()
  const totals = new Map((await readTotalsOf(prisma, supplyIds, fromMs)).map((supply) => [supply.supplyId, supply]))
  const after = await stats.read(supplyIds)
  // An hour has left meanwhile.
  if ((await windowStartMs?.()) !== fromMs) return comparePage(options, supplyIds)
  return supplyIds.flatMap((supplyId, index) => {
    const least = fieldsOfStats(before[index])
    const most = fieldsOfStats(after[index])
    const logged = fieldsOfTotals(totals.get(supplyId))
    return [...new Set([...most.keys(), ...logged.keys()])].flatMap((field) => {
      const [low, high, sum] = [least, most, logged].map((fields) => fields.get(field) ?? 0) as [number, number, number]
      if (low <= sum && sum <= high) return []
      return {
        supplyId,
        field,
        counted: high,
        logged: sum,
        isMoving: low !== high,
        ...(fromMs !== undefined && { fromMs }),
      }
    })
  })
}

function fieldsOfStats(stats: SupplyStats | undefined): Map<string, number> {
  const fields = new Map<string, number>()
  if (stats === undefined) return fields
  fields.set('total_reqs', stats.totalRequests)
  for (const { country, requests } of stats.requestsPerCountry) fields.set(`country:${country}`, requests)
  for (const bidder of stats.bidders) addBidder(fields, bidder)
  return fields
}

/** A supply's counters by their fields in Redis. */
export function fieldsOfTotals(totals: SupplyTotals | undefined): Map<string, number> {
  const fields = new Map<string, number>()
  for (const { country, requests } of totals?.countries ?? []) {
    add(fields, 'total_reqs', requests)
    add(fields, `country:${country}`, requests)
  }
  for (const bidder of totals?.bidders ?? []) addBidder(fields, bidder)
  return fields
}

function addBidder(
  fields: Map<string, number>,
  { bidderId, wins, losses, noBids, timeouts, errors, skipped, revenueMicros }: SupplyStats['bidders'][number],
): void {
  add(fields, `bidder:${bidderId}:wins`, wins)
  add(fields, `bidder:${bidderId}:losses`, losses)
  add(fields, `bidder:${bidderId}:no_bids`, noBids)
  add(fields, `bidder:${bidderId}:timeouts`, timeouts)
  add(fields, `bidder:${bidderId}:errors`, errors)
  add(fields, `bidder:${bidderId}:skipped`, skipped)
  add(fields, `bidder:${bidderId}:revenue_micros`, revenueMicros)
}

function add(fields: Map<string, number>, field: string, amount: number): void {
  fields.set(field, (fields.get(field) ?? 0) + amount)
}

/** Supplies that are compared in one go. */
const PAGE = 1000
