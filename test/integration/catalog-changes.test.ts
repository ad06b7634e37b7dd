import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type CatalogOptions, createCatalog } from '../../src/catalog/catalog.ts'
import { CHANGES_KEPT, MAX_CHANGED_IDS } from '../../src/catalog/changes.ts'
import type { CatalogData } from '../../src/catalog/data-file.ts'
import { loadCatalog } from '../../src/catalog/load.ts'
import { loadSnapshot } from '../../src/catalog/snapshot.ts'
import type { Catalog } from '../../src/catalog/types.ts'
import type { PrismaClient } from '../../src/generated/prisma/client.ts'
import { arbitraryCatalog } from '../support/arbitrary-catalog.ts'
import { contentOf } from '../support/catalog-content.ts'
import { A_LONG_TIME_MS, type CatalogServer, catalogOf, dataOf, startCatalogServer } from '../support/catalog-server.ts'
import fc from '../support/fast-check.ts'
import { hasPostgres } from '../support/services.ts'

describe.skipIf(!hasPostgres)('the changes of a catalogue', () => {
  let server: CatalogServer
  let prisma: PrismaClient
  let catalogs: Catalog[]

  beforeAll(async () => {
    server = await startCatalogServer()
    prisma = server.prisma
  })
  beforeEach(async () => {
    catalogs = []
    await prisma.$executeRaw`TRUNCATE supplies, bidders, supply_bidder`
    await load(catalogOf('news'))
  })
  afterEach(() => Promise.all(catalogs.map((catalog) => catalog.dispose())))
  afterAll(() => server?.dispose())

  async function start(options: Partial<CatalogOptions> = {}): Promise<Catalog> {
    const catalog = await createCatalog({
      prisma,
      serverUrl: server.url,
      pollIntervalMs: A_LONG_TIME_MS,
      ...options,
    })
    catalogs.push(catalog)
    return catalog
  }

  function load(data: CatalogData, prune = false) {
    return loadCatalog({ prisma, serverUrl: server.url, data, prune })
  }

  /** Whether the catalogue has read what was changed alone: then its supplies are in the same memory as before. */
  async function readsChangesAlone(catalog: Catalog): Promise<boolean> {
    const before = catalog.current()
    await catalog.refresh()
    expect(contentOf(catalog.current())).toEqual(contentOf(await loadSnapshot({ prisma, serverUrl: server.url })))
    expect(catalog.current().revision).not.toBe(before.revision)
    return catalog.current().supplies === before.supplies
  }

  it('should read what was changed alone, and come to what reading the whole comes to', async () => {
    const loads = fc.array(fc.tuple(arbitraryCatalog, fc.boolean()), { minLength: 1, maxLength: 4 })

    await fc.assert(
      fc.asyncProperty(loads, async (files) => {
        const catalog = await start()
        for (const [data, prune] of files) await load(data, prune)
        if ((await loadSnapshot({ prisma, serverUrl: server.url })).revision === catalog.current().revision) return
        expect(await readsChangesAlone(catalog)).toBe(true)
      }),
      { numRuns: 15 },
    )
  })

  it('should take away what was removed, and a bidder that came back as a new one', async () => {
    const bidders = Object.entries({ acme: 'US', bolt: 'GB' })
    await load(dataOf([['shop', ['acme', 'bolt']]], bidders))
    const catalog = await start()

    await load(catalogOf('shop'), true)
    expect(await readsChangesAlone(catalog)).toBe(true)
    expect([...catalog.current().supplies.keys()]).toEqual(['shop'])
    expect([...catalog.current().bidders.keys()]).toEqual(['acme'])

    await load(dataOf([['shop', ['bolt']]], [['bolt', 'DE']]))
    expect(await readsChangesAlone(catalog)).toBe(true)
    expect(
      catalog
        .current()
        .eligibleBidders('shop', 'DE')
        ?.map(({ id }) => id),
    ).toEqual(['bolt'])
  })

  it('should read the whole where somebody has changed the catalogue without writing down what', async () => {
    const catalog = await start()
    await load(catalogOf('shop'))
    await prisma.supply.create({ data: { id: 'own' } })
    await prisma.$executeRaw`UPDATE catalog_revision SET revision = revision + 1`
    expect(await readsChangesAlone(catalog)).toBe(false)

    await prisma.supply.create({ data: { id: 'own-2' } })
    await prisma.$executeRaw`UPDATE catalog_revision SET revision = revision + 1`
    await load(catalogOf('blog'))
    expect(await readsChangesAlone(catalog)).toBe(false)

    await load(catalogOf('blog-2'))
    expect(await readsChangesAlone(catalog)).toBe(true)
  })

  it('should read the whole where the database was restored and has come to other changes since', async () => {
    await load(catalogOf('shop'))
    const catalog = await start()
    const { revision } = catalog.current()
    await prisma.supply.delete({ where: { id: 'shop' } })
    await prisma.catalogChange.delete({ where: { revision } })
    await prisma.catalogRevision.update({ where: { id: 1 }, data: { revision: revision - 1n } })

    await load(catalogOf('other'))
    await load(catalogOf('another'))

    expect(catalog.current().revision).toBe(revision)
    expect(await readsChangesAlone(catalog)).toBe(false)
    expect([...catalog.current().supplies.keys()]).toEqual(['another', 'news', 'other'])
  })

  it('should read the whole where too much was changed, at once or since it looked', async () => {
    const many = (count: number, prefix: string) => Array.from({ length: count }, (_, n) => `${prefix}-${n}`)
    const catalog = await start()
    await load(catalogOf(...many(MAX_CHANGED_IDS + 1, 'whole')))
    expect(await readsChangesAlone(catalog)).toBe(false)

    await load(catalogOf(...many(MAX_CHANGED_IDS, 'part')))
    expect(await readsChangesAlone(catalog)).toBe(true)

    await load(catalogOf(...many(MAX_CHANGED_IDS / 2, 'first')))
    await load(catalogOf(...many(MAX_CHANGED_IDS / 2 + 1, 'second')))
    expect(await readsChangesAlone(catalog)).toBe(false)
  })

  it('should read the whole where changes have left much memory behind', async () => {
    const bidders = Array.from({ length: 200 }, (_, n) => [`bidder-${n}`, 'US'] as const)
    await load(dataOf([], bidders))
    const catalog = await start()
    await load(catalogOf('news'), true)
    expect(await readsChangesAlone(catalog)).toBe(true)

    await load(catalogOf('shop'))
    expect(await readsChangesAlone(catalog)).toBe(false)
  })

  it('should keep a bounded number of changes, and read the whole where it has missed more', async () => {
    const catalog = await start()
    for (let n = 0; n < CHANGES_KEPT; n++) await load(catalogOf(`kept-${n}`))
    expect(await readsChangesAlone(catalog)).toBe(true)

    for (let n = 0; n <= CHANGES_KEPT; n++) await load(catalogOf(`lost-${n}`))
    expect(await prisma.catalogChange.count()).toBe(CHANGES_KEPT)
    expect(await readsChangesAlone(catalog)).toBe(false)
  })
})
