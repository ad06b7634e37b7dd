import { defineCommand } from 'citty'
import { type Config, parseConfig } from '../config.ts'
import { createPgClient } from '../db/client.ts'
import { type Database, openDatabase } from '../db/database.ts'
import { isDatabaseUnavailable, unreachable } from '../db/unavailable.ts'
import { createDisposer, type Disposer } from '../disposer.ts'
import { createLogStreams } from '../history/log-stream.ts'
import { compareCounters } from '../reconcile/counters.ts'
import { createMendCounter } from '../reconcile/mend-counter.ts'
import { type ReconcileOptions, reconcile } from '../reconcile/reconcile.ts'
import { ReconcileError } from '../reconcile/reconcile-error.ts'
import { untilShipped } from '../reconcile/until-shipped.ts'
import { createRedis, type RedisConnection } from '../redis/connect.ts'
import { createRedisStatsChanges } from '../stats/changes-redis.ts'
import { createRedisStatsStore } from '../stats/redis.ts'
import { startOfWindow, windowOf } from '../stats/window.ts'
import { runCommand } from './command-error.ts'
import { OptionError, parseOption, TIME } from './options.ts'

export const reconcileCommand = defineCommand({
  meta: {
    name: 'reconcile',
    description:
      'Compare counters, the statistics of hours and the auction log, to the millionth; exits 1 where they differ',
  },
  args: {
    from: {
      type: 'string',
      valueHint: 'TIME',
      description: 'Of hours from this one on, without the counters (default: all)',
    },
    to: { type: 'string', valueHint: 'TIME', description: 'Until this hour (default with --from: now)' },
    repair: {
      type: 'boolean',
      default: false,
      description: 'Make the statistics of hours anew from the log, and the counters from these',
    },
  },
  run: ({ args }) =>
    runCommand(async () => {
      const config = parseConfig(process.env)
      const range = parseRange(args.from, args.to)
      const disposer = createDisposer()
      const database = await openDatabase(config, {
        command: 'auction reconcile',
        queryTimeoutMs: STATEMENT_TIMEOUT_MS,
      })
      disposer.add(() => database.dispose())
      try {
        const client = createPgClient(database.connectionString, STATEMENT_TIMEOUT_MS)
        disposer.add(() => client.end())
        await client.connect()
        const counters = range === undefined ? await openCounters(config, database, disposer) : undefined
        const options = {
          client,
          range,
          counters,
          warmDays: config.retentionWarmDays,
          nowMs: Date.now(),
          repair: args.repair,
        }
        const counts = { DIFFERENCE: 0, REPAIRED: 0 }
        for await (const { type, text } of reconcile(options)) {
          counts[type] += 1
          process.stdout.write(type === 'REPAIRED' ? `  repaired ${text}\n` : `${text}\n`)
          if (type === 'DIFFERENCE' && (!args.repair || text.startsWith('still'))) process.exitCode = 1
        }
        if (counts.DIFFERENCE === 0) {
          const what = counters === undefined ? 'The auction log and' : 'Counters, the auction log and'
          process.stdout.write(`${what} the statistics of hours agree.\n`)
        }
        if (range === undefined && counters === undefined) {
          process.stdout.write(
            'Counters are in the memory of the service, which begins with the statistics of hours: not compared.\n',
          )
        }
      } catch (error) {
        throw isDatabaseUnavailable(error) ? unreachable(database.connectionString, error, database.embedded) : error
      } finally {
        await disposer.dispose()
      }
    }),
})

/** Whole hours. */
function parseRange(from: string | undefined, to: string | undefined): ReconcileOptions['range'] {
  if (from === undefined && to === undefined) return undefined
  const fromMs = from === undefined ? 0 : parseOption('--from', from, TIME).getTime()
  const toMs = to === undefined ? Date.now() : parseOption('--to', to, TIME).getTime()
  if (fromMs >= toMs) throw new OptionError('--from must be before --to.')
  return { fromMs: Math.floor(fromMs / HOUR_MS) * HOUR_MS, toMs: Math.ceil(toMs / HOUR_MS) * HOUR_MS }
}

async function openCounters(
  config: Config,
  { prisma }: Database,
  disposer: Disposer,
): Promise<ReconcileOptions['counters']> {
  const url = config.redisStatsUrl ?? config.redisUrl
  if (url === undefined) return undefined
  const connection = createRedis({ url, name: 'auction-reconcile', prefix: config.redisPrefix })
  disposer.add(() => connection.dispose())
  if (!(await connection.whenUp(REDIS_WAIT_MS))) {
    throw new ReconcileError(`Redis at ${connection.address} cannot be reached: start it, or correct REDIS_URL`)
  }
  const changes = createRedisStatsChanges({ connection })
  disposer.add(() => changes.dispose())
  const window = windowOf(config.retentionHotHours)
  const stats = createRedisStatsStore({ connection, changes, window })
  disposer.add(() => stats.dispose())
  const streams = createLogStreams(connection)
  const untilLogged = () => untilShipped(streams, prisma)
  const windowStartMs = window && (async () => startOfWindow(window, await redisTimeMs(connection)))
  return {
    hours: window === undefined ? 'all hours' : `the last ${window.hours} hours`,
    compare: () => compareCounters({ stats, prisma, untilLogged, windowStartMs }),
    mend: createMendCounter({ connection, changes, prisma, window }),
  }
}

/** In milliseconds since 1970, by Redis' clock. */
async function redisTimeMs({ client }: Pick<RedisConnection, 'client'>): Promise<number> {
  const [seconds] = await client.time()
  return Number(seconds) * 1000
}

/** How long one statement may take: a day's auctions are added up in one. */
const STATEMENT_TIMEOUT_MS = 600_000
const REDIS_WAIT_MS = 5_000
const HOUR_MS = 3_600_000
