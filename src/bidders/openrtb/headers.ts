import { HEADER_VALUE, type Variables, variablesIn, withVariables } from '../../catalog/header-variables.ts'
import type { BidderHttp } from '../../catalog/types.ts'

export type ResolvedHeaders =
  | {
      /** Name, value, name, value: as the HTTP client takes them without looking through them. */
      readonly headers: string[]
    }
  | {
      /** Why they cannot be sent: the end of a sentence that begins with whose they are. It says no variable's value. */
      readonly problem: string
    }

/** What each bid request to a bidder says in its headers: the protocol's, and the bidder's own before them. */
export function resolveHeaders(
  { headers, gzip }: Pick<BidderHttp, 'headers' | 'gzip'>,
  env: Variables,
): ResolvedHeaders {
  const missing = new Set<string>()
  const unsendable: string[] = []
  const byName = new Map<string, string>(Object.entries(PROTOCOL_HEADERS))
  for (const [name, value] of Object.entries(headers)) {
    const filled = withVariables(value, env)
    if (filled === undefined) for (const variable of variablesIn(value)) if (!env[variable]) missing.add(variable)
    if (filled !== undefined && !HEADER_VALUE.test(filled)) unsendable.push(name)
    byName.set(name.toLowerCase(), filled ?? '')
  }
  if (gzip) byName.set('content-encoding', 'gzip')
  if (missing.size > 0) {
    return { problem: `its headers name ${[...missing].join(', ')}, which is not set: set it and start again` }
  }
  // The loader has seen to it by its own environment, which need not be this one.
  if (unsendable.length > 0) {
    const names = unsendable.join(', ')
    return {
      problem: `its headers ${names} cannot be sent as their variables are: set these to printable ASCII, without line breaks, and start again`,
    }
  }
  return { headers: [...byName].flat() }
}

const PROTOCOL_HEADERS = {
  'content-type': 'application/json',
  accept: 'application/json',
  'accept-encoding': 'gzip',
  'x-openrtb-version': '2.6',
}
