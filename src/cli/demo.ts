import { randomInt } from 'node:crypto'
import { defineCommand } from 'citty'
import { DEMO_SUPPLIES, startDemo } from '../composition/demo.ts'
import { parseConfig } from '../config.ts'
import { createLog } from '../log.ts'
import { hostToSend } from '../server/hosts.ts'
import { GRAPHQL_PATH } from '../server/yoga.ts'
import { decimal, wholeNumber } from '../value-kinds.ts'
import { runCommand } from './command-error.ts'
import { parseOption } from './options.ts'
import { curlLine } from './shell-quote.ts'
import { stopSignal } from './stop-signal.ts'

export const demoCommand = defineCommand({
  meta: {
    name: 'demo',
    description: 'Serve with four demand partners that are asked over HTTP, one slow and one failing, and sell.',
  },
  args: {
    rate: { type: 'string', default: '2', valueHint: 'N', description: 'Auctions a second that it holds by itself' },
    seed: { type: 'string', valueHint: 'N', description: 'Of the partners and auctions (default: a random one)' },
  },
  run: ({ args }) =>
    runCommand(async () => {
      const rate = parseOption('--rate', args.rate, decimal(0, 100))
      const seed = args.seed === undefined ? randomInt(SEED_MAX) : parseOption('--seed', args.seed, SEED)
      const { PORT, HOST, ALLOW_ANONYMOUS, ALLOWED_HOSTS, LOG_LEVEL } = process.env
      const config = parseConfig({ PORT, HOST, ALLOW_ANONYMOUS, ALLOWED_HOSTS, LOG_LEVEL, ...DEMO_SETTINGS })
      const log = createLog(config.logLevel)
      const stopped = stopSignal(log, 'once what is in flight is answered')
      const app = await startDemo({ config, log, rate, seed })
      const screen = process.stdout.isTTY ? process.stdout : process.stderr
      screen.write(introduction(app.url, rate, hostToSend(config, app.url)))
      await stopped
      await app.dispose()
      log.flush()
    }),
})

const SEED_MAX = 2 ** 32 - 1
const SEED = wholeNumber(0, SEED_MAX)
/** The partners are on this machine, which notices go to no other way. */
const DEMO_SETTINGS = { NOTICE_ALLOW_PRIVATE: '1', SIMULATED_LATENCY_FACTOR: '0.5' }

function introduction(url: string, rate: number, host: string | undefined): string {
  const graphql = `${url}${GRAPHQL_PATH}`
  const query = `mutation { runAuction(input: { supplyId: "${DEMO_SUPPLIES[0]}", ip: "203.0.113.7", country: "US" }) { __typename ... on Auction { winner { id } price creative { markup } responses { bidderId outcome reason price latencyMs } } ... on Error { message } } }`
  const health = '{ bidders { nodes { id endpoint health } } }'
  return `
  GraphiQL   ${graphql}
  Partners   swift-ads, steady-dsp; slow-media, whose answers often come too late; shaky-network, which fails half of the time:
             its circuit opens, and closes when it has recovered. house-ads beside them is simulated.
  Look at    ${health}
  Try        ${curlLine(graphql, { query }, { host })}
  Or         ${curlLine(graphql, { query: health }, { host })}
  ${rate > 0 ? `${rate} auctions a second are held meanwhile. ` : ''}Everything is forgotten at the end: Ctrl-C.

`
}
