import type { OpenRtbDevice, OpenRtbGeo, OpenRtbUser } from '../../openrtb/types.ts'
import { ipv6Prefix, mappedIPv4, parseIPv6 } from '../../rate-limit/key.ts'

/** An address as bidders are told it: of the one of its two fields that fits. */
export interface SentAddress {
  readonly ip?: string
  readonly ipv6?: string
}

/**
 * An address without what tells one household from another: of IPv4 the /24, of IPv6 the /48. One that maps IPv4 is that.
 * @param ip a valid address
 * @param isWhole whether nothing is cut
 */
export function sentAddress(ip: string, isWhole: boolean): SentAddress {
  if (!ip.includes(':')) return { ip: isWhole ? ip : cutIPv4(ip) }
  const groups = parseIPv6(ip)
  const mapped = mappedIPv4(groups)
  if (mapped !== undefined) return { ip: isWhole ? mapped : cutIPv4(mapped) }
  return { ipv6: isWhole ? ip : ipv6Prefix(groups, IPV6_GROUPS) }
}

/** A device without what tells it from others of its kind, and without where exactly it is. */
export function commonDevice(device: OpenRtbDevice): OpenRtbDevice {
  return pick(device, COMMON_DEVICE_FIELDS)
}

/** A place no nearer than its region. */
export function commonGeo(geo: OpenRtbGeo): OpenRtbGeo {
  return pick(geo, COMMON_GEO_FIELDS)
}

/** A user of whom nothing is said but what it has consented to. */
export function anonymousUser({ consent, ext }: OpenRtbUser): OpenRtbUser {
  const extConsent = (ext as { readonly consent?: unknown } | null | undefined)?.consent
  return {
    ...(typeof consent === 'string' && { consent }),
    ...(typeof extConsent === 'string' && { ext: { consent: extConsent } }),
  }
}

function cutIPv4(ip: string): string {
  return `${ip.slice(0, ip.lastIndexOf('.'))}.0`
}

function pick<T extends object>(from: T, fields: readonly string[]): T {
  const picked: Record<string, unknown> = {}
  for (const field of fields) {
    const value = (from as Record<string, unknown>)[field]
    if (value !== undefined) picked[field] = value
  }
  return picked as T
}

const IPV6_GROUPS = 3
const COMMON_DEVICE_FIELDS = [
  'ua',
  'sua',
  'dnt',
  'lmt',
  'devicetype',
  'make',
  'model',
  'os',
  'osv',
  'h',
  'w',
  'ppi',
  'pxratio',
  'js',
  'language',
  'langb',
  'connectiontype',
] as const
const COMMON_GEO_FIELDS = ['country', 'region', 'utcoffset'] as const
