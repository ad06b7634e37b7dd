import type { App } from '../composition/app.ts'
import type { Config } from '../config.ts'
import type { Logger } from '../log.ts'
import { exampleRequest } from '../server/example-operations.ts'
import { hasGraphiQL } from '../server/graphiql.ts'
import { hostToSend } from '../server/hosts.ts'
import { GRAPHQL_PATH } from '../server/yoga.ts'
import { curlLine } from './shell-quote.ts'

/** Says where the service is and what to try first. */
export function announce({ url, services }: App, config: Config, log: Logger): void {
  const catalog = services.catalog.current()
  const graphql = `${url}${GRAPHQL_PATH}`
  const query =
    'mutation($input: RunAuctionInput!) { runAuction(input: $input) { __typename ... on Auction { winner { id } price } ... on Error { message } } }'
  const request = { query, variables: { input: exampleRequest(catalog) } }
  const example = curlLine(graphql, request, {
    hasKey: config.apiKeysFile !== undefined,
    host: hostToSend(config, url),
  })
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
