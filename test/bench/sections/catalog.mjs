import { bidders, supplies as suppliesOf } from '../catalog.mjs'
import { timeOfChange } from '../catalog-change.mjs'
import { interleave } from '../load.mjs'
import { atMost, cpuRatio, fixed, medianOf, megabytes, table } from '../numbers.mjs'
import { startPeer, startService } from '../server.mjs'
import { createDatabase } from '../stores.mjs'

export const title = 'The size of the catalogue'

const SMALL = 20
const MIDDLE = 10_000
const ROWS_PER_STATEMENT = 20_000

/**
 * The same load on catalogues of three sizes, spread over all their supplies.
 * @param {import('../types.ts').Bench} bench
 * @returns {Promise<import('../types.ts').Findings>}
 */
export async function run({ loader, use, progress, settings, supplies: largest }) {
  const sizes = [SMALL, MIDDLE, largest]
  const cases = []
  /** @type {string | undefined} */
  let store = 'PostgreSQL'
  for (const size of sizes) {
    progress(`loading ${fixed(size)} supplies`)
    const database = await createDatabase()
    if (database) {
      await use(database)
      await fill(database, size)
    } else {
      store = undefined
    }
    const server = database
      ? await use(startService({ supplies: size, env: { DATABASE_URL: database.url }, loaded: true, memory: true }))
      : await use(startPeer('in-process', { supplies: size, memory: true }))
    const { heapUsed } = await server.memory()
    cases.push({
      name: String(size),
      size,
      server,
      databaseUrl: database?.url,
      readyMs: server.readyMs,
      heapUsed,
      rss: server.rss(),
    })
  }
  const few = cases.slice(1).map(({ name, server }) => ({
    name: `${name}, few`,
    server,
    options: { supplies: SMALL },
  }))
  const results = await interleave(loader, [...cases, ...few], settings)
  const baseline = results.get(String(SMALL))
  const rows = cases.map(({ name, size, readyMs, heapUsed, rss }) => [
    fixed(size),
    fixed(
      medianOf(results.get(name), ({ cpuUs }) => cpuUs),
      1,
    ),
    fixed(cpuRatio(results.get(name), baseline), 2),
    fixed(cpuRatio(results.get(`${name}, few`) ?? baseline, baseline), 2),
    fixed(medianOf(results.get(name), ({ throughput }) => throughput)),
    fixed(
      medianOf(results.get(name), ({ latencyMs }) => latencyMs?.p99),
      2,
    ),
    fixed(readyMs / 1000, 1),
    megabytes(heapUsed),
    megabytes(rss),
  ])
  const last = cases.at(-1)
  let changeMs = NaN
  if (last?.databaseUrl !== undefined) {
    progress('changing 100 supplies')
    changeMs = await timeOfChange(last.server, last.databaseUrl)
  }
  return {
    lines: [
      `${store ? `The catalogue is in ${store}.` : 'No PostgreSQL server could be reached: the service was put together in process over a snapshot made in memory.'} Each supply has a set of bidders of its own, and requests go through all supplies in an order like chance, so that on a large catalogue nearly every request is its supply's first, whose counters have to be made; the column "few" is of requests for ${SMALL} of its supplies alone. Memory is right after the start, the heap after a garbage collection.`,
      table(
        [
          'supplies',
          'CPU µs/request',
          '× 20 supplies',
          'few',
          'requests/s',
          'p99 ms',
          'start s',
          'heap MB',
          'resident MB',
        ],
        rows,
      ),
      `A change of 100 supplies by \`auction load-data\` was sold ${fixed(changeMs / 1000, 1)} s after the command's end on the largest catalogue. With maps and lists in place of packed records, a million supplies took 11 s to start, 526 MB of heap, and 10 s for such a change.`,
    ],
    goals: [
      atMost(
        `cost per auction, ${fixed(largest)} supplies / ${SMALL}`,
        1.15,
        cpuRatio(results.get(String(largest)), baseline),
      ),
      atMost(`start with ${fixed(largest)} supplies`, 5, (last?.readyMs ?? NaN) / 1000, { digits: 1, unit: ' s' }),
      atMost(`heap with ${fixed(largest)} supplies`, 250, (last?.heapUsed ?? NaN) / 1e6, { digits: 0, unit: ' MB' }),
      atMost(`a change of 100 of ${fixed(largest)} supplies is live`, 2, changeMs / 1000, { digits: 1, unit: ' s' }),
    ],
  }
}

/** Writes the catalogue into an empty database, in bulk; `auction load-data` would take minutes for a million. */
async function fill(database, size) {
  // Checking ten million references takes most of the time, and all of these are right.
  for (const column of ['supply_id', 'bidder_id']) {
    await database.query(`ALTER TABLE supply_bidder DROP CONSTRAINT supply_bidder_${column}_fkey`)
  }
  const rows = bidders()
  await database.query('INSERT INTO bidders (id, country) SELECT * FROM unnest($1::text[], $2::text[])', [
    rows.map(({ id }) => id),
    rows.map(({ country }) => country),
  ])
  const page = []
  for (const row of suppliesOf(size)) {
    page.push(row)
    if (page.length === ROWS_PER_STATEMENT) await insert(database, page.splice(0))
  }
  if (page.length > 0) await insert(database, page)
  await database.query('ANALYZE')
}

async function insert(database, page) {
  await database.query('INSERT INTO supplies (id) SELECT unnest($1::text[])', [page.map(([id]) => id)])
  await database.query(
    'INSERT INTO supply_bidder (supply_id, bidder_id) SELECT * FROM unnest($1::text[], $2::text[])',
    [page.flatMap(([id, bidderIds]) => bidderIds.map(() => id)), page.flatMap(([, bidderIds]) => bidderIds)],
  )
}
