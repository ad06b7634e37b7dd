import type { IncomingMessage } from 'node:http'
import { describe, expect, it } from 'vitest'
import { createHosts, hostToSend } from '../../src/server/hosts.ts'

function served(host: string, allowedHosts: readonly string[] | undefined, headers: readonly (string | undefined)[]) {
  const hosts = createHosts({ host, allowedHosts })
  // The second time a name is known.
  return [...headers, ...headers].filter((header) => hosts.isServed({ headers: { host: header } } as IncomingMessage))
}

const OWN = [
  'localhost',
  'LocalHost:4000',
  'auction.localhost',
  '127.0.0.1:4000',
  '[::1]:4000',
  '192.168.1.7',
  undefined,
]
const FOREIGN = [
  'evil.example',
  'localhost.evil.example',
  '127.0.0.1.evil.example',
  'notlocalhost',
  '127.0.0.1@evil.example',
  '',
  '[',
  'a b',
]

describe('the names of a service', () => {
  it.each(['127.0.0.1', '127.8.0.1', '::1', 'localhost'])('should be localhost and addresses on %s', (host) => {
    expect(served(host, undefined, OWN)).toEqual([...OWN, ...OWN])
    expect(served(host, undefined, FOREIGN)).toEqual([])
  })

  it.each(['0.0.0.0', '::', '192.168.1.7', 'ads.example'])('should be all on %s', (host) => {
    expect(served(host, undefined, FOREIGN)).toEqual([...FOREIGN, ...FOREIGN])
  })

  it.each(['127.0.0.1', '0.0.0.0'])('should be those that are listed, and no others, on %s', (host) => {
    const listed = ['ads.example', 'ADS.example:443', '[::1]:80', undefined]
    const others = ['localhost', '127.0.0.1', 'www.ads.example', 'ads.example.evil.example', ...FOREIGN]
    expect(served(host, ['ads.example', '[::1]'], [...listed, ...others])).toEqual([...listed, ...listed])
    expect(served(host, ['*'], others)).toEqual([...others, ...others])
  })

  it('should be told to those who call its URL only where that has none of them', () => {
    const url = 'http://127.0.0.1:4000'
    expect(hostToSend({ host: '127.0.0.1', allowedHosts: ['ads.example', 'other.example'] }, url)).toBe('ads.example')
    for (const allowedHosts of [undefined, ['*'], ['ads.example', '127.0.0.1']]) {
      expect(hostToSend({ host: '127.0.0.1', allowedHosts }, url)).toBeUndefined()
    }
  })
})
