import { isIPv4, isIPv6 } from 'node:net'

/** Whether `text` is an IPv4 or IPv6 address in its usual text form, without a zone id or prefix length. */
export function isIPAddress(text: string): boolean {
  return isIPv4(text) || (isIPv6(text) && !text.includes('%'))
}

/**
 * What an address is rate limited by: an IPv4 address itself, an IPv6 address's /64 (one customer commonly has a whole
 * one), an IPv4-mapped IPv6 address (RFC 4291, 2.5.5.2) as the IPv4 one. Equal addresses give equal keys, however spelt.
 * @param ip an address for which `isIPAddress()` holds
 */
export function rateLimitKey(ip: string): string {
  // An IPv4 address has one spelling only.
  if (!ip.includes(':')) return ip
  const groups = parseIPv6(ip)
  return mappedIPv4(groups) ?? `${ipv6Prefix(groups, 4)}/64`
}

/** The IPv4 address that an IPv6 address maps (RFC 4291, 2.5.5.2); undefined for any other. */
export function mappedIPv4([a, b, c, d, e, f, g = 0, h = 0]: readonly number[]): string | undefined {
  const isMapped = (a || b || c || d || e) === 0 && f === 0xffff
  return isMapped ? `${g >> 8}.${g & 0xff}.${h >> 8}.${h & 0xff}` : undefined
}

/** The first groups of an IPv6 address, the others 0. @param count 7 at most */
export function ipv6Prefix(groups: readonly number[], count: number): string {
  let prefix = ''
  for (let index = 0; index < count; index++) prefix += `${(groups[index] as number).toString(16)}:`
  return `${prefix}:`
}

/** The eight 16-bit groups of a valid IPv6 address. By character: splitting takes several times as long. */
export function parseIPv6(ip: string): number[] {
  const groups: number[] = []
  let gapAt = 0
  let group = -1
  for (let index = 0; index < ip.length; index += 1) {
    const code = ip.charCodeAt(index)
    if (code === COLON) {
      if (group !== -1) groups.push(group)
      group = -1
      if (ip.charCodeAt(index + 1) === COLON) gapAt = groups.length
    } else if (code === DOT) {
      const [a = 0, b = 0, c = 0, d = 0] = ip
        .slice(ip.lastIndexOf(':') + 1)
        .split('.')
        .map(Number)
      groups.push(a * 256 + b)
      group = c * 256 + d
      break
    } else {
      const digit = code <= NINE ? code - ZERO : (code | LOWER_CASE) - A + 10
      group = (group === -1 ? 0 : group * 16) + digit
    }
  }
  if (group !== -1) groups.push(group)
  while (groups.length < 8) groups.splice(gapAt, 0, 0)
  return groups
}

const [COLON, DOT, ZERO, NINE, A, LOWER_CASE] = [0x3a, 0x2e, 0x30, 0x39, 0x61, 0x20]
