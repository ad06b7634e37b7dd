import { request } from 'undici'
import type { Target } from './requests.ts'
import { authorization, CONNECT_TIMEOUT_MS } from './types.ts'

/** A load test that cannot start; the message names the remedy. */
export class LoadTestError extends Error {
  override readonly name = 'LoadTestError'
  readonly code = 'LOAD_TEST_FAILED'
}

export interface DiscoverOptions {
  /** The service's GraphQL endpoint, over HTTP. */
  readonly url: URL
  /** Where the service asks for one. */
  readonly apiKey?: string | undefined
  /** Only this supply. */
  readonly supplyId?: string | undefined
  /** Every request's country; undefined: for each supply the one where most of its bidders buy. */
  readonly country?: string | undefined
}

/**
 * Asks a running service what can be sold there.
 * @throws LoadTestError where it cannot be reached, or has nothing to sell
 */
export async function discoverTargets({ url, apiKey, supplyId, country }: DiscoverOptions): Promise<Target[]> {
  const service = { url, headers: authorization(apiKey) }
  if (supplyId !== undefined) {
    const { supply } = await query<{ supply: SupplyRow | null }>(service, ONE_SUPPLY, { id: supplyId })
    if (!supply) throw new LoadTestError(`No supply of ${url} has the id ${supplyId}: leave --supply out to use all.`)
    return [toTarget(supply, country)]
  }
  const supplies: SupplyRow[] = []
  for (let after: string | null = null; supplies.length < MAX_SUPPLIES; ) {
    const page: { supplies: SuppliesPage } = await query(service, SUPPLIES, { after })
    supplies.push(...page.supplies.nodes)
    if (!page.supplies.pageInfo.hasNextPage) break
    after = page.supplies.pageInfo.endCursor
  }
  const selling = supplies.filter(({ bidders }) => bidders.length > 0)
  if (selling.length === 0) {
    throw new LoadTestError(`${url} has no supply with bidders: load some with auction load-data --input data.json.`)
  }
  return selling.map((supply) => toTarget(supply, country))
}

interface SupplyRow {
  readonly id: string
  readonly bidders: readonly { readonly country: string }[]
}

interface SuppliesPage {
  readonly nodes: readonly SupplyRow[]
  readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string | null }
}

function toTarget({ id, bidders }: SupplyRow, country: string | undefined): Target {
  return { supplyId: id, country: country ?? mostCommonCountry(bidders) ?? 'US' }
}

function mostCommonCountry(bidders: SupplyRow['bidders']): string | undefined {
  const counts = new Map<string, number>()
  for (const bidder of bidders) counts.set(bidder.country, (counts.get(bidder.country) ?? 0) + 1)
  return [...counts].sort(([, a], [, b]) => b - a)[0]?.[0]
}

interface Service {
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
}

async function query<Data>(
  service: Service,
  text: string,
  variables: Readonly<Record<string, unknown>>,
): Promise<Data> {
  const { url } = service
  const body = JSON.stringify({ query: text, variables })
  const answer = await post(service, body)
  let result: { data?: Data; errors?: { message?: string }[] } | undefined
  try {
    result = JSON.parse(answer.text)
  } catch {
    result = undefined
  }
  const problem = result?.errors?.[0]?.message
  if (problem !== undefined) throw new LoadTestError(`${url} cannot tell its supplies: ${problem}`)
  if (!result?.data) {
    throw new LoadTestError(
      `${url} does not answer as the auction service does (HTTP ${answer.status}): name its GraphQL endpoint with --url.`,
    )
  }
  return result.data
}

async function post({ url, headers }: Service, body: string): Promise<{ status: number; text: string }> {
  try {
    const response = await request(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json', ...headers },
      body,
      signal: AbortSignal.timeout(CONNECT_TIMEOUT_MS),
    })
    return { status: response.statusCode, text: await response.body.text() }
  } catch (error) {
    throw new LoadTestError(
      `${url} cannot be reached (${reason(error)}): start the service with auction serve, or name another with --url.`,
      { cause: error },
    )
  }
}

function reason(error: unknown): string {
  const { name, code, message } = error as NodeJS.ErrnoException
  if (name === 'TimeoutError') return `no answer in ${CONNECT_TIMEOUT_MS} ms`
  return code ?? message
}

const ONE_SUPPLY = 'query LoadTestSupply($id: ID!) { supply(id: $id) { id bidders { country } } }'
const SUPPLIES = `query LoadTestSupplies($after: String) {
  supplies(first: 50, after: $after) { nodes { id bidders { country } } pageInfo { hasNextPage endCursor } }
}`
/** Of a larger catalogue the first so many supplies are used. */
const MAX_SUPPLIES = 1000
