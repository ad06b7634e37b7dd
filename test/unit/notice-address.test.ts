import type { lookup as systemLookup } from 'node:dns'
import { createServer } from 'node:http'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { URL_LENGTH_MAX } from '../../src/auction/macros.ts'
import { createPublicLookup, isPublicAddress } from '../../src/notices/public-address.ts'
import { createNoticeSending, parseNoticeUrl } from '../../src/notices/send.ts'
import { portOf } from '../support/receiver.ts'

describe('isPublicAddress', () => {
  it.each([
    '1.1.1.1',
    '9.255.255.255',
    '11.0.0.0',
    '100.63.255.255',
    '100.128.0.0',
    '126.255.255.255',
    '172.15.255.255',
    '172.32.0.0',
    '192.167.255.255',
    '223.255.255.255',
    '2600::1',
    '2a00:1450:4001:82a::200e',
    '2001:4860:4860::8888',
  ])('should let %s be called', (address) => expect(isPublicAddress(address)).toBe(true))

  it.each([
    '0.0.0.0',
    '10.0.0.1',
    '100.64.0.1',
    '127.0.0.1',
    '127.255.255.254',
    '169.254.169.254',
    '172.16.0.1',
    '172.31.255.255',
    '192.0.0.1',
    '192.0.2.1',
    '192.88.99.1',
    '192.168.1.1',
    '198.18.0.1',
    '198.51.100.1',
    '203.0.113.1',
    '224.0.0.1',
    '239.255.255.255',
    '240.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    '::127.0.0.1',
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
    '::ffff:8.8.8.8',
    '64:ff9b::7f00:1',
    '64:ff9b:1::1',
    '100::1',
    '2001::1',
    '2001:db8::1',
    '2002:7f00:1::',
    '3fff::1',
    'fc00::1',
    'fd12:3456:789a::1',
    'fe80::1',
    'fe80::1%lo',
    '2600::1%lo',
    'fec0::1',
    'ff02::1',
    'localhost',
    '',
    '127.1',
  ])('should let %s not be called', (address) => expect(isPublicAddress(address)).toBe(false))
})

describe('a notice to an address that is not public', () => {
  let requests = 0
  const server = createServer((_request, response) => {
    requests += 1
    response.end()
  })
  let port = 0
  beforeAll(async () => {
    port = await portOf(server)
  })
  afterAll(() => {
    server.close()
  })

  async function send(url: string, lookup?: typeof systemLookup) {
    const sending = createNoticeSending({ allowPrivate: false, ...(lookup && { lookup }) })
    const parsed = parseNoticeUrl(url.replace(':PORT', `:${port}`))
    try {
      return parsed instanceof URL ? await sending.send(parsed) : parsed
    } finally {
      await sending.dispose()
    }
  }

  it.each([
    'http://127.0.0.1:PORT/',
    'http://2130706433:PORT/',
    'http://0x7f000001:PORT/',
    'http://0x7f.1:PORT/',
    'http://017700000001:PORT/',
    'http://0177.0.0.1:PORT/',
    'http://127.1:PORT/',
    'http://127.0.0.1.:PORT/',
    'http://%31%32%37.0.0.1:PORT/',
    'http://①②⑦.0.0.1:PORT/',
    'http://0:PORT/',
    'http://user@127.0.0.1:PORT/',
    'http://1.1.1.1@127.0.0.1:PORT/',
    'http://[::1]:PORT/',
    'http://[0:0:0:0:0:0:0:1]:PORT/',
    'http://[::ffff:127.0.0.1]:PORT/',
    'http://[::ffff:7f00:1]:PORT/',
    'http://[64:ff9b::7f00:1]:PORT/',
    'http://169.254.169.254/latest/meta-data/',
    'http://localhost:PORT/',
    'http://LOCALHOST:PORT/',
  ])('should not be sent to %s', async (url) => {
    expect(await send(url)).toMatchObject({ type: 'REFUSED', reason: expect.stringContaining('public internet') })
    expect(requests).toBe(0)
  })

  it.each([
    ['one that is private', ['10.0.0.1']],
    ['this machine', ['127.0.0.1']],
    ['this machine, in IPv6', ['::1']],
    ['this machine, mapped into IPv6', ['::ffff:127.0.0.1']],
    ['a public one and this machine', ['1.1.1.1', '127.0.0.1']],
  ])('should not be sent to a name whose address is %s', async (_what, addresses) => {
    const lookup = resolvingTo(() => addresses)
    expect(await send('http://dsp.example:PORT/', lookup)).toMatchObject({ type: 'REFUSED' })
    expect(requests).toBe(0)
  })

  it('should be judged by the address that is connected to, and not by the one of a moment ago', async () => {
    const answers = [['1.1.1.1'], ['127.0.0.1']]
    const lookup = createPublicLookup({ lookup: resolvingTo(() => answers.shift() ?? []) })
    const resolve = () =>
      new Promise((done) => lookup('dsp.example', { all: true }, (error, found) => done(error?.message ?? found)))
    expect(await resolve()).toEqual([{ address: '1.1.1.1', family: 4 }])
    expect(await resolve()).toBe('dsp.example is 127.0.0.1, which is no address of the public internet')
    expect(await resolve()).toBe('dsp.example has no address')
  })

  it('should be tried again where its name cannot be resolved', async () => {
    const lookup = resolvingTo(() => [])
    expect(await send('http://dsp.example/', lookup)).toMatchObject({ type: 'FAILED' })
  })

  it.each([
    ['ftp://dsp.example/', 'ftp: is not http: or https:'],
    ['file:///etc/passwd', 'file: is not http: or https:'],
    ['javascript:alert(1)', 'javascript: is not http: or https:'],
    ['dsp.example/win', 'it is no URL'],
    ['http://', 'it is no URL'],
    ['http://a\0b/', 'it is no URL'],
    [`http://dsp.example/${'x'.repeat(URL_LENGTH_MAX)}`, `the URL is longer than ${URL_LENGTH_MAX} characters`],
  ])('should not be sent to %s', async (url, reason) => expect(await send(url)).toEqual({ reason }))
})

/** A resolver that answers with these addresses. */
function resolvingTo(addresses: () => readonly string[]): typeof systemLookup {
  const lookup = (_host: string, _options: unknown, callback: (error: null, found: unknown) => void) => {
    const found = addresses().map((address) => ({ address, family: address.includes(':') ? 6 : 4 }))
    setImmediate(callback, null, found)
  }
  return lookup as typeof systemLookup
}
