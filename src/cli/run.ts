import { defineCommand } from 'citty'
import { formatAuction } from '../auction/format-auction.ts'
import { prepareCatalog } from '../composition/first-catalog.ts'
import { openServices } from '../composition/services.ts'
import { parseConfig } from '../config.ts'
import { openDatabase } from '../db/database.ts'
import { createDisposer } from '../disposer.ts'
import { createLog } from '../log.ts'
import { createCounts } from '../telemetry/counts.ts'
import { runCommand } from './command-error.ts'
import { COUNTRY, IP_ADDRESS, parseOption, TMAX, TMAX_ARGUMENT } from './options.ts'

export const runAuctionCommand = defineCommand({
  meta: { name: 'run', description: 'Run one auction and print it.' },
  args: {
    supply: { type: 'string', required: true, description: 'The id of the supply that sells', valueHint: 'ID' },
    country: { type: 'string', default: 'US', description: "The user's country, ISO 3166-1 alpha-2", valueHint: 'US' },
    ip: { type: 'string', default: '127.0.0.1', description: "The user's address, IPv4 or IPv6", valueHint: 'ADDRESS' },
    tmax: TMAX_ARGUMENT,
  },
  run: ({ args }) =>
    runCommand(async () => {
      const { supply: supplyId } = args
      const country = parseOption('--country', args.country, COUNTRY)
      const ip = parseOption('--ip', args.ip, IP_ADDRESS)
      const tmaxMs = parseOption('--tmax', args.tmax, TMAX)
      const config = {
        ...parseConfig(process.env),
        logLevel: 'warn' as const,
        worker: 'off' as const,
        metrics: 'off' as const,
      }
      const disposer = createDisposer()
      try {
        const database = await openDatabase(config, { command: 'auction run' })
        disposer.add(() => database.dispose())
        const log = createLog(config.logLevel)
        await prepareCatalog({ config, database, log })
        const { services, auctionLog, dispose } = await openServices({
          config,
          database,
          env: process.env,
          counts: createCounts(),
          log,
        })
        disposer.add(dispose)
        const result = await services.auctioneer.run({ supplyId, country, ip, tmaxMs })
        if (result.type === 'SUPPLY_NOT_FOUND') {
          const known = [...services.catalog.current().supplies.keys()].slice(0, SUPPLIES_SHOWN).join(', ')
          const remedy = known ? `There are: ${known}` : 'There is none: load some with `auction load-data`.'
          throw new RunError(`No supply has the id ${supplyId}. ${remedy}`)
        }
        if (result.type === 'NO_ELIGIBLE_BIDDERS') throw new RunError(`No bidder of ${supplyId} buys in ${country}.`)
        if (result.type === 'RATE_LIMITED') {
          throw new RunError(`Too many requests from ${ip}: try again in ${result.retryAfterMs} ms.`)
        }
        process.stdout.write(`${formatAuction(result.auction)}\n`)
        await Promise.all([services.stats.flush(FLUSH_TIMEOUT_MS), auctionLog?.flush(FLUSH_TIMEOUT_MS)])
      } finally {
        await disposer.dispose()
      }
    }),
})

class RunError extends Error {
  readonly code = 'RUN_FAILED'
}

const SUPPLIES_SHOWN = 20
const FLUSH_TIMEOUT_MS = 2000
