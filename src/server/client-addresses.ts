import type { IncomingMessage } from 'node:http'
import { BlockList, isIPv6 } from 'node:net'
import { isIPAddress, rateLimitKey } from '../rate-limit/key.ts'

/** Who is at the other end: an IPv4 address, or an IPv6 address's /64, as the rate limit counts them. */
export interface ClientAddresses {
  /** Whose a connection is; undefined for that of a trusted proxy, which brings many clients. */
  ofConnection(remoteAddress: string | undefined): string | undefined
  /** Whose a request is; undefined where a trusted proxy does not say. */
  ofRequest(request: Pick<IncomingMessage, 'headers' | 'socket'>): string | undefined
}

/** @param trustedProxies addresses, and networks such as 10.0.0.0/8 */
export function createClientAddresses(trustedProxies: readonly string[]): ClientAddresses {
  const trusted = new BlockList()
  for (const network of trustedProxies) {
    const [address = '', bits] = network.split('/')
    if (bits === undefined) trusted.addAddress(address, familyOf(address))
    else trusted.addSubnet(address, Number(bits), familyOf(address))
  }
  const isTrusted = (address: string) => trusted.check(address, familyOf(address))

  return {
    ofConnection(remoteAddress) {
      const address = withoutZone(remoteAddress)
      return address === undefined || isTrusted(address) ? undefined : rateLimitKey(address)
    },

    ofRequest({ headers, socket }) {
      const peer = withoutZone(socket.remoteAddress)
      if (peer === undefined) return undefined
      if (!isTrusted(peer)) return rateLimitKey(peer)
      // Each proxy adds whom it was asked by at the end; what stands before a stranger is the stranger's word.
      let client: string | undefined
      for (const given of String(headers['x-forwarded-for'] ?? '')
        .split(',')
        .reverse()) {
        const address = withoutPort(given.trim())
        if (!isIPAddress(address)) break
        client = address
        if (!isTrusted(address)) break
      }
      return client && rateLimitKey(client)
    },
  }
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIPv6(address) ? 'ipv6' : 'ipv4'
}

/** A link-local address has the name of its interface behind it. */
function withoutZone(address: string | undefined): string | undefined {
  return address?.replace(/%.*$/, '')
}

/** Some proxies write the port too: 192.0.2.1:4711, or [2001:db8::1]:4711. */
function withoutPort(given: string): string {
  return /^\[([^\]]+)\](?::\d+)?$/.exec(given)?.[1] ?? given.replace(/^([\d.]+):\d+$/, '$1')
}
