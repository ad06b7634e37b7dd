import { interleave } from '../load.mjs'
import { atMost, cpuRatio } from '../numbers.mjs'
import { startPeer, startService } from '../server.mjs'
import { createDatabase, hasRedis, NO_POSTGRES, startRedis } from '../stores.mjs'
import { comparison } from './http.mjs'

export const title = 'runAuction over HTTP, with Redis and PostgreSQL'

/**
 * The limit and the counts in Redis, each answer given after its counts were committed; the catalogue in PostgreSQL.
 * @param {import('../types.ts').Bench} bench
 * @returns {Promise<import('../types.ts').Findings>}
 */
export async function run({ loader, use, settings }) {
  if (!hasRedis()) return { lines: ['Not measured: there is no redis-server here.'], goals: [] }
  const redis = await use(startRedis())
  const database = await createDatabase()
  if (database) await use(database)
  const env = { REDIS_URL: redis.url, ...(database && { DATABASE_URL: database.url }) }
  /** @type {Parameters<typeof comparison>[0]} */
  const servers = [
    ['raw', 'raw node:http, JSON, in memory', await use(startPeer('raw'))],
    ['us', `this service, Redis${database ? ' and PostgreSQL' : ''}`, await use(startService({ env }))],
    ['memory', 'this service, in memory', await use(startService())],
  ]
  const results = await interleave(
    loader,
    servers.map(([name, , server]) => ({ name, server })),
    settings,
  )
  return {
    lines: [
      `Redis is a server of the bench's own (appendonly, fsync every second); its CPU time is not counted.${database ? '' : ` ${NO_POSTGRES}: the embedded one was used.`}`,
      comparison(servers, results, results.get('raw')),
    ],
    goals: [
      atMost(
        'with Redis limiter and durable counting / raw node:http',
        2.2,
        cpuRatio(results.get('us'), results.get('raw')),
      ),
    ],
  }
}
