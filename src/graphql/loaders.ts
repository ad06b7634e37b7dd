import DataLoader from 'dataloader'
import { emptyStats } from '../stats/feed.ts'
import type { SupplyStats } from '../stats/types.ts'
import type { GraphQLContext } from './context.ts'

/** What the rows of one page ask for one by one, and the stores are asked for together. Kept by an operation's context. */
export interface Loaders {
  /** A supply's statistics, zeros before its first request. */
  readonly stats: DataLoader<string, SupplyStats>
  /** How many supplies may sell to a bidder. */
  readonly supplyCounts: DataLoader<string, number>
}

const loadersByContext = new WeakMap<GraphQLContext, Loaders>()

/** The loaders of an operation, made when its first resolver asks for them. */
export function loadersOf(context: GraphQLContext): Loaders {
  let loaders = loadersByContext.get(context)
  if (!loaders) {
    loaders = createLoaders(context)
    loadersByContext.set(context, loaders)
  }
  return loaders
}

function createLoaders({ services }: GraphQLContext): Loaders {
  return {
    stats: new DataLoader(async (supplyIds) => {
      const read = await services.stats.read(supplyIds)
      return supplyIds.map((supplyId, index) => read[index] ?? emptyStats(supplyId))
    }),
    supplyCounts: new DataLoader(async (bidderIds) => {
      const rows = await services.prisma.supplyBidder.groupBy({
        by: ['bidderId'],
        where: { bidderId: { in: [...bidderIds] } },
        _count: true,
      })
      const counts = new Map(rows.map(({ bidderId, _count }) => [bidderId, _count]))
      return bidderIds.map((bidderId) => counts.get(bidderId) ?? 0)
    }),
  }
}
