import { type LookupAddress, lookup as systemLookup } from 'node:dns'
import { BlockList, isIP, type LookupFunction } from 'node:net'

/** Whether an IP address is one of the public internet: not of this machine, its networks, several hosts, or no host. */
export function isPublicAddress(address: string): boolean {
  const family = isIP(address)
  // A zone names a network of this machine.
  if (family === 0 || address.includes('%')) return false
  if (family === 4) return !NOT_PUBLIC.check(address, 'ipv4')
  return GLOBAL_UNICAST.check(address, 'ipv6') && !NOT_PUBLIC.check(address, 'ipv6')
}

/** An address that must not be called. */
export class AddressRefusedError extends Error {
  override readonly name = 'AddressRefusedError'
  readonly code = 'ADDRESS_REFUSED'

  constructor(host: string, address: string) {
    super(`${host === address ? host : `${host} is ${address}, which`} is no address of the public internet`)
  }
}

export interface PublicLookupOptions {
  /** The system's, where nothing is given. */
  readonly lookup?: typeof systemLookup
}

/**
 * Resolves a name for a connection that is about to be made, and fails where any of its addresses is not public: what is
 * checked is what is connected to, whatever the name resolved to a moment ago.
 */
export function createPublicLookup({ lookup = systemLookup }: PublicLookupOptions = {}): LookupFunction {
  return (host, options, callback) => {
    lookup(host, { ...options, all: true }, (error, addresses: LookupAddress[]) => {
      const [first] = addresses ?? []
      const refused = addresses?.find(({ address }) => !isPublicAddress(address))
      if (error !== null || first === undefined) callback(error ?? notFound(host), '')
      else if (refused !== undefined) callback(new AddressRefusedError(host, refused.address), '')
      else if (options.all === true) callback(null, addresses)
      else callback(null, first.address, first.family)
    })
  }
}

function notFound(host: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${host} has no address`), { code: 'ENOTFOUND' })
}

/** Of IANA's registries of special-purpose addresses, and multicast. */
const NOT_PUBLIC = new BlockList()
for (const [network, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
] as const) {
  NOT_PUBLIC.addSubnet(network, prefix, 'ipv4')
}
for (const [network, prefix] of [
  // Protocols' own, with Teredo, whose addresses have IPv4 ones in them, as those of 6to4.
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
] as const) {
  NOT_PUBLIC.addSubnet(network, prefix, 'ipv6')
}

/** All of IPv6 that is public is in here: neither loopback, IPv4 in whatever form, unique-local, link-local nor multicast. */
const GLOBAL_UNICAST = new BlockList()
GLOBAL_UNICAST.addSubnet('2000::', 3, 'ipv6')
