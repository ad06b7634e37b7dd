import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { dataFile } from '../catalog.mjs'
import { timeOfChange } from '../catalog-change.mjs'
import { interleave } from '../load.mjs'
import { atMost, cpuRatio, fixed, medianOf, megabytes, table } from '../numbers.mjs'
import { runCommand, startPeer, startService, temporaryFolder } from '../server.mjs'
import { statisticsBytes } from '../statistics-memory.mjs'
import { createDatabase, NO_POSTGRES } from '../stores.mjs'

export const title = 'The size of the catalogue'

const SMALL = 20
const MIDDLE = 10_000

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
  let loadMs = NaN
  for (const size of sizes) {
    progress(`loading ${fixed(size)} supplies`)
    const database = await createDatabase()
    if (database) {
      await use(database)
      loadMs = await load(database, size)
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
  progress(`statistics of ${fixed(largest)} supplies`)
  const statistics = statisticsBytes(largest)
  return {
    lines: [
      `${store ? `The catalogue is in ${store}.` : `${NO_POSTGRES}: the service was put together in process over a snapshot made in memory.`} Each supply has a set of bidders of its own, and requests go through all supplies in an order like chance, so that on a large catalogue nearly every request is its supply's first, whose counters have to be made; the column "few" is of requests for ${SMALL} of its supplies alone. Memory is right after the start, the heap after a garbage collection.`,
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
      `\`auction load-data\` wrote the largest catalogue, ten bidders each, into an empty database in ${fixed(loadMs / 1000, 1)} s.`,
      `A change of 100 supplies by \`auction load-data\` was sold ${fixed(changeMs / 1000, 1)} s after the command's end on the largest catalogue. With maps and lists in place of packed records, a million supplies took 11 s to start, 526 MB of heap, and 10 s for such a change.`,
    ],
    goals: [
      atMost(`statistics in memory of ${fixed(largest)} supplies`, 400, statistics / 1e6, { digits: 0, unit: ' MB' }),
      atMost(
        `cost per auction, ${fixed(largest)} supplies / ${SMALL}`,
        1.15,
        cpuRatio(results.get(String(largest)), baseline),
      ),
      atMost(`start with ${fixed(largest)} supplies`, 5, (last?.readyMs ?? NaN) / 1000, { digits: 1, unit: ' s' }),
      atMost(`heap with ${fixed(largest)} supplies`, 250, (last?.heapUsed ?? NaN) / 1e6, { digits: 0, unit: ' MB' }),
      atMost(`load-data of ${fixed(largest)} supplies`, 60, loadMs / 1000, { digits: 1, unit: ' s' }),
      atMost(`a change of 100 of ${fixed(largest)} supplies is live`, 2, changeMs / 1000, { digits: 1, unit: ' s' }),
    ],
  }
}

/** @returns {Promise<number>} how long the command took, in milliseconds */
async function load(database, size) {
  const folder = temporaryFolder()
  try {
    const file = join(folder.path, 'bench.json')
    writeFileSync(file, dataFile(size))
    const startedAt = performance.now()
    await runCommand(['load-data', '--input', file], { DATABASE_URL: database.url })
    return performance.now() - startedAt
  } finally {
    folder.remove()
  }
}
