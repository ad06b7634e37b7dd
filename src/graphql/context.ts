import type { Auctioneer } from '../auction/auctioneer.ts'
import type { Catalog } from '../catalog/types.ts'
import type { PrismaClient } from '../generated/prisma/client.ts'
import type { StatsFeed } from '../stats/feed.ts'
import type { StatsStore } from '../stats/types.ts'

/** What resolvers use. */
export interface Services {
  readonly auctioneer: Auctioneer
  readonly catalog: Catalog
  readonly stats: StatsStore
  readonly feed: StatsFeed
  readonly prisma: PrismaClient
}

/** One operation's context. Made anew for each operation, since Prisma's loaders keep their batches by it. */
export interface GraphQLContext {
  readonly services: Services
  /** What the response says beside its data, such as a limit decided locally. */
  extensions?: Record<string, unknown>
}
