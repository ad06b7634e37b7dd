import { expect } from 'vitest'
import type { PrismaClient } from '../../src/generated/prisma/client.ts'
import type { StatsStore } from '../../src/stats/types.ts'
import { everySupplyId } from '../integration/stats-contract.ts'

/** Expects the statistics of all hours to be what was counted, to the millionth, and rows to be as many as requests, less those given up. */
export async function expectAgreement(prisma: PrismaClient, stats: StatsStore, { givenUp = 0 } = {}): Promise<void> {
  const counted = (await stats.read(await everySupplyId(stats))).flatMap((supply) => supply ?? [])
  const rolledUp = await prisma.$queryRaw<Record<string, unknown>[]>`
    SELECT supply_id, sum(requests)::float8 AS requests FROM supply_stats_hourly GROUP BY 1 ORDER BY supply_id COLLATE "C"`
  expect(rolledUp).toEqual(
    counted.map(({ supplyId, totalRequests }) => ({ supply_id: supplyId, requests: totalRequests })),
  )
  const bidders = await prisma.$queryRaw<Record<string, unknown>[]>`
    SELECT supply_id AS "supplyId", bidder_id AS "bidderId", sum(wins)::float8 AS wins, sum(losses)::float8 AS losses,
      sum(no_bids)::float8 AS "noBids", sum(timeouts)::float8 AS timeouts, sum(errors)::float8 AS errors,
      sum(skipped)::float8 AS skipped, sum(revenue_micros)::float8 AS "revenueMicros"
    FROM bidder_stats_hourly GROUP BY 1, 2 ORDER BY supply_id COLLATE "C", bidder_id COLLATE "C"`
  expect(bidders).toEqual(
    counted.flatMap(({ supplyId, bidders }) => bidders.map((bidder) => ({ supplyId, ...bidder }))),
  )
  const [rows] = await prisma.$queryRaw<{ rows: number; ids: number }[]>`
    SELECT count(*)::float8 AS rows, count(DISTINCT id)::float8 AS ids FROM auction_log`
  const expected = counted.reduce((sum, { totalRequests }) => sum + totalRequests, 0) - givenUp
  expect(rows).toEqual({ rows: expected, ids: expected })
}
