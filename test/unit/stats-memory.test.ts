import { describe, expect, it } from 'vitest'
import { createMemoryStatsChanges } from '../../src/stats/changes-memory.ts'
import { createMemoryStatsStore } from '../../src/stats/memory.ts'

const request = { supplyId: 'supply1', country: 'US', responses: [], priceMicros: 0 }

describe('createMemoryStatsStore', () => {
  it('should count at once and tell the changes', async () => {
    const published: string[] = []
    const store = createMemoryStatsStore({ changes: { publish: (supplyIds) => void published.push(...supplyIds) } })
    expect(store.record(request)).toBeUndefined()
    expect(published).toEqual(['supply1'])
  })

  it('should give the same frozen value until the supply changes', async () => {
    const store = createMemoryStatsStore({ changes: { publish: () => {} } })
    store.record({ ...request, responses: [{ bidderId: 'b', outcome: 'WON' }], priceMicros: 5 })
    const [first] = await store.read(['supply1'])
    expect((await store.read(['supply1']))[0]).toBe(first)
    store.record({ ...request, supplyId: 'supply2' })
    expect((await store.read(['supply1']))[0]).toBe(first)
    store.record(request)
    const [second] = await store.read(['supply1'])
    expect(first?.totalRequests).toBe(1)
    expect(second?.totalRequests).toBe(2)
    expect([first, first?.bidders, first?.bidders[0], first?.requestsPerCountry].every(Object.isFrozen)).toBe(true)
  })

  it('should know supplies that it restored, among those that come since', async () => {
    const store = createMemoryStatsStore({ changes: { publish: () => {} } })
    for (const supplyId of ['c', 'a'])
      store.restore({ supplyId, countries: [{ country: 'US', requests: 3 }], bidders: [] })
    expect(await store.supplyIds({ first: 10 })).toEqual(['a', 'c'])
    for (const supplyId of ['b', 'c', 'd']) store.record({ ...request, supplyId })
    expect(await store.supplyIds({ first: 10 })).toEqual(['a', 'b', 'c', 'd'])
    expect(await store.totals(['a', 'b', 'c', 'd'])).toEqual([3, 1, 4, 1])
  })
})

describe('createMemoryStatsChanges', () => {
  it('should tell each listener once of everything that changed in one turn', async () => {
    const changes = createMemoryStatsChanges()
    const heard: (readonly string[] | 'all')[] = []
    const stop = changes.listen((changed) => heard.push(changed))
    changes.publish(['a', 'b'])
    changes.publish(['b', 'c'])
    expect(heard).toEqual([])
    await new Promise(setImmediate)
    expect(heard).toEqual([['a', 'b', 'c']])
    stop()
    changes.publish(['d'])
    await new Promise(setImmediate)
    expect(heard).toHaveLength(1)
    await changes.dispose()
  })

  it('should tell nothing after it was disposed', async () => {
    const changes = createMemoryStatsChanges()
    const heard: (readonly string[] | 'all')[] = []
    changes.listen((changed) => heard.push(changed))
    changes.publish(['a'])
    await changes.dispose()
    await new Promise(setImmediate)
    expect(heard).toEqual([])
  })
})
