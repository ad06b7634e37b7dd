import { randomInt } from 'node:crypto'
import { defineCommand } from 'citty'
import { type Notice, startDemandPartner } from '../demand-partner/server.ts'
import { createLog } from '../log.ts'
import { decimal, SOME_TEXT, type ValueKind, wholeNumber } from '../value-kinds.ts'
import { runCommand } from './command-error.ts'
import { parseOption, valuesOf } from './options.ts'
import { stopSignal } from './stop-signal.ts'

const NO_BID = '0.3'

export const bidderCommand = defineCommand({
  meta: {
    name: 'bidder',
    description: 'Be a demand partner that answers bid requests of OpenRTB 2.6 by chance, to try things with.',
  },
  args: {
    port: { type: 'string', default: '4100', valueHint: 'N', description: 'Where it listens; 0 takes a free port' },
    host: { type: 'string', default: '127.0.0.1', valueHint: 'ADDRESS', description: 'The address it listens on' },
    name: { type: 'string', default: 'partner', valueHint: 'NAME', description: 'Its seat' },
    latency: { type: 'string', default: '0-150', valueHint: 'MS-MS', description: 'How long an answer takes, from-to' },
    'no-bid': { type: 'string', default: NO_BID, valueHint: '0-1', description: 'The share of requests without a bid' },
    price: { type: 'string', default: '0.5-4', valueHint: 'USD-USD', description: 'What it bids, from-to' },
    errors: {
      type: 'string',
      default: '0.01',
      valueHint: '0-1',
      description: 'The share of requests that get an HTTP 500, an answer that is no JSON, or none',
    },
    seed: {
      type: 'string',
      valueHint: 'N',
      description: 'The same seed gives the same answers to requests one after the other (default: a random one)',
    },
  },
  run: ({ args, rawArgs }) =>
    runCommand(async () => {
      const seed = args.seed === undefined ? randomInt(SEED_MAX + 1) : parseOption('--seed', args.seed, SEED)
      const behaviour = {
        name: parseOption('--name', args.name, SOME_TEXT),
        latencyMs: parseOption('--latency', args.latency, LATENCY),
        // citty takes it for the negation of a --bid, and gives no value.
        noBid: parseOption('--no-bid', valuesOf('--no-bid', rawArgs).at(-1) ?? NO_BID, SHARE),
        price: parseOption('--price', args.price, PRICE),
        errors: parseOption('--errors', args.errors, SHARE),
      }
      const partner = await startDemandPartner({
        behaviour: () => behaviour,
        port: parseOption('--port', args.port, PORT),
        host: args.host,
        seed,
        onNotice: (notice) => process.stdout.write(`${describe(notice)}\n`),
      })
      const log = createLog('info')
      const stopped = stopSignal(log, 'at once')
      log.info(`a demand partner at ${partner.endpoint} (seed ${seed})`)
      await stopped
      await partner.dispose()
    }),
})

function describe({ kind, parameters }: Notice): string {
  return [`notice ${kind}`, ...Object.entries(parameters).map(([name, value]) => `${name}=${value}`)].join(' ')
}

const SEED_MAX = 2 ** 32 - 1
const SEED = wholeNumber(0, SEED_MAX)
const PORT = wholeNumber(0, 65_535)
const SHARE = decimal(0, 1)
const LATENCY = range(decimal(0, 60_000, 'milliseconds'))
const PRICE = range(decimal(0.001, 1000, 'USD'))

/** One number, or two with a hyphen between them, the lower first. */
function range({ allowed, parse }: ValueKind<number>): ValueKind<readonly [number, number]> {
  return {
    allowed: `${allowed}, or two such with a hyphen between them, the lower first, such as 1-4`,
    parse: (text) => {
      const [min, max = min, ...more] = text.split('-').map(parse)
      return min === undefined || max === undefined || more.length > 0 || min > max ? undefined : [min, max]
    },
  }
}
