import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { httpOf } from '../../src/catalog/bidder-http.ts'
import { createCatalog } from '../../src/catalog/catalog.ts'
import type { CatalogData } from '../../src/catalog/data-file.ts'
import { loadCatalog } from '../../src/catalog/load.ts'
import { loadBeside } from '../../src/catalog/load-beside.ts'
import { readRevision } from '../../src/catalog/snapshot.ts'
import { settingsOf } from '../../src/catalog/supply-settings.ts'
import { type Catalog, DEFAULT_SUPPLY_SETTINGS } from '../../src/catalog/types.ts'
import { openDatabase } from '../../src/db/database.ts'
import type { PrismaClient } from '../../src/generated/prisma/client.ts'
import { A_LONG_TIME_MS, dataOf, startCatalogServer } from '../support/catalog-server.ts'
import { hasPostgres } from '../support/services.ts'

interface Store {
  readonly prisma: PrismaClient
  readonly serverUrl?: string
  dispose(): Promise<void>
}

async function openServer(): Promise<Store> {
  const server = await startCatalogServer()
  return { ...server, serverUrl: server.url }
}

async function openEmbedded(): Promise<Store> {
  const dataDir = await mkdtemp(join(tmpdir(), 'catalog-settings-'))
  const database = await openDatabase({ databaseUrl: undefined, dataDir }, { command: 'a test' })
  const dispose = () => database.dispose().finally(() => rm(dataDir, { recursive: true }))
  return { prisma: database.prisma, dispose }
}

const ACME = httpOf({ endpoint: 'https://acme.example/rtb', maxQps: 7, headers: { 'x-key': '${KEY}\\"' } })
const BOLT = httpOf({ endpoint: 'https://bolt.example/rtb' })
const NEWS = settingsOf({
  floor: 0.1,
  auctionType: 'SECOND_PRICE',
  site: { domain: 'news.example', name: 'a "b" \\ c' },
})

/** Two supplies and two bidders, of which is said what is given. */
function data(http: Record<string, typeof ACME> = {}, settings: Record<string, typeof NEWS> = {}): CatalogData {
  const bidders = Object.entries({ acme: 'US', bolt: 'GB' })
  const supplies = Object.entries({ news: ['acme', 'bolt'], shop: ['bolt'] })
  return {
    ...dataOf(supplies, bidders),
    http: new Map(Object.entries(http)),
    settings: new Map(Object.entries(settings)),
  }
}

describe.each([
  { way: 'by COPY', open: openServer, available: hasPostgres, isBeside: false },
  { way: 'through Prisma, on the embedded PostgreSQL', open: openEmbedded, available: true, isBeside: false },
  { way: 'beside, on the embedded PostgreSQL', open: openEmbedded, available: true, isBeside: true },
])('what bidders and supplies say of themselves, loaded $way', ({ open, available, isBeside }) => {
  let store: Store
  let prisma: PrismaClient
  let catalog: Catalog

  beforeAll(async () => {
    if (!available) return
    store = await open()
    prisma = store.prisma
  })
  beforeEach(async () => {
    if (!available) return
    await load(data(), true)
    catalog = await createCatalog({
      prisma,
      serverUrl: store.serverUrl,
      embedded: store.serverUrl === undefined,
      pollIntervalMs: A_LONG_TIME_MS,
    })
  })
  afterEach(() => catalog?.dispose())
  afterAll(() => store?.dispose())

  function load(file: CatalogData, prune = false) {
    if (isBeside) return loadBeside({ prisma, data: file, prune, onProgress: undefined, timeoutMs: 60_000 })
    return loadCatalog({ prisma, serverUrl: store.serverUrl, data: file, prune })
  }

  /** What a running service has of them, after a refresh. */
  async function known() {
    await catalog.refresh()
    const { bidders, supplySettings } = catalog.current()
    return {
      acme: bidders.get('acme')?.http,
      bolt: bidders.get('bolt')?.http,
      news: supplySettings('news'),
      shop: supplySettings('shop'),
    }
  }

  const NOTHING_SAID = {
    acme: undefined,
    bolt: undefined,
    news: DEFAULT_SUPPLY_SETTINGS,
    shop: DEFAULT_SUPPLY_SETTINGS,
  }

  it.runIf(available)('should be what a running service has, count as updates, and be taken back', async () => {
    expect(await known()).toEqual(NOTHING_SAID)

    const added = await load(data({ acme: ACME }, { news: NEWS }))
    expect([added.supplies, added.bidders]).toEqual([
      { added: 0, updated: 1, left: 1, removed: 0 },
      { added: 0, updated: 1, left: 1, removed: 0 },
    ])
    expect(await known()).toEqual({ ...NOTHING_SAID, acme: ACME, news: NEWS })

    await load(data({ acme: { ...ACME, gzip: true } }, { news: { ...NEWS, floorMicros: 1 }, shop: NEWS }))
    expect(await known()).toEqual({
      ...NOTHING_SAID,
      acme: { ...ACME, gzip: true },
      news: { ...NEWS, floorMicros: 1 },
      shop: NEWS,
    })

    const removed = await load(data())
    expect([removed.supplies.updated, removed.bidders.updated]).toEqual([2, 1])
    expect(await known()).toEqual(NOTHING_SAID)
  })

  it.runIf(available)(
    'should not be written where they are as they were, whatever the order of their fields',
    async () => {
      await load(data({ acme: ACME }, { news: NEWS }))
      const before = await readRevision(prisma)
      const { headers, ...others } = ACME
      const { site, ...settings } = NEWS

      const counts = await load(data({ acme: { headers, ...others } }, { news: { site, ...settings } }))

      expect([counts.supplies.updated, counts.bidders.updated]).toEqual([0, 0])
      expect(await readRevision(prisma)).toBe(before)
    },
  )

  it.runIf(available)('should stay with what the file lacks, and come and go with what is new and pruned', async () => {
    await load(data({ acme: ACME }, { news: NEWS }))
    await load({
      ...dataOf([['blog', ['bolt']]], [['bolt', 'GB']]),
      http: new Map([['bolt', BOLT]]),
      settings: new Map([['blog', NEWS]]),
    })

    expect(await known()).toEqual({ ...NOTHING_SAID, acme: ACME, bolt: BOLT, news: NEWS })
    expect(catalog.current().supplySettings('blog')).toBe(catalog.current().supplySettings('news'))

    await load(data({ bolt: BOLT }), true)
    expect(await known()).toEqual({ ...NOTHING_SAID, bolt: BOLT })
    expect(catalog.current().supplySettings('blog')).toBe(DEFAULT_SUPPLY_SETTINGS)
  })

  it.runIf(available)(
    'should be the same objects for a client that holds on to them, while they are as they were',
    async () => {
      await load(data({ acme: ACME, bolt: BOLT }))
      const before = await known()

      await load(data({ acme: ACME, bolt: { ...BOLT, gzip: true } }))
      const after = await known()
      expect(after.acme).toBe(before.acme)
      expect(after.bolt).not.toBe(before.bolt)

      // The whole is read.
      await prisma.$executeRaw`UPDATE catalog_revision SET revision = revision + 1`
      await load(data({ acme: ACME, bolt: BOLT }))
      expect((await known()).acme).toBe(before.acme)
    },
  )
})
