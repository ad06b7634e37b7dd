import type pg from 'pg'
import { createPgClient } from '../db/client.ts'
import { httpText } from './bidder-http.ts'
import { inBulk } from './bulk.ts'
import { CREATE_CHANGED, recordChange } from './changes.ts'
import { type CopyRow, copyIn } from './copy-in.ts'
import type { CatalogData } from './data-file.ts'
import { changedRows, type LoadCounts } from './load-counts.ts'
import { settingsText } from './supply-settings.ts'

export interface LoadByCopyOptions {
  /** Of a PostgreSQL server. */
  readonly serverUrl: string
  readonly data: CatalogData
  readonly prune: boolean
  readonly onProgress: ((done: number, total: number) => void) | undefined
  readonly timeoutMs: number
  /** From how many new rows on, in a catalogue of many fewer, indexes and keys are made anew. */
  readonly bulkRows?: number
}

/**
 * Loads a catalogue into a server: hands the file over by COPY into tables of this session's own, and merges these in
 * one transaction, by statements about all of them. Only supplies that differ are written.
 */
export function loadByCopy(options: LoadByCopyOptions): Promise<LoadCounts> {
  return inTurn(options, (client) => load(client, options))
}

/** As `loadByCopy` where there is no supply; undefined, and nothing is changed, where there is one. */
export function loadByCopyIntoEmpty(options: LoadByCopyOptions): Promise<LoadCounts | undefined> {
  return inTurn(options, async (client) => {
    if ((await countRows(client, 'supplies')) > 0) return undefined
    return load(client, options)
  })
}

async function inTurn<T>(
  { serverUrl, timeoutMs }: LoadByCopyOptions,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = createPgClient(serverUrl, timeoutMs)
  await client.connect()
  try {
    await client.query(BEGIN)
    const result = await work(client)
    await client.query('COMMIT')
    return result
  } finally {
    // Whatever was not committed is as if it had never been.
    await client.end()
  }
}

function* bidderRows({ bidders, http }: CatalogData): Generator<CopyRow> {
  for (const [id, country] of bidders) yield [id, country, httpText(http.get(id))]
}

function* supplyRows({ supplies, settings }: CatalogData): Generator<CopyRow> {
  for (const [id, bidderIds] of supplies) yield [id, bidderIds, settingsText(settings.get(id))]
}

/** Loads are one after the other: the revision's row is locked until the transaction's end. */
const BEGIN = `
  BEGIN;
  SET LOCAL jit = off; SET LOCAL work_mem = '64MB'; SET LOCAL maintenance_work_mem = '256MB';
  INSERT INTO catalog_revision (id, revision) VALUES (1, 0) ON CONFLICT DO NOTHING;
  SELECT revision FROM catalog_revision WHERE id = 1 FOR UPDATE;
  CREATE TEMP TABLE staged_bidders (id varchar(128) COLLATE "C", country char(2), http jsonb) ON COMMIT DROP;
  CREATE TEMP TABLE staged_supplies (id varchar(128) COLLATE "C", bidders text COLLATE "C", settings jsonb) ON COMMIT DROP;
  ${CREATE_CHANGED}`
const BULK_ROWS = 100_000
/** So much smaller must be what is there: it cannot be queried meanwhile. */
const BULK_FACTOR = 10
/** So many changed rows that the planner's statistics are made anew at once; a server would do so in a minute. */
const ANALYZE_ROWS = 20_000
/** Supplies that one statement writes, for the sake of the progress. */
const SUPPLIES_PER_STATEMENT = 20_000

async function load(client: pg.Client, options: LoadByCopyOptions): Promise<LoadCounts> {
  const { data, prune, onProgress, bulkRows = BULK_ROWS } = options
  const total = data.supplies.size
  // A supply is half done when it was handed over, and done when it was written.
  await copyIn(client, 'staged_bidders', bidderRows(data))
  await copyIn(client, 'staged_supplies', supplyRows(data), (sent) => onProgress?.(Math.floor(sent / 2), total))
  await client.query('ANALYZE staged_bidders, staged_supplies')

  const updated = await run(client, UPDATE_BIDDERS)
  const bidders = { added: await run(client, ADD_BIDDERS), updated }
  const changed = await run(client, FIND_CHANGED)
  await client.query('CREATE INDEX ON changed_supplies (number); ANALYZE changed_supplies')
  const { rows } = await client.query<{ count: number }>(COUNT_NEW)
  const newSupplies = rows[0]?.count ?? 0
  const suppliesUpdated = newSupplies < changed ? await run(client, UPDATE_SUPPLIES) : 0
  const linksRemoved = newSupplies < changed ? await run(client, REMOVE_LINKS) : 0
  if (newSupplies < changed) await client.query(LEAVE_OUT_LINKS)
  const pruned = prune ? await pruneCatalog(client) : { supplies: 0, bidders: 0, links: 0 }

  const left = { supplies: await countRows(client, 'supplies'), links: await countRows(client, 'supply_bidder') }
  async function write() {
    const supplies = await run(client, ADD_SUPPLIES)
    let links = 0
    for (let done = 0; done < changed; done += SUPPLIES_PER_STATEMENT) {
      links += await run(client, ADD_LINKS, [done, done + SUPPLIES_PER_STATEMENT])
      onProgress?.(total - Math.ceil(Math.max(changed - done - SUPPLIES_PER_STATEMENT, 0) / 2), total)
    }
    return { supplies, links }
  }
  const newRows = newSupplies + (newSupplies / total) * countLinks(data)
  const isBulk = newRows >= bulkRows && newRows > BULK_FACTOR * left.links
  const added = isBulk ? await inBulk(client, write) : await write()
  onProgress?.(total, total)

  const biddersLeft = (await countRows(client, 'bidders')) - bidders.added - updated
  const counts: LoadCounts = {
    supplies: {
      added: added.supplies,
      updated: suppliesUpdated,
      left: left.supplies - suppliesUpdated,
      removed: pruned.supplies,
    },
    bidders: { ...bidders, left: biddersLeft, removed: pruned.bidders },
    links: { added: added.links, left: left.links, removed: linksRemoved + pruned.links },
  }
  if (changedRows(counts) > ANALYZE_ROWS) await client.query('ANALYZE supplies, bidders, supply_bidder')
  if (changedRows(counts) > 0) await recordChange(client)
  return counts
}

const UPDATE_BIDDERS = naming(
  'changed_bidders',
  `UPDATE bidders SET country = staged.country, http = staged.http FROM staged_bidders AS staged
   WHERE bidders.id = staged.id AND (bidders.country, bidders.http) IS DISTINCT FROM (staged.country, staged.http)
   RETURNING bidders.id`,
)
const ADD_BIDDERS = naming(
  'changed_bidders',
  `INSERT INTO bidders (id, country, http) SELECT id, country, http FROM staged_bidders
   ON CONFLICT DO NOTHING RETURNING id`,
)
/** In the order of the indexes, which then grow at their end instead of everywhere. */
const FIND_CHANGED = `
  CREATE TEMP TABLE changed_supplies ON COMMIT DROP AS
  SELECT staged.id, string_to_array(staged.bidders, E'\\n') AS bidders, staged.settings, supplies.id IS NULL AS is_new,
    (row_number() OVER (ORDER BY staged.id))::int AS number
  FROM staged_supplies AS staged LEFT JOIN supplies ON supplies.id = staged.id
  WHERE supplies.id IS NULL
    OR staged.settings IS DISTINCT FROM supplies.settings
    OR (SELECT string_agg(bidder_id, E'\\n' ORDER BY bidder_id) FROM supply_bidder WHERE supply_id = staged.id)
      IS DISTINCT FROM
      (SELECT string_agg(id, E'\\n' ORDER BY id) FROM unnest(string_to_array(staged.bidders, E'\\n')) AS list (id))`
const COUNT_NEW = 'SELECT count(*)::int AS count FROM changed_supplies WHERE is_new'
const UPDATE_SUPPLIES = `
  UPDATE supplies SET settings = changed.settings FROM changed_supplies AS changed
  WHERE supplies.id = changed.id AND NOT is_new AND supplies.settings IS DISTINCT FROM changed.settings`
const REMOVE_LINKS = `
  WITH wanted AS MATERIALIZED (SELECT id, unnest(bidders) AS bidder_id FROM changed_supplies WHERE NOT is_new)
  DELETE FROM supply_bidder AS link USING changed_supplies AS changed
  WHERE link.supply_id = changed.id AND NOT is_new
    AND NOT EXISTS (SELECT FROM wanted WHERE wanted.id = link.supply_id AND wanted.bidder_id = link.bidder_id)`
/** While there are no keys, nothing keeps a link that is there from being added again. */
const LEAVE_OUT_LINKS = `
  UPDATE changed_supplies AS changed SET bidders = ARRAY(
    SELECT bidder_id FROM unnest(bidders) AS wanted (bidder_id)
    WHERE NOT EXISTS (
      SELECT FROM supply_bidder AS link WHERE link.supply_id = changed.id AND link.bidder_id = wanted.bidder_id
    )
  )
  WHERE NOT is_new`
const ADD_SUPPLIES = `
  INSERT INTO supplies (id, settings) SELECT id, settings FROM changed_supplies WHERE is_new ORDER BY number
  ON CONFLICT DO NOTHING`
const ADD_LINKS = `
  INSERT INTO supply_bidder (supply_id, bidder_id)
  SELECT id, unnest(bidders) FROM changed_supplies WHERE number > $1 AND number <= $2 ORDER BY number
  ON CONFLICT DO NOTHING`

/** Removes what the file lacks; the file's own supplies name no such bidder any more. */
async function pruneCatalog(client: pg.Client) {
  const links = await run(
    client,
    `DELETE FROM supply_bidder USING supplies WHERE supply_id = supplies.id AND ${LACKS_SUPPLY}`,
  )
  const supplies = await run(
    client,
    naming('removed_supplies', `DELETE FROM supplies WHERE ${LACKS_SUPPLY} RETURNING id`),
  )
  const bidders = await run(client, naming('changed_bidders', `DELETE FROM bidders WHERE ${LACKS_BIDDER} RETURNING id`))
  return { supplies, bidders, links }
}

const LACKS_SUPPLY = 'NOT EXISTS (SELECT FROM staged_supplies AS staged WHERE staged.id = supplies.id)'
const LACKS_BIDDER = 'NOT EXISTS (SELECT FROM staged_bidders AS staged WHERE staged.id = bidders.id)'

/** A statement that changes rows and returns their ids, which are put down in a table. */
function naming(table: string, statement: string): string {
  return `WITH changed AS (${statement}) INSERT INTO ${table} SELECT id FROM changed`
}

async function run(client: pg.Client, statement: string, values: unknown[] = []): Promise<number> {
  return (await client.query(statement, values)).rowCount ?? 0
}

async function countRows(client: pg.Client, table: string): Promise<number> {
  const { rows } = await client.query<{ count: number }>(`SELECT count(*)::int AS count FROM ${table}`)
  return rows[0]?.count ?? 0
}

function countLinks({ supplies }: CatalogData): number {
  let links = 0
  for (const bidderIds of supplies.values()) links += bidderIds.length
  return links
}
