import { describe, expect, it } from 'vitest'
import { isIPAddress, rateLimitKey } from '../../src/rate-limit/key.ts'
import fc from '../support/fast-check.ts'

describe('isIPAddress', () => {
  it.each([
    '1.2.3.4',
    '255.255.255.255',
    '::',
    '::1',
    '2001:db8::1',
    '::ffff:1.2.3.4',
    '1:2:3:4:5:6:7:8',
    '1:2:3:4:5:6:1.2.3.4',
  ])('should accept %s', (text) => {
    expect(isIPAddress(text)).toBe(true)
  })

  it.each([
    '',
    'localhost',
    '1.2.3',
    '01.2.3.4',
    '1.2.3.256',
    ' 1.2.3.4',
    '1.2.3.4/24',
    'fe80::1%eth0',
    '::1%',
    '1::2::3',
    '[::1]',
    '12345::',
    '1:2:3:4:5:6:7',
    '::1.2.3.4.5',
  ])('should refuse %j', (text) => {
    expect(isIPAddress(text)).toBe(false)
  })
})

describe('rateLimitKey', () => {
  it('should take an IPv4 address as it is', () => {
    expect(rateLimitKey('203.0.113.7')).toBe('203.0.113.7')
  })

  it('should count an IPv6 address by its /64', () => {
    expect(rateLimitKey('2001:db8:1:2:3:4:5:6')).toBe('2001:db8:1:2::/64')
    expect(rateLimitKey('2001:0DB8:0001:2::')).toBe('2001:db8:1:2::/64')
    expect(rateLimitKey('2001:db8:1:3::')).toBe('2001:db8:1:3::/64')
    expect(rateLimitKey('::1')).toBe('0:0:0:0::/64')
  })

  it.each(['::ffff:1.2.3.4', '::ffff:102:304', '0:0:0:0:0:ffff:1.2.3.4', '::FFFF:0102:0304'])(
    'should count %s as 1.2.3.4',
    (ip) => {
      expect(rateLimitKey(ip)).toBe('1.2.3.4')
    },
  )

  it.each(['1::ffff:1.2.3.4', '::ffff:0:102:304', '::fffe:102:304'])('should not take %s for an IPv4 address', (ip) => {
    expect(rateLimitKey(ip)).toContain('/64')
  })

  it('should give equal addresses in different spellings equal keys, and different /64s different ones', () => {
    const groups = fc.array(fc.oneof(fc.constant(0), fc.constant(0xffff), fc.nat(0xffff)), {
      minLength: 8,
      maxLength: 8,
    })
    fc.assert(
      fc.property(groups, groups, fc.infiniteStream(fc.nat(7)), (one, other, choices) => {
        const choose = () => choices.next().value as number
        const first = spell(one, choose)
        const second = spell(one, choose)
        expect(isIPAddress(first)).toBe(true)
        expect(rateLimitKey(first)).toBe(rateLimitKey(second))
        const isSame = rateLimitKey(first) === rateLimitKey(spell(other, choose))
        expect(isSame).toBe(budgetOf(one) === budgetOf(other))
      }),
      { numRuns: 2_000 },
    )
  })
})

/** What an address is counted by, said independently of the code under test. */
function budgetOf(groups: readonly number[]): string {
  const isMapped = groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff
  return isMapped ? `v4 ${groups.slice(6)}` : `v6 ${groups.slice(0, 4)}`
}

/** One of the many spellings of an address: case, leading zeros, a run of zeros left out, the last two groups dotted. */
function spell(groups: readonly number[], choose: () => number): string {
  const texts = groups.map((group) => {
    const hex = group.toString(16).padStart(1 + (choose() % 4), '0')
    return choose() % 2 === 0 ? hex : hex.toUpperCase()
  })
  if (choose() % 2 === 0) {
    const [g = 0, h = 0] = groups.slice(6)
    texts.splice(6, 2, `${g >> 8}.${g & 255}.${h >> 8}.${h & 255}`)
  }
  const start = choose()
  let end = start
  while (groups[end] === 0 && end < texts.length && !texts[end]?.includes('.')) end += 1
  if (end === start || choose() % 2 === 0) return texts.join(':')
  return `${texts.slice(0, start).join(':')}::${texts.slice(end).join(':')}`
}
