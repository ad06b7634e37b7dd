import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'
import type { Config } from '../config.ts'

/**
 * Under which names the service answers, by the Host header. A page can have its own name lead to this machine (DNS rebinding):
 * to its browser the service is then of the page's origin, which may send and read whatever it likes.
 */
export interface Hosts {
  /** Whether a request is for this service; one without a Host header, which is no browser's, is. */
  isServed(request: Pick<IncomingMessage, 'headers'>): boolean
}

/**
 * Answers under the names that are listed. Where none is, a service that listens on this machine's own addresses answers under
 * those, its HOST and whatever address it was called by, since no name leads there; any other one under all names.
 */
export function createHosts({ host, allowedHosts }: Pick<Config, 'host' | 'allowedHosts'>): Hosts {
  if (allowedHosts?.includes('*') || (!allowedHosts && !isLoopback(host))) return { isServed: () => true }
  const names = new Set(allowedHosts ?? ['localhost', nameOf(host)])
  /** Headers that were found to be of a name: most requests have the same. */
  const known = new Set<string>()

  return {
    isServed({ headers: { host: header } }) {
      if (header === undefined || known.has(header)) return true
      const name = nameOf(header)
      if (!names.has(name) && (allowedHosts || !isOfThisMachine(name))) return false
      if (known.size < KNOWN_MAX) known.add(header)
      return true
    },
  }
}

/** The Host header for requests to a service at its URL; undefined where it answers under the URL's own. */
export function hostToSend(config: Pick<Config, 'host' | 'allowedHosts'>, url: string): string | undefined {
  const { host } = new URL(url)
  return createHosts(config).isServed({ headers: { host } }) ? undefined : config.allowedHosts?.[0]
}

/** What a request for another service is told. */
export function misdirected({ headers: { host = '' } }: IncomingMessage): string {
  return `This service does not answer under the name ${JSON.stringify(host.slice(0, SHOWN_MAX))}: ALLOWED_HOSTS lists its names.`
}

export const MISDIRECTED_REQUEST = 'MISDIRECTED_REQUEST'

/** The name of a Host header, without its port and in lower case; an IPv6 address in its brackets. */
function nameOf(host: string): string {
  const url = `http://${isIP(host) === 6 ? `[${host}]` : host}`
  return URL.canParse(url) ? new URL(url).hostname : ''
}

/** An address, or a name under localhost, which browsers look up nowhere. */
function isOfThisMachine(name: string): boolean {
  return isIP(name) === 4 || name.startsWith('[') || name.endsWith('.localhost')
}

function isLoopback(host: string): boolean {
  const name = nameOf(host)
  return name === 'localhost' || name === '[::1]' || (isIP(name) === 4 && name.startsWith('127.'))
}

const KNOWN_MAX = 100
const SHOWN_MAX = 100
