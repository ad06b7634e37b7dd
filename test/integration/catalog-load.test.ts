import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import type { CatalogData } from '../../src/catalog/data-file.ts'
import { generateCatalog } from '../../src/catalog/generate.ts'
import { type LoadOptions, loadCatalog, loadIntoEmpty } from '../../src/catalog/load.ts'
import { loadBeside } from '../../src/catalog/load-beside.ts'
import { type LoadByCopyOptions, loadByCopy } from '../../src/catalog/load-by-copy.ts'
import { buildSnapshot, type CatalogSource, loadSnapshot, readRevision } from '../../src/catalog/snapshot.ts'
import { createPrismaClient } from '../../src/db/client.ts'
import { openDatabase } from '../../src/db/database.ts'
import { migrateUp } from '../../src/db/migrations.ts'
import { isDatabaseUnavailable } from '../../src/db/unavailable.ts'
import type { PrismaClient } from '../../src/generated/prisma/client.ts'
import { afterQuery } from '../support/after-query.ts'
import { arbitraryCatalog } from '../support/arbitrary-catalog.ts'
import { biddersOfFile, contentOf } from '../support/catalog-content.ts'
import { dataOf } from '../support/catalog-server.ts'
import { describeSchema } from '../support/describe-schema.ts'
import fc from '../support/fast-check.ts'
import { query } from '../support/postgres.ts'
import { startPostgres } from '../support/postgres-server.ts'
import { hasPostgres } from '../support/services.ts'

interface Store {
  readonly prisma: PrismaClient
  readonly connectionString: string
  dispose(): Promise<void>
}

async function openServer(): Promise<Store> {
  const server = await startPostgres()
  await migrateUp({ connectionString: server.url })
  const prisma = createPrismaClient({ connectionString: server.url, maxConnections: 8, queryTimeoutMs: 20_000 })
  return {
    prisma,
    connectionString: server.url,
    async dispose() {
      await prisma.$disconnect()
      await server.dispose()
    },
  }
}

async function openEmbedded(): Promise<Store> {
  const dataDir = await mkdtemp(join(tmpdir(), 'catalog-load-'))
  const database = await openDatabase({ databaseUrl: undefined, dataDir }, { command: 'a test' })
  return {
    prisma: database.prisma,
    connectionString: database.connectionString,
    async dispose() {
      await database.dispose()
      await rm(dataDir, { recursive: true })
    },
  }
}

/** A catalogue written short: `catalog({ news: 'acme bolt' }, { acme: 'US', bolt: 'GB' })`. */
function catalog(supplies: Record<string, string>, bidders: Record<string, string>): CatalogData {
  const lists = Object.entries(supplies).map(([id, list]) => [id, list.split(' ').filter(Boolean)] as const)
  return dataOf(lists, Object.entries(bidders))
}

async function readContent(source: CatalogSource) {
  return contentOf(await loadSnapshot(source))
}

function snapshotOf(data: CatalogData, revision: bigint) {
  return contentOf(buildSnapshot({ ...data, revision, bidders: biddersOfFile(data) }))
}

/** The entries of both, of which the second file has the say about its own. */
function merged<T>(first: ReadonlyMap<string, T>, second: ReadonlyMap<string, T>, own: ReadonlyMap<string, unknown>) {
  return new Map([...[...first].filter(([id]) => !own.has(id)), ...second])
}

const FIRST = catalog({ news: 'acme bolt', shop: 'bolt' }, { acme: 'US', bolt: 'GB' })
const FIRST_COUNTS = {
  supplies: { added: 2, updated: 0, left: 0, removed: 0 },
  bidders: { added: 2, updated: 0, left: 0, removed: 0 },
  links: { added: 3, left: 0, removed: 0 },
}

const STORES = [
  { store: 'PostgreSQL', open: openServer, available: hasPostgres, embedded: false, byCopy: true, runs: 25 },
  {
    store: 'PostgreSQL, through Prisma',
    open: openServer,
    available: hasPostgres,
    embedded: false,
    byCopy: false,
    runs: 10,
  },
  { store: 'the embedded PostgreSQL', open: openEmbedded, available: true, embedded: true, byCopy: false, runs: 10 },
]

describe.each(STORES)('loadCatalog and loadSnapshot on $store', ({ open, available, embedded, byCopy, runs }) => {
  let store: Store
  let prisma: PrismaClient
  let source: CatalogSource
  let serverUrl: string | undefined

  beforeAll(async () => {
    if (!available) return
    store = await open()
    prisma = store.prisma
    serverUrl = byCopy ? store.connectionString : undefined
    source = { prisma, embedded, serverUrl }
  })
  beforeEach(() => available && clear())
  afterAll(() => store?.dispose())

  function load(options: Pick<LoadOptions, 'data' | 'prune' | 'onProgress'>) {
    return loadCatalog({ prisma, embedded, serverUrl, ...options })
  }

  async function clear(): Promise<void> {
    await prisma.$executeRaw`TRUNCATE supplies, bidders, supply_bidder`
  }

  it.runIf(available)('should find an empty catalogue empty', async () => {
    const { supplies, bidders } = await readContent(source)

    expect([supplies.size, bidders.size]).toEqual([0, 0])
  })

  it.runIf(available)('should add everything to an empty catalogue', async () => {
    const before = await readRevision(prisma)

    expect(await load({ data: FIRST })).toEqual(FIRST_COUNTS)

    expect(await readContent(source)).toEqual(snapshotOf(FIRST, before + 1n))
  })

  it.runIf(available)('should change nothing the second time, not even the revision', async () => {
    await load({ data: FIRST })
    const before = await readContent(source)

    const counts = await load({ data: FIRST, prune: true })

    expect(counts).toEqual({
      supplies: { added: 0, updated: 0, left: 2, removed: 0 },
      bidders: { added: 0, updated: 0, left: 2, removed: 0 },
      links: { added: 0, left: 3, removed: 0 },
    })
    expect(await readContent(source)).toEqual(before)
  })

  it.runIf(available)(
    'should update a country, and add and take away bidders of the supplies in the file',
    async () => {
      await load({ data: FIRST })
      const before = await readRevision(prisma)

      const counts = await load({
        data: catalog({ news: 'cafe bolt' }, { bolt: 'DE', cafe: 'FR' }),
      })

      expect(counts).toEqual({
        supplies: { added: 0, updated: 0, left: 2, removed: 0 },
        bidders: { added: 1, updated: 1, left: 1, removed: 0 },
        links: { added: 1, left: 2, removed: 1 },
      })
      const expected = catalog({ news: 'cafe bolt', shop: 'bolt' }, { acme: 'US', bolt: 'DE', cafe: 'FR' })
      expect(await readContent(source)).toEqual(snapshotOf(expected, before + 1n))
    },
  )

  it.runIf(embedded)('should tell the planner of what a small load has changed', async () => {
    const data = generateCatalog({ supplies: 100, bidders: 7, seed: 1 })
    await loadCatalog({ prisma, embedded, data, prune: true })
    const known = await prisma.$queryRaw`
      SELECT n_distinct::int AS bidders FROM pg_stats WHERE tablename = 'supply_bidder' AND attname = 'bidder_id'`
    expect(known).toEqual([{ bidders: 7 }])
  })

  it.runIf(available)('should count a change of a country alone as a change', async () => {
    await load({ data: FIRST })
    const before = await readRevision(prisma)

    await load({ data: catalog({ news: 'acme bolt' }, { acme: 'CA', bolt: 'GB' }) })

    expect(await readRevision(prisma)).toBe(before + 1n)
  })

  it.runIf(available)('should take all bidders of a supply away where the file says so', async () => {
    await load({ data: FIRST })

    const counts = await load({ data: catalog({ news: '' }, {}) })

    expect(counts.links).toEqual({ added: 0, left: 1, removed: 2 })
  })

  it.runIf(available)('should remove what the file lacks where it prunes', async () => {
    await load({ data: FIRST })
    const before = await readRevision(prisma)
    const data = catalog({ blog: 'acme' }, { acme: 'US' })

    const counts = await load({ data, prune: true })

    expect(counts).toEqual({
      supplies: { added: 1, updated: 0, left: 0, removed: 2 },
      bidders: { added: 0, updated: 0, left: 1, removed: 1 },
      links: { added: 1, left: 0, removed: 3 },
    })
    expect(await readContent(source)).toEqual(snapshotOf(data, before + 1n))
  })

  it.runIf(available)('should leave everything as it was where the load fails', async () => {
    await load({ data: FIRST })
    const before = await readContent(source)
    const failing = load({
      data: catalog({ blog: 'bolt' }, { bolt: 'FR' }),
      prune: true,
      onProgress: () => {
        throw new Error('stop')
      },
    })

    await expect(failing).rejects.toThrow('stop')

    expect(await readContent(source)).toEqual(before)
  })

  it.runIf(available)('should make any catalogue of any other, with and without pruning', async () => {
    await fc.assert(
      fc
        .asyncProperty(arbitraryCatalog, arbitraryCatalog, async (first, second) => {
          await load({ data: first })
          await load({ data: second })
          const inBoth = {
            supplies: new Map([...first.supplies, ...second.supplies]),
            bidders: new Map([...first.bidders, ...second.bidders]),
            http: merged(first.http, second.http, second.bidders),
            settings: merged(first.settings, second.settings, second.supplies),
          }
          const both = await readContent(source)
          expect(both).toEqual(snapshotOf(inBoth, both.revision))

          const counts = await load({ data: second, prune: true })
          const pruned = await readContent(source)
          expect(pruned).toEqual(snapshotOf(second, pruned.revision))
          const { added, updated, left } = counts.supplies
          expect(added + updated + left).toBe(second.supplies.size)
          expect(counts.bidders.added + counts.bidders.updated + counts.bidders.left).toBe(second.bidders.size)
        })
        .beforeEach(clear),
      { numRuns: runs },
    )
  })

  it.runIf(available)('should load and read more than fits a statement or a page', async () => {
    const data = generateCatalog({ supplies: 7000, bidders: 300, maxBiddersPerSupply: 6, seed: 5 })
    const progress: number[] = []

    const onProgress = (done: number, total: number) => progress.push(done / total)
    await load({ data, onProgress })
    const snapshot = await readContent(source)

    expect(snapshot).toEqual(snapshotOf(data, snapshot.revision))
    expect(progress.length).toBeGreaterThan(1)
    expect(progress).toEqual([...progress].sort((a, b) => a - b))
    expect(progress.at(-1)).toBe(1)
    const pruned = await load({ data: FIRST, prune: true })
    expect(pruned.supplies.removed).toBe(7000)
    expect(pruned.bidders.removed).toBe(300)
  })

  it.runIf(available)('should let loads at the same time follow each other', async () => {
    const before = await readRevision(prisma)
    const files = [0, 1, 2, 3].map((n) =>
      catalog({ news: n % 2 ? 'acme bolt' : 'bolt', [`own-${n}`]: 'acme' }, { acme: n % 2 ? 'US' : 'GB', bolt: 'GB' }),
    )

    await Promise.all(files.map((data) => load({ data })))

    const { revision, supplies, bidders } = await readContent(source)
    expect(revision).toBe(before + 4n)
    expect([...supplies.keys()]).toEqual(['news', 'own-0', 'own-1', 'own-2', 'own-3'])
    // Whichever was the last, the file is there as a whole, not mixed with another one.
    const odd = bidders.get('acme')?.country === 'US'
    const ids = supplies.get('news')?.map(({ id }) => id)
    expect(ids).toEqual(odd ? ['acme', 'bolt'] : ['bolt'])
  })
})

describe.runIf(hasPostgres)('loadByCopy', () => {
  let store: Store
  let prisma: PrismaClient

  beforeAll(async () => {
    store = await openServer()
    prisma = store.prisma
  })
  beforeEach(async () => {
    await prisma.$executeRaw`TRUNCATE supplies, bidders, supply_bidder`
  })
  afterAll(() => store?.dispose())

  function load(data: CatalogData, options: Partial<LoadByCopyOptions> = {}) {
    const serverUrl = store.connectionString
    return loadByCopy({ serverUrl, data, prune: false, onProgress: undefined, timeoutMs: 60_000, ...options })
  }

  /** It is another one where it was made anew. */
  async function indexId(): Promise<unknown> {
    const [row] = await query(store.connectionString, `SELECT 'supply_bidder_pkey'::regclass::oid AS id`)
    return row?.id
  }

  const LARGE = generateCatalog({ supplies: 700, bidders: 30, maxBiddersPerSupply: 6, seed: 5 })

  it('should do and count what a load through Prisma does, in bulk as well', async () => {
    const sizes = fc.constantFrom(0, 100_000)
    await fc.assert(
      fc.asyncProperty(
        arbitraryCatalog,
        arbitraryCatalog,
        fc.boolean(),
        sizes,
        async (first, second, prune, bulkRows) => {
          await prisma.$executeRaw`TRUNCATE supplies, bidders, supply_bidder`
          const firstCounts = await loadCatalog({ prisma, data: first })
          const expected = await loadCatalog({ prisma, data: second, prune })
          const { revision: _, ...expectedContent } = await readContent({ prisma })

          await prisma.$executeRaw`TRUNCATE supplies, bidders, supply_bidder`
          expect(await load(first, { bulkRows })).toEqual(firstCounts)
          expect(await load(second, { prune, bulkRows })).toEqual(expected)
          const after = await readContent({ prisma })
          expect(after).toEqual({ ...expectedContent, revision: after.revision })
        },
      ),
      { numRuns: 20 },
    )
  })

  it('should make indexes and keys anew for many rows in a catalogue of few, as the migrations have made them', async () => {
    await load(FIRST)
    const before = await describeSchema(store.connectionString)
    const index = await indexId()

    await load(LARGE, { bulkRows: 1000 })

    expect(await indexId()).not.toBe(index)
    expect(await describeSchema(store.connectionString)).toEqual(before)
    expect(await prisma.supply.count()).toBe(702)
    await expect(prisma.supplyBidder.create({ data: { supplyId: 'news', bidderId: 'nobody' } })).rejects.toThrow()
  })

  it('should leave them in place where the catalogue is not much smaller than what is new', async () => {
    const many = Array.from({ length: 300 }, (_, n) => [`own-${n}`, 'acme bolt'])
    await load(catalog(Object.fromEntries(many), { acme: 'US', bolt: 'GB' }))
    const index = await indexId()

    await load(LARGE, { bulkRows: 0 })

    expect(await indexId()).toBe(index)
  })

  it('should add no link twice where a supply that is there has some of its bidders already', async () => {
    await load(FIRST)
    const supplies = new Map([...LARGE.supplies, ['news', ['acme', 'cafe']]] as const)
    const bidders = new Map([...LARGE.bidders, ...Object.entries({ acme: 'US', cafe: 'FR' })])

    const counts = await load({ ...LARGE, supplies, bidders }, { bulkRows: 0 })

    expect(counts.links.removed).toBe(1)
    expect(
      (await prisma.supplyBidder.findMany({ where: { supplyId: 'news' } })).map(({ bidderId }) => bidderId),
    ).toEqual(['acme', 'cafe'])
  })

  it('should leave them in place, and load, where somebody has the tables in use', async () => {
    const index = await indexId()

    await prisma.$transaction(async (transaction) => {
      await transaction.supplyBidder.count()
      await load(LARGE, { bulkRows: 0 })
    }, OPEN)

    expect(await indexId()).toBe(index)
    expect(await prisma.supply.count()).toBe(700)
  })

  it('should leave everything as it was where the connection is lost', async () => {
    await load(FIRST)
    const before = await readContent({ prisma })
    await prisma.$transaction(async (transaction) => {
      // It keeps the load from writing.
      await transaction.$executeRaw`LOCK TABLE supply_bidder IN SHARE MODE`
      const failing = load(catalog({ blog: 'bolt' }, { bolt: 'FR' })).catch((error: unknown) => error)
      await vi.waitFor(async () => {
        const ended = await prisma.$queryRaw<unknown[]>`
          SELECT pg_terminate_backend(pid) FROM pg_stat_activity
          WHERE query LIKE '%INSERT INTO supply_bidder%' AND wait_event_type = 'Lock'`
        expect(ended).toHaveLength(1)
      })
      expect(isDatabaseUnavailable(await failing)).toBe(true)
    }, OPEN)

    expect(await readContent({ prisma })).toEqual(before)
  })

  it('should load into an empty catalogue alone where it is told to', async () => {
    const load = { prisma, serverUrl: store.connectionString }
    expect(await loadIntoEmpty({ ...load, data: FIRST })).toEqual(FIRST_COUNTS)
    expect(await loadIntoEmpty({ ...load, data: LARGE })).toBeUndefined()
    expect(await prisma.supply.count()).toBe(2)
  })

  it('should load ids and lists with every character that COPY writes in another way', async () => {
    const data = catalog({ '\\N': '\\. a\\b', 'a\\\\t': '', 'é😀': 'a\\b' }, { '\\.': 'US', 'a\\b': 'GB' })

    await load(data)

    const { revision, ...content } = await readContent({ prisma })
    expect({ ...content, revision }).toEqual(snapshotOf(data, revision))
    expect((await load(data)).links).toEqual({ added: 0, left: 3, removed: 0 })
  })
})

describe('loadBeside', () => {
  let store: Store
  let prisma: PrismaClient

  beforeAll(async () => {
    store = await openEmbedded()
    prisma = store.prisma
  })
  afterAll(() => store?.dispose())

  function load(data: CatalogData, prune = false, onProgress?: (done: number) => void) {
    return loadBeside({ prisma, data, prune, onProgress, timeoutMs: 60_000 })
  }

  async function clear(): Promise<void> {
    await prisma.$executeRaw`TRUNCATE supplies, bidders, supply_bidder`
  }

  async function schemas(): Promise<unknown> {
    return prisma.$queryRaw`SELECT nspname::text FROM pg_namespace WHERE starts_with(nspname, 'catalog_load')`
  }

  it('should do and count what a load in one transaction does', async () => {
    await fc.assert(
      fc
        .asyncProperty(arbitraryCatalog, arbitraryCatalog, fc.boolean(), async (first, second, prune) => {
          await loadCatalog({ prisma, data: first })
          const expected = await loadCatalog({ prisma, data: second, prune })
          const { revision: _, ...expectedContent } = await readContent({ prisma })

          await loadCatalog({ prisma, data: first, prune: true })
          const before = await readRevision(prisma)
          expect(await load(second, prune)).toEqual(expected)
          const after = await readContent({ prisma })
          expect(after).toEqual({ ...expectedContent, revision: after.revision })
          // Where nothing has changed, not even the revision.
          expect((await load(second, prune)).links.added).toBe(0)
          expect(await readRevision(prisma)).toBe(after.revision)
          expect(after.revision - before).toBeLessThanOrEqual(1n)
        })
        .beforeEach(clear),
      { numRuns: 8 },
    )
    expect(await schemas()).toEqual([])
  })

  it('should leave the tables as the migrations have made them', async () => {
    const before = await describeSchema(store.connectionString)
    await load(FIRST, true)
    await load(catalog({ news: 'acme' }, { acme: 'FR' }), true)
    expect(await describeSchema(store.connectionString)).toEqual(before)
    await expect(prisma.supplyBidder.create({ data: { supplyId: 'news', bidderId: 'nobody' } })).rejects.toThrow()
  })

  it('should let others have their turn, who see the old catalogue until it has ended', async () => {
    await load(FIRST, true)
    const data = generateCatalog({ supplies: 7000, bidders: 300, maxBiddersPerSupply: 6, seed: 5 })
    const seen: Promise<number>[] = []
    await load(data, true, () => {
      // Prisma asks when it is waited for.
      seen.push(prisma.supply.count().then((count) => count))
    })
    expect(seen.length).toBeGreaterThan(3)
    for (const count of await Promise.all(seen.slice(0, -1))) expect(count).toBe(FIRST.supplies.size)
    expect(await prisma.supply.count()).toBe(7000)
  })

  it('should leave everything as it was where it fails, and clear away what a killed one has left', async () => {
    await load(FIRST, true)
    const before = await readContent({ prisma })
    const failing = load(catalog({ blog: 'bolt' }, { bolt: 'FR' }), true, () => {
      throw new Error('stop')
    })
    await expect(failing).rejects.toThrow('stop')
    expect(await readContent({ prisma })).toEqual(before)
    expect(await schemas()).toEqual([])

    await prisma.$executeRaw`CREATE SCHEMA catalog_load_killed`
    await prisma.$executeRaw`CREATE TABLE catalog_load_killed.alive AS SELECT now() - interval '1 hour' AS at`
    await load(catalog({ blog: 'bolt' }, { bolt: 'FR' }), true)
    expect(await schemas()).toEqual([])
  })

  it('should begin anew where the catalogue was changed meanwhile', async () => {
    await load(FIRST, true)
    const before = await readRevision(prisma)
    let isCopying = false
    // When what stays has been looked up: it would not be copied.
    const interrupted = afterQuery(prisma, 'Supply', async () => {
      if (!isCopying) return
      isCopying = false
      await loadCatalog({ prisma, data: catalog({ own: 'acme' }, { acme: 'US' }) })
    })
    let isFirst = true
    const onProgress = () => {
      isCopying = isFirst
      isFirst = false
    }
    const data = catalog({ blog: 'bolt' }, { bolt: 'FR' })
    await loadBeside({ prisma: interrupted, data, prune: false, onProgress, timeoutMs: 60_000 })
    const { supplies, revision } = await readContent({ prisma })
    expect([...supplies.keys()]).toEqual(['blog', 'news', 'own', 'shop'])
    expect(revision).toBe(before + 2n)
  })

  it('should wait for another', async () => {
    await clear()
    const files = [0, 1, 2].map((n) => catalog({ [`own-${n}`]: 'acme' }, { acme: 'US' }))
    await Promise.all(files.map((data) => load(data)))
    expect(await prisma.supply.count()).toBe(3)
  })
})

describe.skipIf(!hasPostgres)('loadCatalog and loadSnapshot beside each other', () => {
  let store: Store
  let prisma: PrismaClient

  beforeAll(async () => {
    store = await openServer()
    prisma = store.prisma
  })
  afterAll(() => store?.dispose())

  it('should wait for a load in progress before it changes anything', async () => {
    const onProgress = vi.fn()
    const waiting = prisma.$transaction(async (transaction) => {
      await transaction.$queryRaw`SELECT revision FROM catalog_revision FOR UPDATE`
      const load = loadCatalog({ prisma, data: FIRST, onProgress })
      await expect
        .poll(() => prisma.$queryRaw`SELECT count(*)::int AS waiting FROM pg_locks WHERE NOT granted`)
        .toEqual([{ waiting: 1 }])
      expect(onProgress).not.toHaveBeenCalled()
      return { load }
    }, OPEN)

    expect(await (await waiting).load).toEqual(FIRST_COUNTS)
  })

  it('should read the catalogue as it was at one moment, though it is loaded meanwhile', async () => {
    await loadCatalog({ prisma, data: FIRST, prune: true })
    const before = await readContent({ prisma })
    const data = catalog({ news: 'cafe', blog: 'acme' }, { acme: 'CA', cafe: 'FR' })
    const interrupted = afterQuery(prisma, 'CatalogRevision', async () => {
      await loadCatalog({ prisma, data, prune: true })
    })

    expect(await readContent({ prisma: interrupted })).toEqual(before)

    expect(await readContent({ prisma })).toEqual(snapshotOf(data, before.revision + 1n))
  })

  it('should leave no timer behind that a process would wait for', async () => {
    const timers = () => process.getActiveResourcesInfo().filter((resource) => resource === 'Timeout').length
    const before = timers()

    await readContent({ prisma, serverUrl: store.connectionString })

    expect(timers()).toBeLessThanOrEqual(before)
  })

  it('should fail where the connection is lost while it reads', async () => {
    await prisma.$transaction(async (transaction) => {
      // It keeps the query from its end.
      await transaction.$executeRaw`LOCK TABLE supplies IN ACCESS EXCLUSIVE MODE`
      const failing = expect(readContent({ prisma, serverUrl: store.connectionString })).rejects.toThrow()
      await vi.waitFor(async () => {
        const ended = await prisma.$queryRaw<unknown[]>`
          SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%COPY%' AND wait_event_type = 'Lock'`
        expect(ended).toHaveLength(1)
      })
      await failing
    }, OPEN)
  })
})

/** A test's own transaction stays open for as long as a busy machine takes for what goes on beside it. */
const OPEN = { timeout: 60_000 }
