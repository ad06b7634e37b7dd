import type { IncomingMessage, ServerResponse } from 'node:http'

/**
 * Which pages may call, by the Origin header that browsers send. Programs send none and are not concerned. A page of
 * another origin may where it is listed; else its browser asks before it sends JSON and is told nothing, and what it would
 * send without asking, a form or a WebSocket, is refused.
 */
export interface Origins {
  /** Whether a page may send what browsers do not ask for before. */
  isAllowed(request: IncomingMessage): boolean
  /** Says in an answer's headers that a page which is listed may read it. */
  expose(request: IncomingMessage, response: ServerResponse): void
  /** Answers what browsers ask before they send. False, and nothing is done, for another request. */
  preflight(request: IncomingMessage, response: ServerResponse): boolean
}

/** @param listed origins such as https://ads.example; `*` for all */
export function createOrigins(listed: readonly string[]): Origins {
  const origins = new Set(listed)
  const allowsAll = origins.has('*')
  const isListed = (origin: string) => allowsAll || origins.has(origin)

  return {
    isAllowed({ headers: { origin, host } }) {
      return origin === undefined || isListed(origin) || hostOf(origin) === host?.toLowerCase()
    },

    expose({ headers: { origin } }, response) {
      if (origin === undefined || origins.size === 0) return
      response.setHeader('Vary', 'Origin')
      if (!isListed(origin)) return
      response.setHeader('Access-Control-Allow-Origin', origin)
      response.setHeader('Access-Control-Expose-Headers', 'Retry-After, RateLimit, RateLimit-Policy, X-Request-Id')
    },

    preflight({ headers }, response) {
      const { origin, 'access-control-request-method': method } = headers
      if (origin === undefined || method === undefined) return false
      const isAllowed = isListed(origin)
      response.writeHead(204, {
        Vary: 'Origin, Access-Control-Request-Headers',
        ...(isAllowed && {
          'Access-Control-Allow-Origin': origin,
          'Access-Control-Allow-Methods': 'GET, POST',
          'Access-Control-Allow-Headers': headers['access-control-request-headers'] ?? 'content-type',
          'Access-Control-Max-Age': MAX_AGE_S,
        }),
      })
      response.end()
      return true
    },
  }
}

export function forbiddenOrigin(origin = ''): string {
  return `Pages of ${JSON.stringify(origin.slice(0, SHOWN_MAX))} may not call this service: CORS_ORIGINS lists those that may.`
}

const SHOWN_MAX = 100
/** How long a browser may remember what it was told, in seconds. */
const MAX_AGE_S = 600

/** Undefined for `null`, the origin of a page that has none, such as a file or a sandboxed frame. */
function hostOf(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined
}
