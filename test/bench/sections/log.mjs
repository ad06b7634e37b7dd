import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import pg from 'pg'
import { DIST } from '../dist.mjs'
import { measureOverhead } from '../log-overhead.mjs'
import { atMost, fixed, median, table } from '../numbers.mjs'
import { startService, startWorker, temporaryFolder } from '../server.mjs'
import { createDatabase, hasRedis, NO_POSTGRES, query, startRedis } from '../stores.mjs'
import { LATENCY_FACTOR } from './overhead.mjs'

/** @type {typeof import('../../../src/history/archive/table-rows.ts')} */
const { readTable } = await import(`${DIST}history/archive/table-rows.js`)
/** @type {typeof import('../../../src/history/archive/write-file.ts')} */
const { writeFile } = await import(`${DIST}history/archive/write-file.js`)

export const title = 'The auction log: what it costs'

/**
 * The service with its log and without, embedded and with Redis and PostgreSQL, where a worker brings the log from one
 * into the other. An auction has eight responses.
 * @param {import('../types.ts').Bench} bench
 * @returns {Promise<import('../types.ts').Findings>}
 */
export async function run(bench) {
  const embedded = await measureEmbedded(bench)
  const streamed = hasRedis() ? await measureStreamed(bench) : undefined
  return {
    lines: [
      'CPU time per auction, in µs: of the thread that answers, and of all threads of the service (embedded, these are the log’s and PostgreSQL’s as well).',
      table(
        ['log', 'answering thread', 'on / off', 'service', 'Redis', 'worker', 'PostgreSQL'],
        [...embedded.rows, ...(streamed?.rows ?? [])],
      ),
      ...(streamed?.lines ?? [`With Redis and PostgreSQL: not measured. ${NO_POSTGRES}, or there is no redis-server.`]),
    ],
    goals: [...embedded.goals, ...(streamed?.goals ?? [])],
  }
}

async function measureEmbedded({ loader, use, settings, progress }) {
  const off = await use(startService({ name: 'off' }))
  const on = await use(startService({ name: 'on', env: { AUCTION_LOG: 'all' } }))
  const parts = (server) => ({ main: server.mainThreadCpuNs(), service: server.cpuNs() })
  const results = await rounds(loader, [off, on], settings, parts, () => sleep(SETTLE_MS), progress)
  const ratio = ratioOf(results, 'main')
  return {
    rows: rowsOf('embedded', results, ['main', 'service']),
    goals: [atMost('answering thread with the log / without, embedded', 1.15, ratio)],
  }
}

async function measureStreamed(bench) {
  const { loader, use, settings, progress } = bench
  const redis = await use(startRedis())
  const database = await createDatabase()
  if (database === undefined) return undefined
  await use(database)
  const env = { REDIS_URL: redis.url, DATABASE_URL: database.url }
  const off = await use(startService({ name: 'off', env }))
  const on = await use(startService({ name: 'on', env: { ...env, AUCTION_LOG: 'all', WORKER: 'off' } }))
  const client = new Redis(redis.url)
  await use({ stop: () => client.disconnect() })

  const streamBytes = await bytesInStream(loader, on, client)
  const worker = await use(startWorker(env))
  const untilShipped = async () => {
    while ((await client.xlen('auction-log')) > 0) await sleep(POLL_MS)
    await sleep(SETTLE_MS)
  }
  await untilShipped()
  const parts = (server) => ({
    main: server.mainThreadCpuNs(),
    service: server.cpuNs(),
    redis: redis.cpuNs(),
    worker: worker.cpuNs(),
    postgres: database.cpuNs?.() ?? Number.NaN,
  })
  const results = await rounds(loader, [off, on], settings, parts, untilShipped, progress)
  const { rows } = await query(database.url, SIZES)
  const { auctions, table_bytes, index_bytes } = rows[0]
  const perRow = (bytes) => fixed(Number(bytes) / Number(auctions))
  const postgresBytes = (Number(table_bytes) + Number(index_bytes)) / Number(auctions)

  // Of other auctions, since latencies by chance are a third of a file, and those of before are all the same.
  await query(database.url, 'TRUNCATE auction_log')
  const slow = { ...env, SIMULATED_LATENCY_FACTOR: LATENCY_FACTOR }
  const overhead = await measureOverhead(bench, {
    off: await use(startService({ name: 'off', env: slow })),
    on: await use(startService({ name: 'on', env: { ...slow, AUCTION_LOG: 'all', WORKER: 'off' } })),
  })
  await untilShipped()
  const parquetBytes = await bytesInParquet(database.url)
  return {
    rows: rowsOf('Redis and PostgreSQL', results, ['main', 'service', 'redis', 'worker', 'postgres']),
    lines: [
      `Bytes per auction: ${fixed(streamBytes)} in the stream, ${perRow(table_bytes)} in PostgreSQL’s tables and ${perRow(index_bytes)} in its indexes (${auctions} auctions), ${fixed(parquetBytes, 1)} in the archive’s Parquet file of a day.`,
      ...overhead.lines,
    ],
    goals: [
      atMost('answering thread with the log / without, Redis', 1.2, ratioOf(results, 'main')),
      atMost('PostgreSQL’s bytes per auction', 400, postgresBytes, { digits: 0 }),
      ...overhead.goals,
      atMost('Parquet’s bytes per auction', 60, parquetBytes, { digits: 1 }),
    ],
  }
}

/** Each server in turn; of each round its parts' CPU time per answer, in microseconds. */
async function rounds(loader, servers, { rounds: count, seconds }, parts, settle, progress) {
  /** @type {Map<string, Record<string, number>[]>} */
  const results = new Map(servers.map(({ name }) => [name, []]))
  for (let round = 0; round <= count; round++) {
    progress(round === 0 ? 'warm-up' : `round ${round} of ${count}`)
    for (const server of servers) {
      const before = parts(server)
      const { answers } = await loader.measure(server, { durationMs: seconds * 1000 })
      await settle()
      const after = parts(server)
      const perAnswer = Object.entries(after).map(([part, ns]) => [part, (ns - before[part]) / 1000 / answers])
      if (round > 0) results.get(server.name)?.push(Object.fromEntries(perAnswer))
    }
  }
  return results
}

function rowsOf(where, results, parts) {
  return [...results].map(([name, all]) => {
    const figures = parts.map((part) => fixed(median(all.map((one) => one[part])), 1))
    const ratio = name === 'on' ? fixed(ratioOf(results, 'main'), 2) : ''
    const [main, ...others] = [...figures, ...Array(5 - parts.length).fill('')]
    return [`${name}, ${where}`, main, ratio, ...others]
  })
}

/** The median of each round's ratio. */
function ratioOf(results, part) {
  const [off = [], on = []] = [results.get('off'), results.get('on')]
  return median(on.map((one, round) => one[part] / (off[round]?.[part] ?? Number.NaN)))
}

/** Of one auction, while nobody ships them. */
async function bytesInStream(loader, server, client) {
  const { answers } = await loader.measure(server, { durationMs: 1000 })
  const bytes = Number(await client.get('auction-log:bytes'))
  return bytes / answers
}

/** Of one auction, as the archive would write the day that has the most. */
async function bytesInParquet(connectionString) {
  const client = new pg.Client({ connectionString })
  await client.connect()
  const folder = temporaryFolder()
  try {
    const { rows } = await client.query(LARGEST_DAY)
    const { bytes, sums } = await writeFile(join(folder.path, 'day.parquet'), readTable(client, rows[0].name))
    return bytes / Number(sums.auctions)
  } finally {
    folder.remove()
    await client.end()
  }
}

const LARGEST_DAY = `
  SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'auction_log'::regclass
  ORDER BY pg_relation_size(inhrelid) DESC LIMIT 1`
/** Of the days that have auctions, with the sets of bidders that they name. */
const SIZES = `
  SELECT (SELECT count(*) FROM auction_log) AS auctions,
    sum(pg_table_size(inhrelid)) + pg_total_relation_size('auction_log_bidder_sets') AS table_bytes,
    sum(pg_indexes_size(inhrelid)) AS index_bytes
  FROM pg_inherits WHERE inhparent = 'auction_log'::regclass AND pg_relation_size(inhrelid) > 0`
/** What is on its way at a round's end is written within this, in milliseconds. */
const SETTLE_MS = 1500
const POLL_MS = 50
