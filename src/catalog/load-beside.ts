import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { Prisma, type PrismaClient } from '../generated/prisma/client.ts'
import { httpText } from './bidder-http.ts'
import type { CatalogData } from './data-file.ts'
import { changedRows, type LoadCounts, pages } from './load-counts.ts'
import { settingsText } from './supply-settings.ts'

export interface LoadBesideOptions {
  readonly prisma: PrismaClient
  readonly data: CatalogData
  readonly prune: boolean
  readonly onProgress: ((done: number, total: number) => void) | undefined
  readonly timeoutMs: number
}

/**
 * Loads a catalogue for a database of one session, where a long transaction keeps everyone else waiting: builds new
 * tables beside the old ones in many short statements, between which others have their turn, and then puts them in the
 * old ones' place in one short transaction. The old tables' space is free at once, whatever the load has replaced.
 *
 * A load's tables are in a schema of its own, with a row that says when it last did something: another load waits for it,
 * and clears it away where it was killed. A load during which the catalogue changed begins anew.
 */
export async function loadBeside(options: LoadBesideOptions): Promise<LoadCounts> {
  const { prisma, timeoutMs } = options
  const deadline = Date.now() + timeoutMs
  for (;;) {
    await waitForOthers(prisma, deadline)
    const schema = `${SCHEMA_PREFIX}${randomBytes(6).toString('hex')}`
    try {
      const revision = await createTables(prisma, Prisma.raw(schema))
      if (revision === undefined) continue
      const counts = await fill(options, Prisma.raw(schema))
      if (changedRows(counts) === 0 || (await swap(prisma, Prisma.raw(schema), revision))) return counts
      if (Date.now() > deadline) throw new Error('the catalogue was changed again and again while it was loaded')
    } finally {
      // Where this fails the database is away, and the next load does it.
      await dropSchema(prisma, schema).catch(() => {})
    }
  }
}

const SCHEMA_PREFIX = 'catalog_load_'
/** Rows that one statement handles: tens of milliseconds of work. */
const ROWS_PER_TURN = 4_000
/** A load that has done nothing for so long was killed, in milliseconds. */
const ABANDONED_AFTER_MS = 10_000
const POLL_MS = 250

type Schema = Prisma.Sql

/** Waits until no other load is at work. */
async function waitForOthers(prisma: PrismaClient, deadline: number): Promise<void> {
  for (;;) {
    const others = await findLoads(prisma)
    if (others.length === 0) return
    for (const schema of others) {
      const [row] = await prisma.$queryRaw<
        { idleMs: number }[]
      >`SELECT (extract(epoch FROM clock_timestamp() - at) * 1000)::float8 AS "idleMs" FROM ${Prisma.raw(schema)}.alive`
        // It has ended in the meantime.
        .catch(() => [])
      if (row !== undefined && row.idleMs > ABANDONED_AFTER_MS) await dropSchema(prisma, schema)
    }
    if (Date.now() > deadline) throw new Error(`another load has not ended: ${others.join(', ')}`)
    await delay(POLL_MS)
  }
}

async function findLoads(prisma: Prisma.TransactionClient): Promise<string[]> {
  const rows = await prisma.$queryRaw<{ name: string }[]>`
    SELECT nspname::text AS name FROM pg_namespace WHERE starts_with(nspname, ${SCHEMA_PREFIX})`
  return rows.map(({ name }) => name)
}

async function dropSchema(prisma: PrismaClient, schema: string): Promise<void> {
  await prisma.$executeRaw`DROP SCHEMA IF EXISTS ${Prisma.raw(schema)} CASCADE`
}

/** Returns the revision that is being replaced; undefined where another load was quicker. */
function createTables(prisma: PrismaClient, schema: Schema): Promise<bigint | undefined> {
  return prisma.$transaction(async (transaction) => {
    if ((await findLoads(transaction)).length > 0) return undefined
    await transaction.$executeRaw`CREATE SCHEMA ${schema}`
    await transaction.$executeRaw`CREATE TABLE ${schema}.alive AS SELECT clock_timestamp() AS at`
    for (const table of TABLES) {
      await transaction.$executeRaw`CREATE TABLE ${schema}.${table} (LIKE public.${table} INCLUDING ALL)`
    }
    for (const { name, definition } of await foreignKeys(transaction)) {
      const copied = definition.replace(/REFERENCES (public\.)?/, `REFERENCES ${schema.sql}.`)
      await transaction.$executeRaw`
        ALTER TABLE ${schema}.supply_bidder ADD CONSTRAINT ${Prisma.raw(name)} ${Prisma.raw(copied)}`
    }
    // The keys hold, as a data file is checked when it is read; to check each row again takes as long as the rest.
    await transaction.$executeRaw`ALTER TABLE ${schema}.supply_bidder DISABLE TRIGGER ALL`
    return readLockedRevision(transaction)
  })
}

const TABLES = ['supplies', 'bidders', 'supply_bidder'].map((name) => Prisma.raw(name))

function foreignKeys(transaction: Prisma.TransactionClient): Promise<{ name: string; definition: string }[]> {
  return transaction.$queryRaw`
    SELECT quote_ident(conname) AS name, pg_get_constraintdef(oid) AS definition
    FROM pg_constraint WHERE conrelid = 'public.supply_bidder'::regclass AND contype = 'f'`
}

async function readLockedRevision(transaction: Prisma.TransactionClient): Promise<bigint> {
  const [row] = await transaction.$queryRaw<{ revision: bigint }[]>`
    SELECT revision FROM public.catalog_revision WHERE id = 1 FOR UPDATE`
  return row?.revision ?? 0n
}

/** Fills the new tables with the file's rows, and with those that stay though the file lacks them. */
async function fill({ prisma, data, prune, onProgress }: LoadBesideOptions, schema: Schema): Promise<LoadCounts> {
  const before = await countRows(prisma)
  const found = { supplies: 0, bidders: 0, links: 0, linksOfFound: 0, linksInFile: 0 }
  const updated = { supplies: 0, bidders: 0 }
  for (const page of pages(data.bidders, ROWS_PER_TURN, () => 1)) {
    const rows = await addBidders(prisma, schema, page, data.http)
    found.bidders += rows.found
    updated.bidders += rows.updated
  }
  let done = 0
  // In the order of the indexes, which then grow at their end instead of everywhere.
  const ordered = [...data.supplies].sort(([a], [b]) => (a < b ? -1 : 1))
  for (const page of pages(ordered, ROWS_PER_TURN, ([, bidderIds]) => bidderIds.length + 1)) {
    const rows = await addSupplies(prisma, schema, page, data.settings)
    found.supplies += rows.supplies
    updated.supplies += rows.updated
    found.links += rows.links
    found.linksOfFound += rows.linksOfFound
    found.linksInFile += page.reduce((sum, [, bidderIds]) => sum + bidderIds.length, 0)
    done += page.length
    onProgress?.(done, data.supplies.size)
  }
  if (!prune) await keepTheRest(prisma, schema, data)
  for (const table of TABLES) await prisma.$executeRaw`ANALYZE ${schema}.${table}`

  const removed = prune
    ? {
        supplies: before.supplies - found.supplies,
        bidders: before.bidders - found.bidders,
        links: before.links - found.links,
      }
    : { supplies: 0, bidders: 0, links: found.linksOfFound - found.links }
  return {
    supplies: {
      added: data.supplies.size - found.supplies,
      updated: updated.supplies,
      left: before.supplies - removed.supplies - updated.supplies,
      removed: removed.supplies,
    },
    bidders: {
      added: data.bidders.size - found.bidders,
      updated: updated.bidders,
      left: before.bidders - removed.bidders - updated.bidders,
      removed: removed.bidders,
    },
    links: { added: found.linksInFile - found.links, left: before.links - removed.links, removed: removed.links },
  }
}

async function countRows(prisma: PrismaClient): Promise<{ supplies: number; bidders: number; links: number }> {
  const supplies = await prisma.supply.count()
  const bidders = await prisma.bidder.count()
  return { supplies, bidders, links: await prisma.supplyBidder.count() }
}

async function addBidders(
  prisma: PrismaClient,
  schema: Schema,
  page: readonly (readonly [string, string])[],
  http: CatalogData['http'],
) {
  const ids = page.map(([id]) => id)
  const countries = page.map(([, country]) => country)
  const https = ids.map((id) => httpText(http.get(id)) ?? '')
  const [row] = await prisma.$queryRaw<{ found: number; updated: number }[]>`
    WITH file AS (
        SELECT id, country, nullif(http, '')::jsonb AS http
        FROM unnest(${ids}::varchar[], ${countries}::varchar[], ${https}::text[]) AS file (id, country, http)
      ),
      added AS (INSERT INTO ${schema}.bidders (id, country, http) SELECT * FROM file),
      alive AS (UPDATE ${schema}.alive SET at = clock_timestamp())
    SELECT count(*)::int AS found,
      (count(*) FILTER (WHERE (old.country, old.http) IS DISTINCT FROM (file.country, file.http)))::int AS updated
    FROM file JOIN public.bidders AS old ON old.id = file.id`
  return row ?? { found: 0, updated: 0 }
}

async function addSupplies(
  prisma: PrismaClient,
  schema: Schema,
  page: readonly (readonly [string, readonly string[]])[],
  settings: CatalogData['settings'],
) {
  const ids = page.map(([id]) => id)
  const supplyIds = page.flatMap(([id, bidderIds]) => bidderIds.map(() => id))
  const bidderIds = page.flatMap(([, ids]) => ids)
  const texts = ids.map((id) => settingsText(settings.get(id)) ?? '')
  const [row] = await prisma.$queryRaw<{ supplies: number; updated: number; links: number; linksOfFound: number }[]>`
    WITH file AS (
        SELECT id, nullif(settings, '')::jsonb AS settings
        FROM unnest(${ids}::varchar[], ${texts}::text[]) AS file (id, settings)
      ),
      link AS (
        SELECT * FROM unnest(${supplyIds}::varchar[], ${bidderIds}::varchar[]) AS file (supply_id, bidder_id)
      ),
      found AS (
        SELECT old.settings IS DISTINCT FROM file.settings AS differs
        FROM file JOIN public.supplies AS old ON old.id = file.id
      ),
      supplies AS (INSERT INTO ${schema}.supplies (id, settings) SELECT * FROM file),
      links AS (INSERT INTO ${schema}.supply_bidder (supply_id, bidder_id) SELECT * FROM link),
      alive AS (UPDATE ${schema}.alive SET at = clock_timestamp())
    SELECT
      (SELECT count(*) FROM found)::int AS supplies,
      (SELECT count(*) FROM found WHERE differs)::int AS updated,
      (SELECT count(*) FROM link JOIN public.supply_bidder USING (supply_id, bidder_id))::int AS links,
      (SELECT count(*) FROM public.supply_bidder WHERE supply_id = ANY (${ids}::varchar[]))::int AS "linksOfFound"`
  return row ?? { supplies: 0, updated: 0, links: 0, linksOfFound: 0 }
}

/** Copies what the file lacks. */
async function keepTheRest(prisma: PrismaClient, schema: Schema, data: CatalogData): Promise<void> {
  const bidders = (after: string) =>
    prisma.bidder.findMany({ where: { id: { gt: after } }, orderBy: { id: 'asc' }, take: ROWS_PER_TURN })
  for await (const ids of idsLacking(data.bidders, bidders)) {
    await prisma.$executeRaw`
      WITH alive AS (UPDATE ${schema}.alive SET at = clock_timestamp())
      INSERT INTO ${schema}.bidders SELECT * FROM public.bidders WHERE id = ANY (${ids}::varchar[])`
  }
  const supplies = (after: string) =>
    prisma.supply.findMany({ where: { id: { gt: after } }, orderBy: { id: 'asc' }, take: SUPPLIES_PER_COPY })
  for await (const ids of idsLacking(data.supplies, supplies)) {
    await prisma.$executeRaw`
      WITH alive AS (UPDATE ${schema}.alive SET at = clock_timestamp()),
        links AS (
          INSERT INTO ${schema}.supply_bidder SELECT * FROM public.supply_bidder WHERE supply_id = ANY (${ids}::varchar[])
        )
      INSERT INTO ${schema}.supplies SELECT * FROM public.supplies WHERE id = ANY (${ids}::varchar[])`
  }
}

/** Each has some bidders, which count as rows as well. */
const SUPPLIES_PER_COPY = ROWS_PER_TURN / 8

/** Goes through a table's ids in pages, and gives those that the file lacks. */
export async function* idsLacking(
  file: ReadonlyMap<string, unknown>,
  idsAfter: (after: string) => Promise<{ id: string }[]>,
): AsyncGenerator<string[]> {
  for (let after: string | undefined = ''; after !== undefined; ) {
    const page: { id: string }[] = await idsAfter(after)
    const lacking = page.map(({ id }) => id).filter((id) => !file.has(id))
    if (lacking.length > 0) yield lacking
    after = page.at(-1)?.id
  }
}

/** Puts the new tables in the old ones' place; false where the catalogue has changed since its revision was read. */
function swap(prisma: PrismaClient, schema: Schema, revision: bigint): Promise<boolean> {
  return prisma.$transaction(async (transaction) => {
    if ((await readLockedRevision(transaction)) !== revision) return false
    await transaction.$executeRaw`ALTER TABLE ${schema}.supply_bidder ENABLE TRIGGER ALL`
    await transaction.$executeRaw`DROP TABLE public.supply_bidder, public.supplies, public.bidders`
    for (const table of TABLES) await transaction.$executeRaw`ALTER TABLE ${schema}.${table} SET SCHEMA public`
    await transaction.$executeRaw`
      INSERT INTO public.catalog_revision (id, revision) VALUES (1, ${revision + 1n})
      ON CONFLICT (id) DO UPDATE SET revision = excluded.revision`
    return true
  })
}
