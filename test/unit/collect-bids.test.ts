import { describe, expect, it } from 'vitest'
import { biddersTime, collectBids } from '../../src/auction/collect-bids.ts'
import { bidOf, noBid, skipped, timedOut } from '../../src/bidders/response.ts'
import type { BidderClient, BidderResponse, BidRequest } from '../../src/bidders/types.ts'
import { type Bidder, DEFAULT_SUPPLY_SETTINGS } from '../../src/catalog/types.ts'

type Answer = BidderResponse | Promise<BidderResponse> | Error

function request(tmaxMs: number): BidRequest {
  const supply = DEFAULT_SUPPLY_SETTINGS
  return {
    auctionId: 'a',
    supplyId: 's',
    ip: '203.0.113.7',
    country: 'US',
    tmaxMs,
    supply,
    details: undefined,
    chance: 1,
  }
}

/** Asks one bidder per answer: a, b, c, … */
function collect(answers: readonly Answer[], tmaxMs: number, asked: string[] = []) {
  const bidders = answers.map((_, index) => ({ id: 'abcdef'.charAt(index), country: 'US' }))
  const client: BidderClient = {
    bid: ({ id }: Bidder, _request, deadlineMs) => {
      asked.push(`${id} until ${deadlineMs}`)
      const answer = answers[bidders.findIndex((bidder) => bidder.id === id)]
      if (answer === undefined || answer instanceof Error) throw answer
      return answer
    },
  }
  return collectBids(request(tmaxMs), bidders, client, 1_000 + tmaxMs)
}

function later(): { answer: Promise<BidderResponse>; resolve(response: BidderResponse): void; reject(e: Error): void } {
  let resolve: (response: BidderResponse) => void = () => {}
  let reject: (error: Error) => void = () => {}
  const answer = new Promise<BidderResponse>((onResponse, onError) => {
    resolve = onResponse
    reject = onError
  })
  return { answer, resolve, reject }
}

const outcomes = (responses: readonly BidderResponse[]) => responses.map(({ bidderId, outcome }) => [bidderId, outcome])
/** Longer than any test waits. */
const LONG_MS = 60_000

describe('collectBids', () => {
  it('should give what is known at once without a promise', () => {
    const responses = [bidOf('a', 5, 0), noBid('b', 0)]
    expect(collect(responses, 100)).toEqual(responses)
    expect(collect([], 100)).toEqual([])
  })

  it('should wait as long as known answers take, and make a timeout of one that takes longer than tmax', async () => {
    const startedAt = performance.now()
    const responses = await collect([bidOf('a', 5, 10), bidOf('b', 6, 30), noBid('c', 31)], 30)
    // A timer may fire up to a millisecond early by the finer clock.
    expect(performance.now() - startedAt).toBeGreaterThan(28.5)
    expect(responses).toEqual([
      bidOf('a', 5, 10),
      bidOf('b', 6, 30),
      { bidderId: 'c', outcome: 'TIMED_OUT', priceMicros: null, latencyMs: 31 },
    ])
  })

  it('should ask all bidders at once, each until the deadline, and end with the last answer', async () => {
    const [first, second] = [later(), later()]
    const asked: string[] = []
    const collecting = collect([first.answer, noBid('b', 0), second.answer, bidOf('d', 7, 0.5)], LONG_MS, asked)
    expect(asked).toEqual(['a', 'b', 'c', 'd'].map((id) => `${id} until 61000`))
    second.resolve(noBid('c', 1))
    first.resolve(bidOf('a', 9, 2))
    expect(await collecting).toEqual([bidOf('a', 9, 2), noBid('b', 0), noBid('c', 1), bidOf('d', 7, 0.5)])
  })

  it('should leave a bidder that was not asked what it is, and not wait for it', async () => {
    const unasked = (bidderId: string): BidderResponse => skipped(bidderId, 'CIRCUIT_OPEN')
    expect(collect([unasked('a'), bidOf('b', 5, 0)], LONG_MS)).toEqual([unasked('a'), bidOf('b', 5, 0)])
    const responses = await collect([unasked('a'), Promise.resolve(unasked('b')), unasked('c')], LONG_MS)
    expect(responses).toEqual([unasked('a'), unasked('b'), unasked('c')])
  })

  it('should take a bid without a latency for one that never came in time', async () => {
    expect(outcomes(await collect([{ ...bidOf('a', 5, 0), latencyMs: null }], 5))).toEqual([['a', 'TIMED_OUT']])
  })

  it('should wait for known answers beside those that come at their own time', async () => {
    const startedAt = performance.now()
    const responses = await collect([bidOf('a', 5, 25), Promise.resolve(bidOf('b', 6, 0))], LONG_MS)
    expect(performance.now() - startedAt).toBeGreaterThan(23.5)
    expect(outcomes(responses)).toEqual([
      ['a', 'LOST'],
      ['b', 'LOST'],
    ])
  })

  it('should end at tmax without those that have not answered, whatever they say later', async () => {
    const [late, other] = [later(), later()]
    const responses = await collect(
      [Promise.resolve(bidOf('a', 5, 1)), late.answer, bidOf('c', 6, 31), other.answer],
      30,
    )
    const expected = [
      ['a', 'LOST'],
      ['b', 'TIMED_OUT'],
      ['c', 'TIMED_OUT'],
      ['d', 'TIMED_OUT'],
    ]
    expect(outcomes(responses)).toEqual(expected)
    expect(responses.map(({ latencyMs }) => latencyMs)).toEqual([1, null, 31, null])
    late.resolve(bidOf('b', 99, 1))
    other.reject(new Error('too late to matter'))
    await new Promise(setImmediate)
    expect(outcomes(responses)).toEqual(expected)
  })

  it('should fail where a bidder fails, once, and let nothing else go unheard', async () => {
    const failing = later()
    expect(() => collect([noBid('a', 0), new Error('broken')], LONG_MS)).toThrow('broken')
    const thrown = collect([failing.answer, new Error('broken'), noBid('c', 0)], LONG_MS)
    failing.reject(new Error('as well'))
    await expect(thrown).rejects.toThrow('broken')
    await expect(collect([later().answer, Promise.reject(new Error('lost'))], LONG_MS)).rejects.toThrow('lost')
  })
})

describe('biddersTime', () => {
  it.each([
    ['nobody', [], 0],
    ['the slowest in time', [bidOf('a', 5, 10), noBid('b', 30.25)], 30.25],
    ['one that was late', [bidOf('a', 5, 10), { ...noBid('b', 170), outcome: 'TIMED_OUT' as const }], 100],
    ['one that never said a thing', [timedOut('a')], 100],
    ['one that had less than tmax', [timedOut('a')], 40, 40],
  ])('should be of %s', (_name, responses, expected, durationMs = 101) => {
    expect(biddersTime({ responses, tmaxMs: 100, durationMs })).toBe(expected)
  })
})
