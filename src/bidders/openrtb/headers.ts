import type { BidderHttp } from '../../catalog/types.ts'

/** Environment variables, by name. */
export type Environment = Readonly<Record<string, string | undefined>>

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
  env: Environment,
): ResolvedHeaders {
  const missing: string[] = []
  const byName = new Map<string, string>(Object.entries(PROTOCOL_HEADERS))
  for (const [name, value] of Object.entries(headers)) {
    byName.set(
      name.toLowerCase(),
      value.replace(VARIABLE, (_match, variable: string) => {
        const set = env[variable]
        if (!set) missing.push(variable)
        return set ?? ''
      }),
    )
  }
  if (gzip) byName.set('content-encoding', 'gzip')
  return missing.length > 0 ? { missing: [...new Set(missing)] } : { headers: [...byName].flat() }
}

const PROTOCOL_HEADERS = {
  'content-type': 'application/json',
  accept: 'application/json',
  'accept-encoding': 'gzip',
  'x-openrtb-version': '2.6',
}
const VARIABLE = /\$\{([A-Za-z_]\w*)\}/g
