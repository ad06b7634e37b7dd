/**
 * A `rateLimitKey()` as numbers, so that a table of a million keys holds no object for each: an IPv4 address is its 32
 * bits in `low`, an IPv6 /64 its 64 bits. Equal keys have equal numbers, different ones differ in at least one.
 */
export interface PackedKey {
  /** 0 for IPv4, 1 for IPv6. */
  family: number
  high: number
  low: number
}

/**
 * Packs a key into `target`, which is used again and again.
 * @throws RangeError where the text is no `rateLimitKey()`
 */
export function packKey(key: string, target: PackedKey): void {
  target.high = 0
  const isPacked = key.endsWith(PREFIX_END) ? packIPv6Prefix(key, target) : packIPv4(key, target)
  if (!isPacked) throw new RangeError(`${JSON.stringify(key)} is no key of an address: make it with rateLimitKey().`)
}

/** By character, as everywhere on the hot path: splitting takes several times as long. */
function packIPv4(key: string, target: PackedKey): boolean {
  let address = 0
  let octet = -1
  let dots = 0
  for (let index = 0; index < key.length; index += 1) {
    const code = key.charCodeAt(index)
    if (code === DOT) {
      if (octet === -1) return false
      address = (address << 8) | octet
      octet = -1
      dots += 1
    } else {
      const digit = code - ZERO
      if (digit < 0 || digit > 9) return false
      octet = (octet === -1 ? 0 : octet * 10) + digit
      if (octet > 255) return false
    }
  }
  target.family = 0
  target.low = ((address << 8) | octet) >>> 0
  return dots === 3 && octet !== -1
}

/** `a:b:c:d::/64`, each group in hexadecimal. */
function packIPv6Prefix(key: string, target: PackedKey): boolean {
  const end = key.length - PREFIX_END.length
  let groups = 0
  let group = -1
  let low = 0
  for (let index = 0; index <= end; index += 1) {
    const code = key.charCodeAt(index)
    if (code === COLON) {
      if (group === -1) return false
      if (groups === 2) target.high = low >>> 0
      low = (low << 16) | group
      group = -1
      groups += 1
    } else {
      const digit = code <= NINE ? code - ZERO : (code | LOWER_CASE) - A + 10
      if (digit < 0 || digit > 15) return false
      group = (group === -1 ? 0 : group * 16) + digit
      if (group > 0xffff) return false
    }
  }
  target.family = 1
  target.low = low >>> 0
  return groups === 4
}

const PREFIX_END = '::/64'
const [COLON, DOT, ZERO, NINE, A, LOWER_CASE] = [0x3a, 0x2e, 0x30, 0x39, 0x61, 0x20]
