import { pino } from 'pino'
import { describe, expect, it } from 'vitest'
import type { Auction } from '../../src/auction/types.ts'
import { bidOf } from '../../src/bidders/response.ts'
import { createRecorder } from '../../src/composition/recorder.ts'

const AUCTION: Auction = {
  id: 'id',
  supplyId: 'supply1',
  country: 'US',
  tmaxMs: 200,
  responses: [bidOf('a', 230_000, 1)],
  auctionType: 'FIRST_PRICE',
  floorMicros: 0,
  winner: { id: 'a', country: 'US' },
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
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { auction: JSON.parse(JSON.stringify(AUCTION)), msg: expect.stringContaining('Winner: a (0.23)') },
    ])
  })
})
