import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Prisma, type PrismaClient } from '../../src/generated/prisma/client.ts'
import { readSuppliesOfBidders, type SuppliesPage } from '../../src/graphql/related.ts'
import { STORES, type Store } from '../support/migrated-store.ts'

/** Three bidders of every supply, and others of a few: what the statistics say of bidders is said of the three. */
const SUPPLIES = 5000
const BUSY = ['busy0', 'busy1', 'busy2']
const OTHERS = Array.from({ length: 37 }, (_, n) => `other${n}`)
const supplyIds = Array.from({ length: SUPPLIES }, (_, n) => `supply${`${n}`.padStart(4, '0')}`)

function suppliesOf(bidderId: string): readonly string[] {
  if (bidderId.startsWith('busy')) return supplyIds
  const n = Number(bidderId.slice('other'.length))
  return n % 3 === 0 ? [] : supplyIds.filter((_, index) => index % 1000 === n)
}

const LIMIT = 101
const PAGES: readonly (readonly [string, SuppliesPage])[] = [
  ['the first', { limit: LIMIT, inverted: false }],
  ['the last', { limit: LIMIT, inverted: true }],
  ['those after one', { after: 'supply2500', limit: LIMIT, inverted: false }],
  ['those before one', { before: 'supply2500', limit: LIMIT, inverted: true }],
  ['those between two', { after: 'supply1001', before: 'supply1005', limit: LIMIT, inverted: false }],
  ['the last between two', { after: 'supply1001', before: 'supply3000', limit: LIMIT, inverted: true }],
  ['those before the first', { before: 'supply0000', limit: LIMIT, inverted: true }],
]

function expected(bidderId: string, { after, before, limit, inverted }: SuppliesPage): { id: string }[] {
  const within = suppliesOf(bidderId).filter((id) => !(after && id <= after) && !(before && id >= before))
  return (inverted ? within.toReversed() : within).slice(0, limit).map((id) => ({ id }))
}

describe.each(STORES)('readSuppliesOfBidders on $store', ({ open, available }) => {
  let store: Store
  let prisma: PrismaClient

  beforeAll(async () => {
    if (!available) return
    store = await open()
    prisma = store.prisma
    await prisma.bidder.createMany({ data: [...BUSY, ...OTHERS].map((id) => ({ id, country: 'US' })) })
    await prisma.supply.createMany({ data: supplyIds.map((id) => ({ id })) })
    const links = [...BUSY, ...OTHERS].flatMap((bidderId) => suppliesOf(bidderId).map((id) => [id, bidderId] as const))
    // In an order that says nothing of the bidders.
    links.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    await prisma.supplyBidder.createMany({ data: links.map(([supplyId, bidderId]) => ({ supplyId, bidderId })) })
    await prisma.$executeRaw`ANALYZE supplies, bidders, supply_bidder`
  })
  afterAll(() => store?.dispose())

  it.runIf(available).each(PAGES)(
    'should read %s of each bidder, from the index that has them together',
    async (_name, page) => {
      const bidderIds = [...OTHERS, ...BUSY, 'nobody']
      const plans: string[] = []
      const explained = {
        async $queryRaw(strings: TemplateStringsArray, ...values: unknown[]) {
          const query = Prisma.sql(strings, ...values)
          const rows = await prisma.$queryRaw<Record<string, string>[]>`EXPLAIN ${query}`
          plans.push(rows.map((row) => row['QUERY PLAN']).join('\n'))
          return prisma.$queryRaw(query)
        },
      } as unknown as PrismaClient

      const found = await readSuppliesOfBidders(explained, bidderIds, page)

      expect(found).toEqual(bidderIds.map((id) => (id === 'nobody' ? [] : expected(id, page))))
      expect(plans.length).toBeGreaterThan(1)
      for (const plan of plans)
        expect(plan).toMatch(/Index Only Scan (?:Backward )?using supply_bidder_bidder_id_supply_id_idx/)
    },
  )
})
