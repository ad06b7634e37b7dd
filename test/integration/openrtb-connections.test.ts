import type { LookupAddress } from 'node:dns'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createAddresses } from '../../src/bidders/openrtb/addresses.ts'
import { createConnections } from '../../src/bidders/openrtb/connections.ts'
import { createDisposer, type Disposer } from '../../src/disposer.ts'

let disposer: Disposer
beforeEach(() => {
  disposer = createDisposer()
})
afterEach(() => disposer.dispose())

const at = (address: string): LookupAddress[] => [{ address, family: 4 }]

describe('createConnections', () => {
  it('should go to where the bidder’s name has moved, after what is under way', async () => {
    const answers: (() => void)[] = []
    const serverAt = async (host: string, port = 0) => {
      const server = createServer((_request, response) => {
        if (host === '127.0.0.1' && answers.length < 2) answers.push(() => response.end(host))
        else response.end(host)
      })
      server.listen(port, host)
      disposer.add(() => server.closeAllConnections())
      disposer.add(() => server.close())
      await once(server, 'listening')
      return (server.address() as AddressInfo).port
    }
    const port = await serverAt('127.0.0.1')
    await serverAt('127.0.0.2', port)
    let known = at('127.0.0.1')
    const now = () => performance.now()
    const connections = createConnections({
      origin: `http://bidder.test:${port}`,
      max: 4,
      now,
      lookup: async () => known,
    })
    disposer.add(() => connections.destroy())
    const ask = async () => {
      const { body } = await connections.pool().request({ path: '/', method: 'POST', body: '{}' })
      return body.text()
    }

    const asked = [ask(), ask()]
    await vi.waitFor(() => expect(answers).toHaveLength(2))
    expect(connections.roundTripMs()).toBeGreaterThan(0)
    await connections.renew()
    const before = connections.pool()
    known = at('127.0.0.2')
    const renewed = connections.renew()
    await vi.waitFor(() => expect(connections.pool()).not.toBe(before))
    expect(await ask()).toBe('127.0.0.2')
    for (const answer of answers) answer()
    expect(await Promise.all(asked)).toEqual(['127.0.0.1', '127.0.0.1'])
    await renewed
    expect(before.closed).toBe(true)
  })
})

describe('createAddresses', () => {
  it('should look a name up once for all who need it, and again when that is old', async () => {
    let nowMs = 0
    const lookup = vi.fn(async () => at('192.0.2.1'))
    const addresses = createAddresses({ hostname: 'bidder.test', now: () => nowMs, lookup })
    const look = (all: boolean) =>
      new Promise((resolve) => addresses.lookup('bidder.test', { all }, (...answer) => resolve(answer)))
    expect(await Promise.all([look(true), look(false)])).toEqual([
      [null, at('192.0.2.1')],
      [null, '192.0.2.1', 4],
    ])
    nowMs = 59_999
    await look(true)
    expect(lookup).toHaveBeenCalledTimes(1)
    nowMs = 60_000
    await look(true)
    expect(lookup).toHaveBeenCalledTimes(2)
  })

  it('should not ask again at once where there is no answer, and go on with what was known', async () => {
    let nowMs = 0
    const failure = Object.assign(new Error('no such name'), { code: 'ENOTFOUND' })
    const lookup = vi.fn<() => Promise<LookupAddress[]>>().mockRejectedValue(failure)
    const addresses = createAddresses({ hostname: 'bidder.test', now: () => nowMs, lookup })
    const look = () =>
      new Promise((resolve) => addresses.lookup('bidder.test', { all: true }, (...answer) => resolve(answer)))
    expect(await look()).toEqual([failure, []])
    expect([await look(), lookup.mock.calls.length]).toEqual([[failure, []], 1])
    nowMs = 1000
    lookup.mockResolvedValueOnce(at('192.0.2.1'))
    expect(await look()).toEqual([null, at('192.0.2.1')])
    nowMs = 100_000
    expect(await addresses.renew()).toBe(false)
    expect(await look()).toEqual([null, at('192.0.2.1')])
    lookup.mockResolvedValueOnce([...at('192.0.2.2'), ...at('192.0.2.1')])
    expect(await addresses.renew()).toBe(true)
    lookup.mockResolvedValueOnce([...at('192.0.2.1'), ...at('192.0.2.2')])
    expect(await addresses.renew()).toBe(false)
  })

  it('should go on with what was known where the resolver says nothing', async () => {
    let nowMs = 0
    const lookup = vi.fn<() => Promise<LookupAddress[]>>().mockResolvedValueOnce(at('192.0.2.1'))
    const addresses = createAddresses({ hostname: 'bidder.test', now: () => nowMs, lookup })
    const look = () =>
      new Promise((resolve) => addresses.lookup('bidder.test', { all: true }, (...answer) => resolve(answer)))
    await look()
    nowMs = 60_000
    let answer = (_addresses: LookupAddress[]) => {}
    lookup.mockReturnValueOnce(new Promise((resolve) => (answer = resolve)))
    expect(await look()).toEqual([null, at('192.0.2.1')])
    const timers = vi.spyOn(globalThis, 'setTimeout')
    expect(await look()).toEqual([null, at('192.0.2.1')])
    expect(timers).not.toHaveBeenCalled()
    timers.mockRestore()
    answer(at('192.0.2.2'))
    await vi.waitFor(async () => expect(await look()).toEqual([null, at('192.0.2.2')]))
    expect(lookup).toHaveBeenCalledTimes(2)
  })
})
