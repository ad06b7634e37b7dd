import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createDisposer, type Disposer } from '../../src/disposer.ts'
import type { OpenRtbBidRequest } from '../../src/openrtb/types.ts'
import { type BidderServer, bidOn, startBidder } from '../support/bidder-server.ts'
import { type AskedBidders, bidderAt, openRtbBidders } from '../support/openrtb-bidders.ts'

let disposer: Disposer
beforeEach(() => {
  disposer = createDisposer()
})
afterEach(() => disposer.dispose())

type Answer = Parameters<typeof startBidder>[0]

async function start(answer: Answer): Promise<BidderServer> {
  const server = await startBidder(answer)
  disposer.add(() => server.dispose())
  return server
}

function open(options: Parameters<typeof openRtbBidders>[0] = {}): AskedBidders {
  const bidders = openRtbBidders(options)
  disposer.add(() => bidders.dispose())
  return bidders
}

describe('createOpenRtbBidders', () => {
  it('should ask over one connection, with the headers of OpenRTB and of the bidder', async () => {
    const heard: [OpenRtbBidRequest, object][] = []
    const server = await start((request, response, { headers, method, url }) => {
      heard.push([request, { ...headers, method, url }])
      response.end(bidOn(request))
    })
    const { ask } = open({ env: { ACME_TOKEN: 's3cret' } })
    const bidder = bidderAt(server.url, { headers: { Authorization: 'Bearer ${ACME_TOKEN}' } })
    for (let auction = 0; auction < 3; auction++) {
      const answer = await ask(bidder)
      expect(answer).toMatchObject({ bidderId: 'acme', outcome: 'LOST', priceMicros: 1_500_000 })
      expect(answer.bid?.creative.markup).toBe('<a>')
      expect(answer.latencyMs).toBeGreaterThan(0)
      // A connection is free in the turn after its answer.
      await nextTurn()
    }
    expect([server.connections, server.requests]).toEqual([1, 3])
    expect(heard[0]?.[1]).toMatchObject({
      method: 'POST',
      url: '/bid?partner=1',
      'content-type': 'application/json',
      'x-openrtb-version': '2.6',
      authorization: 'Bearer s3cret',
    })
    expect(heard.map(([{ source }]) => source?.tid)).toEqual(heard.map(([{ id }]) => id))
    expect(new Set(heard.map(([{ id }]) => id)).size).toBe(3)
  })

  it('should compress the request of a bidder that says so', async () => {
    const server = await start((request, response, { headers }) => {
      expect(headers['content-encoding']).toBe('gzip')
      response.end(bidOn(request))
    })
    expect(await open().ask(bidderAt(server.url, { gzip: true }))).toMatchObject({ outcome: 'LOST' })
  })

  it('should tell a bidder the time that it has, less what is kept back, and never wait longer', async () => {
    const tmax: (number | undefined)[] = []
    const server = await start((request) => void tmax.push(request.tmax))
    const { ask, status } = open()
    expect(await ask(bidderAt(server.url), 800)).toMatchObject({ outcome: 'TIMED_OUT', latencyMs: null })
    const startedAt = performance.now()
    expect(await ask(bidderAt(server.url, { timeoutMs: 600 }), 5000)).toMatchObject({ outcome: 'TIMED_OUT' })
    expect(performance.now() - startedAt).toBeLessThan(2000)
    expect(tmax[0]).toBeLessThanOrEqual(800)
    expect(tmax[0]).toBeGreaterThanOrEqual(400)
    expect(tmax[1]).toBeLessThanOrEqual(600)
    expect(status().bidders.get('acme')?.reservedMs).toBeGreaterThan(0)
  })

  it('should ask nobody who has no time', async () => {
    const server = await start(() => {})
    expect(await open().ask(bidderAt(server.url), 0.5)).toMatchObject({ outcome: 'SKIPPED', reason: 'NO_TIME_LEFT' })
    expect(server.requests).toBe(0)
  })

  it('should read a late answer and use its connection again', async () => {
    const late: (() => void)[] = []
    const server = await start((request, response) => {
      if (late.length === 0) late.push(() => response.end(bidOn(request)))
      else response.end(bidOn(request))
    })
    const { ask, status } = open()
    expect(await ask(bidderAt(server.url), 500)).toMatchObject({ outcome: 'TIMED_OUT' })
    expect(status().bidders.get('acme')?.inFlight).toBe(1)
    late[0]?.()
    await vi.waitFor(() => expect(status().bidders.get('acme')?.inFlight).toBe(0))
    expect(await ask(bidderAt(server.url))).toMatchObject({ outcome: 'LOST' })
    expect(server.connections).toBe(1)
  })

  it('should cut a connection whose answer does not come at all', async () => {
    const server = await start(() => {})
    const { ask, status } = open()
    expect(await ask(bidderAt(server.url), 500)).toMatchObject({ outcome: 'TIMED_OUT' })
    expect([server.connections, server.requests, server.ended]).toEqual([1, 1, 0])
    await vi.waitFor(() => expect(server.ended).toBe(1))
    expect(status().bidders.get('acme')?.inFlight).toBe(0)
  })

  it('should have no more requests under way than the bidder takes', async () => {
    const server = await start(() => {})
    const { ask, status } = open()
    const bidder = bidderAt(server.url, { maxInFlight: 3 })
    const answers = await Promise.all(Array.from({ length: 5 }, () => ask(bidder, 800)))
    expect(answers.map(({ outcome, reason }) => reason ?? outcome)).toEqual([
      ...Array(3).fill('TIMED_OUT'),
      ...Array(2).fill('IN_FLIGHT_EXCEEDED'),
    ])
    expect(server.connections).toBe(3)
    expect(status().bidders.get('acme')?.inFlight).toBe(3)
  })

  it('should ask no more often in any second than the bidder takes', async () => {
    let offsetMs = 0
    const server = await start((_request, response) => response.writeHead(204).end())
    const { ask } = open({ now: () => performance.now() + offsetMs })
    const bidder = bidderAt(server.url, { maxQps: 4 })
    const askAll = () => Promise.all(Array.from({ length: 6 }, () => ask(bidder)))
    const outcomes = (await askAll()).map(({ outcome, reason }) => reason ?? outcome)
    expect(outcomes).toEqual([...Array(4).fill('NO_BID'), ...Array(2).fill('QPS_EXCEEDED')])
    offsetMs += 1000
    expect((await askAll()).filter(({ outcome }) => outcome === 'NO_BID')).toHaveLength(4)
  })

  it('should ask nobody whose headers name a variable that is not set, and say so once', async () => {
    const server = await start(() => {})
    const { ask, notConfigured, status, retain } = open({ env: { EMPTY: '' } })
    const bidder = bidderAt(server.url, { headers: { a: '${MISSING}', b: '${EMPTY}${MISSING}' } })
    for (let auction = 0; auction < 3; auction++) {
      expect(await ask({ ...bidder, http: { ...bidder.http } })).toMatchObject({
        outcome: 'SKIPPED',
        reason: 'NOT_CONFIGURED',
      })
    }
    expect(notConfigured).toEqual(['acme: its headers name MISSING, EMPTY, which is not set: set it and start again'])
    expect(status().notConfigured).toEqual(['acme'])
    retain(new Map())
    expect(status().notConfigured).toEqual([])
    expect(server.requests).toBe(0)
  })

  it('should ask nobody whose headers have a variable that cannot be sent, and not say what it is', async () => {
    const server = await start(() => {})
    const { ask, notConfigured } = open({ env: { TOKEN: 's3cret\r\nx-more: 1', OTHER: 's3cret\n' } })
    const headers = { authorization: 'Bearer ${TOKEN}', 'x-key': '${OTHER}' }
    expect(await ask(bidderAt(server.url, { headers }))).toMatchObject({ outcome: 'SKIPPED', reason: 'NOT_CONFIGURED' })
    expect(notConfigured).toEqual([
      'acme: its headers authorization, x-key cannot be sent as their variables are: set these to printable ASCII, without line breaks, and start again',
    ])
    expect(server.requests).toBe(0)
  })

  it.each(['not a url', 'ftp://bidder.example/'])('should ask nobody at %s', async (endpoint) => {
    const { ask, notConfigured } = open()
    expect(await ask(bidderAt(endpoint))).toMatchObject({ outcome: 'SKIPPED', reason: 'NOT_CONFIGURED' })
    expect(notConfigured).toEqual(['acme: its endpoint is no URL of http or https: load it anew'])
  })

  it('should close the connections to a bidder that has left, after what is under way, and ask one that has moved', async () => {
    const answers: (() => void)[] = []
    const server = await start((request, response) => void answers.push(() => response.end(bidOn(request))))
    const other = await start((request, response) => response.end(bidOn(request, { price: 2 })))
    const { ask, retain, status } = open()
    const bidder = bidderAt(server.url)
    const asked = ask(bidder)
    await vi.waitFor(() => expect(answers).toHaveLength(1))
    retain(new Map([['acme', { ...bidder, http: { ...bidder.http } }]]))
    expect(status().bidders.size).toBe(1)
    retain(new Map())
    expect(status().bidders.size).toBe(0)
    answers[0]?.()
    expect(await asked).toMatchObject({ outcome: 'LOST', priceMicros: 1_500_000 })
    await vi.waitFor(() => expect(server.ended).toBe(server.connections))
    expect(await ask(bidderAt(other.url))).toMatchObject({ priceMicros: 2_000_000 })
  })

  it('should tell the health of bidders over HTTP alone', async () => {
    const { health } = open()
    expect(health({ id: 'simulated', country: 'US' })).toBeNull()
    expect(health(bidderAt('http://127.0.0.1:1/'))).toBe('CLOSED')
  })
})

describe('the circuit breaker of a bidder', () => {
  it('should open within 100 requests, try again with a few, and close soon after the bidder has recovered', async () => {
    let offsetMs = 0
    let isBroken = false
    const server = await start((request, response) => {
      if (isBroken) response.writeHead(500).end()
      else response.end(bidOn(request))
    })
    const { ask, changes, health } = open({ now: () => performance.now() + offsetMs })
    const bidder = bidderAt(server.url)
    const askMany = (count: number) => Promise.all(Array.from({ length: count }, () => ask(bidder)))
    for (let round = 0; round < 8; round++) await askMany(8)

    isBroken = true
    const before = server.requests
    for (let round = 0; round < 25; round++) await askMany(8)
    expect(server.requests - before).toBeLessThan(100)
    expect([health(bidder), changes]).toEqual(['OPEN', ['acme OPEN']])
    expect(await ask(bidder)).toMatchObject({ outcome: 'SKIPPED', reason: 'CIRCUIT_OPEN', latencyMs: null })

    offsetMs += 2000
    const probed = await askMany(8)
    expect(probed.filter(({ outcome }) => outcome === 'ERROR')).toHaveLength(3)
    expect(changes).toEqual(['acme OPEN', 'acme HALF_OPEN', 'acme OPEN'])

    isBroken = false
    offsetMs += 2000
    await askMany(8)
    expect(changes.slice(3)).toEqual(['acme HALF_OPEN', 'acme CLOSED'])
    expect((await askMany(8)).every(({ outcome }) => outcome === 'LOST')).toBe(true)
    expect(health(bidder)).toBe('CLOSED')
  })

  it('should open for a bidder that does not answer in time, but not for one that has less than it takes', async () => {
    const delayed: Answer = (request, response) => void setTimeout(() => response.end(bidOn(request)), 60)
    const [slow, hanging] = [await start(delayed), await start(() => {})]
    const { ask, health } = open()
    const usual = bidderAt(slow.url, {}, 'usual')
    for (let round = 0; round < 30; round++) await Promise.all([ask(usual), ask(usual)])
    for (let round = 0; round < 5; round++) await Promise.all(Array.from({ length: 10 }, () => ask(usual, 10)))
    expect(health(usual)).toBe('CLOSED')

    const stuck = bidderAt(hanging.url, {}, 'stuck')
    await Promise.all(Array.from({ length: 20 }, () => ask(stuck, 500)))
    expect(health(stuck)).toBe('OPEN')
  })

  it('should send no more than it takes to open where nobody answers, before the first time is over', async () => {
    let offsetMs = 0
    const server = await start(() => {})
    const { ask, health } = open({ now: () => performance.now() + offsetMs })
    const stuck = bidderAt(server.url)
    const first = Array.from({ length: 70 }, () => ask(stuck, 1500))
    offsetMs += 100
    const later = await Promise.all(Array.from({ length: 200 }, () => ask(stuck, 1500)))
    expect(later.every(({ reason }) => reason === 'IN_FLIGHT_EXCEEDED')).toBe(true)
    await Promise.all(first)
    expect(health(stuck)).toBe('OPEN')
    expect(server.requests).toBeLessThan(100)
  })

  it('should not take its own process’s pauses for failures of the bidder', async () => {
    const server = await start((request, response) => response.end(bidOn(request)))
    const { ask, health } = open()
    const bidder = bidderAt(server.url)
    await ask(bidder)
    const asked = Array.from({ length: 30 }, () => ask(bidder, 100))
    const until = performance.now() + 200
    while (performance.now() < until);
    expect((await Promise.all(asked)).every(({ outcome }) => outcome === 'TIMED_OUT')).toBe(true)
    expect(health(bidder)).toBe('CLOSED')
  })

  it('should take a bid that the supply does not take for no failure', async () => {
    const server = await start((request, response) => response.end(bidOn(request, { adm: '' })))
    const { ask, health } = open()
    const bidder = bidderAt(server.url)
    for (let round = 0; round < 30; round++) expect(await ask(bidder)).toMatchObject({ reason: 'MISSING_MARKUP' })
    expect(health(bidder)).toBe('CLOSED')
  })
})
