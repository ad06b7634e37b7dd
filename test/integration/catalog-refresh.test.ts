import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { type CatalogOptions, createCatalog } from '../../src/catalog/catalog.ts'
import { loadCatalog } from '../../src/catalog/load.ts'
import type { Catalog } from '../../src/catalog/types.ts'
import { createPrismaClient } from '../../src/db/client.ts'
import type { PrismaClient } from '../../src/generated/prisma/client.ts'
import { afterQuery } from '../support/after-query.ts'
import { A_LONG_TIME_MS, type CatalogServer, catalogOf, startCatalogServer } from '../support/catalog-server.ts'
import { hasPostgres } from '../support/services.ts'

/** Two seconds are promised; the rest is for a busy machine. */
const SOON = { timeout: 5_000, interval: 20 }

describe.skipIf(!hasPostgres)('createCatalog', () => {
  let server: CatalogServer
  let prisma: PrismaClient
  let catalogs: Catalog[]

  beforeAll(async () => {
    server = await startCatalogServer()
    prisma = server.prisma
  })
  beforeEach(async () => {
    catalogs = []
    await loadCatalog({ prisma, data: catalogOf('news'), prune: true })
  })
  afterEach(() => Promise.all(catalogs.map((catalog) => catalog.dispose())))
  afterAll(() => server?.dispose())

  async function start(options: Partial<CatalogOptions> = {}): Promise<Catalog> {
    const catalog = await createCatalog({ prisma, ...options })
    catalogs.push(catalog)
    return catalog
  }

  const supplyIds = (catalog: Catalog) => [...catalog.current().supplies.keys()]

  it('should have the catalogue at the start', async () => {
    expect(supplyIds(await start())).toEqual(['news'])
  })

  it('should have what was loaded within 2 s', async () => {
    const onChange = vi.fn()
    const catalog = await start({ onChange })

    await loadCatalog({ prisma, data: catalogOf('news', 'shop') })

    await vi.waitFor(() => expect(supplyIds(catalog)).toEqual(['news', 'shop']), SOON)
    expect(onChange.mock.calls).toEqual([[catalog.current()]])
  })

  it('should keep its snapshot where nothing changed', async () => {
    const catalog = await start({ pollIntervalMs: A_LONG_TIME_MS })
    const before = catalog.current()

    await loadCatalog({ prisma, data: catalogOf('news') })
    await catalog.refresh()

    expect(catalog.current()).toBe(before)
  })

  it('should have what was loaded when it was told to look', async () => {
    const catalog = await start({ pollIntervalMs: A_LONG_TIME_MS })

    await loadCatalog({ prisma, data: catalogOf('shop') })
    await catalog.refresh()

    expect(supplyIds(catalog)).toEqual(['news', 'shop'])
  })

  it('should look only where something happened in the database, where that can be told', async () => {
    let uses = 0
    let looks = 0
    const watched = afterQuery(prisma, 'CatalogRevision', async () => {
      uses++
      looks++
    })
    const catalog = await start({ prisma: watched, uses: () => uses, pollIntervalMs: A_LONG_TIME_MS })
    await catalog.refresh()
    looks = 0

    await catalog.refresh()
    await catalog.refresh()
    expect(looks).toBe(0)

    await loadCatalog({ prisma, data: catalogOf('shop') })
    uses++
    await catalog.refresh()
    expect(supplyIds(catalog)).toEqual(['news', 'shop'])
  })

  it('should look again where something else happened while it looked', async () => {
    let uses = 0
    let looks = 0
    const watched = afterQuery(prisma, 'CatalogRevision', async () => {
      uses += 2
      looks++
    })
    const catalog = await start({ prisma: watched, uses: () => uses, pollIntervalMs: A_LONG_TIME_MS })
    looks = 0

    await catalog.refresh()
    await catalog.refresh()
    expect(looks).toBe(2)
  })

  it('should look once more where it was told to after it had looked', async () => {
    let onceLooked: (() => Promise<void>) | undefined
    const watched = afterQuery(prisma, 'CatalogRevision', async () => {
      const work = onceLooked
      onceLooked = undefined
      await work?.()
    })
    const catalog = await start({ prisma: watched, pollIntervalMs: A_LONG_TIME_MS })
    let second: Promise<void> | undefined
    onceLooked = async () => {
      await loadCatalog({ prisma, data: catalogOf('shop') })
      second = catalog.refresh()
      // All that ask by now share the one look that follows.
      expect(catalog.refresh()).toBe(second)
    }

    await catalog.refresh()
    expect(supplyIds(catalog)).toEqual(['news'])
    await second
    expect(supplyIds(catalog)).toEqual(['news', 'shop'])
  })

  it('should go back to an older revision, as after a restore', async () => {
    const catalog = await start({ pollIntervalMs: A_LONG_TIME_MS })

    await prisma.catalogRevision.update({ where: { id: 1 }, data: { revision: 0 } })
    await catalog.refresh()

    expect(catalog.current().revision).toBe(0n)
  })

  it('should keep the last catalogue while the database is away, say so once, and go on when it is back', async () => {
    const onError = vi.fn()
    const onRecovery = vi.fn()
    const catalog = await start({ pollIntervalMs: 20, onError, onRecovery })

    await server.stop()
    await vi.waitFor(() => expect(onError).toHaveBeenCalled())
    await catalog.refresh()
    await catalog.refresh()
    expect(supplyIds(catalog)).toEqual(['news'])
    expect(onError).toHaveBeenCalledTimes(1)
    expect(onRecovery).not.toHaveBeenCalled()

    await server.start()
    await vi.waitFor(() => expect(onRecovery).toHaveBeenCalledTimes(1))
    await loadCatalog({ prisma, data: catalogOf('shop') })
    await vi.waitFor(() => expect(supplyIds(catalog)).toEqual(['news', 'shop']))
    expect(onError).toHaveBeenCalledTimes(1)
  })

  it('should see a database that is there and does not answer', async () => {
    const onError = vi.fn()
    await start({ pollIntervalMs: 20, onError })

    await server.freeze()
    try {
      await vi.waitFor(() => expect(onError).toHaveBeenCalledTimes(1))
    } finally {
      server.thaw()
    }
  })

  it('should look no more once it is disposed', async () => {
    const onChange = vi.fn()
    const catalog = await createCatalog({ prisma, pollIntervalMs: 5, onChange })

    const looking = catalog.refresh()
    await catalog.dispose()
    await looking
    await loadCatalog({ prisma, data: catalogOf('shop') })
    await catalog.refresh()

    expect(onChange).not.toHaveBeenCalled()
    expect(supplyIds(catalog)).toEqual(['news'])
  })

  it('should not start without a catalogue', async () => {
    const elsewhere = createPrismaClient({
      connectionString: 'postgresql://postgres@127.0.0.1:1/none',
      maxConnections: 1,
    })
    try {
      await expect(createCatalog({ prisma: elsewhere })).rejects.toThrow()
    } finally {
      await elsewhere.$disconnect()
    }
  })
})
