import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { applyChanges, setSupply } from '../../src/catalog/apply-changes.ts'
import { createCatalogTable } from '../../src/catalog/table.ts'

describe('applyChanges', () => {
  it('should let auctions meanwhile find each supply as it was or as it is, and let them have their turns', async () => {
    const table = createCatalogTable()
    const ids = Array.from({ length: 10_000 }, (_, n) => `supply-${n}`)
    for (const id of ['acme', 'bolt']) table.setBidder({ id, country: 'US' })
    for (const id of ids) setSupply(table, id, { bidderIds: ['acme', 'bolt'] })
    const { eligibleBidders } = table.snapshot(1n)
    const seen = new Set<string>()
    const look = (id: string) => seen.add(`${eligibleBidders(id, 'US')?.map((bidder) => bidder.id)}`)

    const applying = applyChanges(table, {
      revision: 2n,
      mark: 'a',
      bidders: new Map([
        ['acme', undefined],
        ['bolt', undefined],
        ...['cafe', 'dune', 'east'].map((id) => [id, { id, country: 'US' }] as const),
      ]),
      supplies: new Map(ids.map((id) => [id, { bidderIds: ['cafe', 'dune', 'east'] }])),
    })
    let turns = 0
    let isDone = false
    void applying.then(() => {
      isDone = true
    })
    for (; !isDone; turns++) {
      for (const id of ids) look(id)
      await nextTurn()
    }

    expect([...seen].sort()).toEqual(['acme,bolt', 'cafe,dune,east'])
    expect(turns).toBeGreaterThan(10)
    for (const id of ids) expect(eligibleBidders(id, 'US')?.length).toBe(3)
  })
})
