import type { Database } from '../db/database.ts'
import { reasonOf, unusable } from '../db/unavailable.ts'
import { inTime } from '../in-time.ts'
import { readNoticesStatus } from '../notices/notices-status.ts'
import { createHealth, type DependencyChecks, type Health } from '../server/health.ts'
import type { LoadShedding } from '../server/load-shedding.ts'
import type { OwnOverhead } from '../server/own-overhead.ts'
import { biddersState } from './bidders.ts'
import type { OpenServices } from './services.ts'

export interface ServiceHealthDependencies {
  readonly opened: OpenServices
  readonly database: Database
  readonly overhead: Pick<OwnOverhead, 'lastWindow'>
  readonly loadShedding: Pick<LoadShedding, 'state'>
}

/** How a service is, of everything that it is made of. */
export function createServiceHealth({ opened, database, overhead, loadShedding }: ServiceHealthDependencies): Health {
  const { catalog, feed } = opened.services
  return createHealth({
    dependencies: dependencyChecks(opened, database),
    canServe: () => catalog.current().supplies.size > 0,
    latency: () => overhead.lastWindow(),
    load: () => loadShedding.state(),
    liveStatistics: () => ({
      subscribers: feed.subscribers(),
      heldBackMs: Math.round(feed.heldBackMs()),
    }),
  })
}

/** What `/readyz` asks: the bidders over HTTP, the database, the catalogue, and Redis by purpose where there is one. */
function dependencyChecks(
  { services, rateLimiter, openRtb, auctionLog }: OpenServices,
  database: Database,
): DependencyChecks {
  const kind = database.embedded ? 'embedded' : 'server'
  const checks: DependencyChecks = {
    bidders: () => biddersState(openRtb),
    database: async () => {
      await database.ping().catch((error: unknown) => {
        throw unusable(error) ?? new Error(reasonOf(error), { cause: error })
      })
      return { status: 'up', kind }
    },
    catalog: () => {
      const supplies = services.catalog.current().supplies.size
      return supplies > 0
        ? { status: 'up', supplies }
        : { status: 'down', supplies, error: 'it is empty: load one with `auction load-data`' }
    },
  }
  for (const [purpose, store] of Object.entries({ rateLimit: rateLimiter, stats: services.stats })) {
    if (store.status().kind !== 'memory') checks[`redis.${purpose}`] = () => ({ ...store.status() })
  }
  if (auctionLog) {
    checks.auctionLog = async () => {
      const [status, strays] = await Promise.all([auctionLog.status(), straysOf(database)])
      return { ...status, ...strays }
    }
    checks.notices = async () => ({ ...(await readNoticesStatus(database.prisma)) })
  }
  return checks
}

/**
 * Rows that belong to no day that there is a partition for: an operator is to look where they come from. Nothing where the
 * database does not say, which is not to hide what the log knows by itself.
 */
async function straysOf({ prisma }: Database): Promise<{ readonly strays?: number }> {
  const counting = prisma.$queryRaw<[{ strays: number }]>`
    SELECT count(*)::int AS strays FROM (SELECT FROM auction_log_default LIMIT ${STRAYS_MAX}) AS strays`
  const [row] = await inTime(counting, STRAYS_TIMEOUT_MS).catch(() => [])
  return row ?? {}
}

/** No more are counted. */
const STRAYS_MAX = 1000
/** Less than a dependency may take to say how it is, in milliseconds. */
const STRAYS_TIMEOUT_MS = 500
