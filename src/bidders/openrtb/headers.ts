import { type Variables, variablesIn, withVariables } from '../../catalog/header-variables.ts'
import type { BidderHttp } from '../../catalog/types.ts'

export type ResolvedHeaders =
  | {
      /** Name, value, name, value: as the HTTP client takes them without looking through them. */
      readonly headers: string[]
    }
  | {
      /** Variables that a header names and that are not set. */
      readonly missing: readonly string[]
    }

/** What each bid request to a bidder says in its headers: the protocol's, and the bidder's own before them. */
export function resolveHeaders(
  { headers, gzip }: Pick<BidderHttp, 'headers' | 'gzip'>,
  env: Variables,
): ResolvedHeaders {
  const missing = new Set<string>()
  const byName = new Map<string, string>(Object.entries(PROTOCOL_HEADERS))
  for (const [name, value] of Object.entries(headers)) {
    const filled = withVariables(value, env)
    if (filled !== undefined) byName.set(name.toLowerCase(), filled)
    else for (const variable of variablesIn(value)) if (!env[variable]) missing.add(variable)
  }
  if (gzip) byName.set('content-encoding', 'gzip')
  return missing.size > 0 ? { missing: [...missing] } : { headers: [...byName].flat() }
}

const PROTOCOL_HEADERS = {
  'content-type': 'application/json',
  accept: 'application/json',
  'accept-encoding': 'gzip',
  'x-openrtb-version': '2.6',
}
