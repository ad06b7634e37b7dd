import { pino } from 'pino'
import { describe, expect, it } from 'vitest'
import type { Auction } from '../../src/auction/types.ts'
import { bidOf } from '../../src/bidders/response.ts'
import type { BidderHttp } from '../../src/catalog/types.ts'
import { createRecorder } from '../../src/composition/recorder.ts'

const HTTP: BidderHttp = {
  endpoint: 'https://a.example',
  timeoutMs: null,
  maxQps: null,
  maxInFlight: null,
  headers: { Authorization: 'Bearer a secret' },
  gzip: false,
}

const AUCTION: Auction = {
  id: 'id',
  supplyId: 'supply1',
  country: 'US',
  tmaxMs: 200,
  responses: [bidOf('a', 230_000, 1)],
  auctionType: 'FIRST_PRICE',
  floorMicros: 0,
  winner: { id: 'a', country: 'US', http: HTTP },
  priceMicros: 230_000,
  startedAtMs: 0,
  durationMs: 1,
}

describe('createRecorder', () => {
  it('should be the statistics alone where auctions are not logged', () => {
    const stats = { record: () => {} }
    expect(createRecorder({ auctionLog: undefined, stats, log: pino({ level: 'warn' }) })).toBe(stats)
  })

  it('should wait for the statistics, and log in a later turn what somebody could buy', async () => {
    const lines: string[] = []
    const log = pino({ level: 'info' }, { write: (line: string) => void lines.push(line) })
    const counted = Promise.resolve()
    const recorded: Auction[] = []
    const stats = {
      record: (auction: Auction) => {
        recorded.push(auction)
        return counted
      },
    }
    const recorder = createRecorder({ auctionLog: undefined, stats, log })
    const unsold = { ...AUCTION, responses: [], winner: null, priceMicros: 0 }
    expect(recorder.record(AUCTION)).toBe(counted)
    expect(recorder.record(unsold)).toBe(counted)
    expect(recorded).toEqual([AUCTION, unsold])
    expect(lines).toEqual([])
    await new Promise(setImmediate)
    expect(lines.join()).not.toContain('a secret')
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { auction: JSON.parse(JSON.stringify({ ...AUCTION, winner: { id: 'a', country: 'US' } })), msg: 'auction' },
    ])
  })
})
