import DataLoader from 'dataloader'
import type { Bidder } from '../catalog/types.ts'
import { emptyStats } from '../stats/feed.ts'
import type { SupplyStats } from '../stats/types.ts'
import type { GraphQLContext } from './context.ts'
import { readInTurns } from './pace.ts'
import { type BiddersPage, readBiddersOfSupplies, readSuppliesOfBidders, type SuppliesPage } from './related.ts'

/** What the rows of one page ask for one by one, and the stores are asked for together. Kept by an operation's context. */
export interface Loaders {
  /** A supply's statistics, zeros before its first request. */
  readonly stats: DataLoader<string, SupplyStats>
  /** A page of a bidder's supplies. */
  readonly supplies: DataLoader<PageOf<SuppliesPage>, readonly { readonly id: string }[], string>
  /** The first bidders of a supply. */
  readonly bidders: DataLoader<PageOf<BiddersPage>, readonly Bidder[], string>
  /** How many supplies may sell to a bidder. */
  readonly supplyCounts: DataLoader<string, number>
}

/** A page of what belongs to one row. */
export interface PageOf<Page> {
  readonly id: string
  readonly page: Page
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
      const read = await readInTurns(services.stats, supplyIds)
      return supplyIds.map((supplyId, index) => read[index] ?? emptyStats(supplyId))
    }),
    supplies: createPageLoader((ids, page) => readSuppliesOfBidders(services.prisma, ids, page)),
    bidders: createPageLoader((ids, page) => readBiddersOfSupplies(services.prisma, ids, page)),
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

/** Reads what is asked for with the same page together, one page after the other. */
function createPageLoader<Page, Item>(
  read: (ids: readonly string[], page: Page) => Promise<Item[][]>,
): DataLoader<PageOf<Page>, readonly Item[], string> {
  return new DataLoader(
    async (keys) => {
      const idsByPage = new Map<string, { readonly page: Page; readonly ids: string[] }>()
      for (const { id, page } of keys) {
        const name = JSON.stringify(page)
        const known = idsByPage.get(name)
        if (known) known.ids.push(id)
        else idsByPage.set(name, { page, ids: [id] })
      }
      const items = new Map<string, readonly Item[]>()
      for (const { page, ids } of idsByPage.values()) {
        const found = await read(ids, page)
        for (const [index, id] of ids.entries()) items.set(keyOf({ id, page }), found[index] ?? [])
      }
      return keys.map((key) => items.get(keyOf(key)) ?? [])
    },
    { cacheKeyFn: keyOf },
  )
}

function keyOf<Page>({ id, page }: PageOf<Page>): string {
  return JSON.stringify([page, id])
}
