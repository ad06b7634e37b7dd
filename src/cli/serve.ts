import { setFlagsFromString } from 'node:v8'
import { defineCommand } from 'citty'
import { type App, createApp } from '../composition/app.ts'
import { type Config, parseConfig } from '../config.ts'
import { newInstance } from '../instance.ts'
import { createLog, type Logger } from '../log.ts'
import { mistypedVariables } from '../mistyped-variables.ts'
import { exampleRequest } from '../server/example-operations.ts'
import { hasGraphiQL } from '../server/graphiql.ts'
import { GRAPHQL_PATH } from '../server/yoga.ts'
import { runCommand } from './command-error.ts'
import { curlLine } from './shell-quote.ts'
import { stopSignal } from './stop-signal.ts'

export const serveCommand = defineCommand({
  meta: { name: 'serve', description: 'Serve the GraphQL API until Ctrl-C. Environment variables configure it.' },
  run: () =>
    runCommand(async () => {
      keepRequestsYoung()
      const config = parseConfig(process.env)
      const instance = newInstance()
      const log = createLog(config.logLevel, instance)
      for (const line of mistypedVariables(process.env)) log.warn(line)
      const stopped = stopSignal(log, 'once what is in flight is answered')
      const app = await createApp(config, { env: process.env, instance, log })
      announce(app, config, log)
      await stopped
      const { lostCounts, unlogged } = await app.dispose()
      if (lostCounts + unlogged > 0) process.exitCode = 1
      log.flush()
      // Auctions that the shutdown had to leave would keep the process until they end.
      setTimeout(() => process.exit(), EXIT_DELAY_MS).unref()
    }),
})

/**
 * V8 makes in the old generation what it has often seen to survive a collection of the young one. An auction lives for some
 * 100 ms and is garbage then, but whatever of it is old holds all of its request until the next full collection: after a
 * peak, young collections took 17 ms instead of 5.
 */
function keepRequestsYoung(): void {
  setFlagsFromString('--no-allocation-site-pretenuring')
}

/** Says where the service is and what to try first. */
function announce({ url, services }: App, config: Config, log: Logger): void {
  const catalog = services.catalog.current()
  const graphql = `${url}${GRAPHQL_PATH}`
  const query =
    'mutation($input: RunAuctionInput!) { runAuction(input: $input) { __typename ... on Auction { winner { id } price } ... on Error { message } } }'
  const request = { query, variables: { input: exampleRequest(catalog) } }
  const example = curlLine(graphql, request, config.apiKeysFile !== undefined)
  const isEmpty = catalog.supplies.size === 0
  // It is not among the operations that may be sent, where these are listed.
  const hasExample = !isEmpty && config.persistedOperationsFile === undefined
  const supplies = [...catalog.supplies.keys()].slice(0, SUPPLIES_SHOWN)
  const more = catalog.supplies.size - supplies.length
  log.info({ listening: { url, graphql, ...(hasExample && { example }), supplies } }, `serving on ${url}`)
  // Standard output belongs to the log where it is not a terminal.
  const screen = process.stdout.isTTY ? process.stdout : process.stderr
  screen.write(
    [
      '',
      `  ${hasGraphiQL(config) ? 'GraphiQL' : 'GraphQL '}   ${graphql}`,
      isEmpty
        ? '  Supplies   none: load some with `auction load-data`'
        : `  Supplies   ${supplies.join(', ')}${more > 0 ? ` and ${more} more` : ''}`,
      ...(hasExample ? [`  Try        ${example}`] : []),
      '',
      '',
    ].join('\n'),
  )
}

const SUPPLIES_SHOWN = 20
/** How long the last lines of the log may take to be written, in milliseconds. */
const EXIT_DELAY_MS = 100
