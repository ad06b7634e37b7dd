import { describe, expect, it } from 'vitest'
import { createClientAddresses } from '../../src/server/client-addresses.ts'

const addresses = createClientAddresses(['127.0.0.0/8', '::1', '10.0.0.0/8', '2001:db8:aa::/48', 'fe80::2'])

function clientOf(remoteAddress: string | undefined, forwarded?: string): string | undefined {
  const headers = forwarded === undefined ? {} : { 'x-forwarded-for': forwarded }
  return addresses.ofRequest({ headers, socket: { remoteAddress } } as never)
}

describe('the addresses of clients', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['fe80::2%eth0', undefined],
    ['127.0.0.9', undefined],
    ['::1', undefined],
    ['::ffff:10.1.2.3', undefined],
    ['2001:db8:aa:1::1', undefined],
    [undefined, undefined],
  ])('should count a connection of %s by %s', (remoteAddress, counted) => {
    expect(addresses.ofConnection(remoteAddress)).toBe(counted)
  })

  it.each([
    ['a stranger says nothing of another', '192.0.2.1', '198.51.100.1', '192.0.2.1'],
    ['a proxy says who asked it', '10.0.0.1', '198.51.100.1', '198.51.100.1'],
    ['a proxy behind another', '10.0.0.1', '198.51.100.1, 10.0.0.2', '198.51.100.1'],
    ['what a stranger made up stands before it', '127.0.0.1', '203.0.113.7, 198.51.100.1', '198.51.100.1'],
    ['a client among the proxies’ networks', '10.0.0.1', '10.0.0.7, 127.0.0.1', '10.0.0.7'],
    ['a proxy that says nothing', '10.0.0.1', undefined, undefined],
    ['a proxy that says what is no address', '10.0.0.1', '198.51.100.1, unknown', undefined],
    ['with ports', '10.0.0.1', '[2001:db8::1]:4711, 10.0.0.2:80', '2001:db8:0:0::/64'],
  ])('should be told by whom it trusts: %s', (_name, remoteAddress, forwarded, client) => {
    expect(clientOf(remoteAddress, forwarded)).toBe(client)
  })
})
