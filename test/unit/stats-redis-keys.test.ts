import { randomUUID } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import type { BidderOutcome } from '../../src/bidders/types.ts'
import { SHARDS, shardOf } from '../../src/redis/shards.ts'
import { fieldsOf, markerKey, parseFields, statsKey } from '../../src/stats/redis-keys.ts'
import { addToTally, createTally } from '../../src/stats/tally.ts'
import fc from '../support/fast-check.ts'

describe('statsKey', () => {
  it('should be the plain id within a hash tag for usual ids', () => {
    expect(statsKey('supply1')).toBe('stats:{supply1}')
    expect(statsKey('a:b')).toBe('stats:{a:b}')
  })

  it('should give every id a key of its own, whose hash tag is the same as its markers on a cluster', () => {
    const id = fc.string({ unit: fc.constantFrom('a', '{', '}', '%', ':', '7', 'B', 'D'), minLength: 1, maxLength: 4 })
    fc.assert(
      fc.property(id, id, fc.constantFrom(undefined, ...SHARDS), (one, other, shard) => {
        const key = statsKey(one, shard)
        expect(hashTag(key)).not.toBe(key)
        if (shard !== undefined) expect([key, markerKey('w', shard)].map(hashTag)).toEqual([shard, shard])
        expect(key === statsKey(other, shard)).toBe(one === other)
        expect(statsKey(one)).not.toBe(statsKey(other, 's1'))
      }),
      { numRuns: 5_000 },
    )
  })
})

describe('shardOf', () => {
  it('should be for ever the same, since counters are found by it', () => {
    expect(['', 'supply1', 'supply2', 'news', 'sport:{a}', 'ü'].map(shardOf)).toEqual([
      's9',
      's1',
      's8',
      's1',
      's15',
      's0',
    ])
  })

  it('should spread ids of usual kinds over all shards', () => {
    const kinds = [(index: number) => `supply${index}`, (index: number) => `s-${index * 16}`, () => randomUUID()]
    for (const idOf of kinds) {
      const ids = Array.from({ length: 1_600 }, (_, index) => idOf(index))
      const sizes = SHARDS.map((shard) => ids.filter((id) => shardOf(id) === shard).length)
      expect(Math.min(...sizes)).toBeGreaterThan(50)
      expect(Math.max(...sizes)).toBeLessThan(200)
    }
  })
})

describe('fieldsOf', () => {
  it('should be read back by parseFields, whatever the ids', () => {
    const bidderId = fc.oneof(
      fc.string({ minLength: 1 }),
      fc.constantFrom('a:wins', ':', '{x}', '__proto__', 'constructor'),
    )
    const outcome = fc.constantFrom<BidderOutcome>('WON', 'LOST', 'NO_BID', 'TIMED_OUT', 'ERROR', 'SKIPPED')
    const responses = fc.array(fc.record({ bidderId, outcome }))
    const priceMicros = fc.integer({ min: 1, max: 1_000_000 })
    const count = fc.record({
      supplyId: fc.constant('s'),
      country: fc.constantFrom('US', 'DE'),
      responses,
      priceMicros,
    })
    fc.assert(
      fc.property(fc.array(count), (counts) => {
        const tally = createTally()
        for (const each of counts) addToTally(tally, each)
        const fields = fieldsOf(tally)
        const hash: Record<string, string> = {}
        for (let index = 0; index < fields.length; index += 2) hash[`${fields[index]}`] = `${fields[index + 1]}`
        expect(parseFields(hash)).toEqual(tally)
      }),
    )
  })

  it('should use the documented names', () => {
    const tally = createTally()
    const responses = [
      { bidderId: 'a', outcome: 'WON' },
      { bidderId: 'b', outcome: 'LOST' },
      { bidderId: 'c', outcome: 'NO_BID' },
      { bidderId: 'd:e', outcome: 'TIMED_OUT' },
      { bidderId: 'f', outcome: 'ERROR' },
      { bidderId: 'g', outcome: 'SKIPPED' },
    ] as const
    addToTally(tally, { supplyId: 's', country: 'US', responses, priceMicros: 23 })
    expect(fieldsOf(tally)).toEqual([
      ...['total_reqs', 1, 'country:US', 1, 'bidder:a:wins', 1, 'bidder:a:revenue_micros', 23],
      ...['bidder:b:losses', 1, 'bidder:c:no_bids', 1, 'bidder:d:e:timeouts', 1],
      ...['bidder:f:errors', 1, 'bidder:g:skipped', 1],
    ])
  })

  it('should add revenue that an earlier version wrote in cents, whichever comes first', () => {
    const ours = { total_reqs: '3', 'bidder:a:revenue_micros': '234567' }
    const theirs = { 'bidder:a:revenue': '46', 'bidder:revenue:revenue': '1' }
    for (const hash of [
      { ...ours, ...theirs },
      { ...theirs, ...ours },
    ]) {
      const { bidders } = parseFields(hash)
      expect(bidders.get('a')?.revenueMicros).toBe(460_000 + 234_567)
      // Nor did earlier versions count these.
      expect(bidders.get('a')).toMatchObject({ errors: 0, skipped: 0 })
      expect(bidders.get('revenue')?.revenueMicros).toBe(10_000)
    }
  })

  it('should leave out fields of other versions', () => {
    const known = { total_reqs: '2', 'country:US': '2' }
    expect(parseFields({ ...known, other: '1', 'bidder:a:clicks': '1', 'bidder:a:constructor': '1' })).toEqual(
      parseFields(known),
    )
  })
})

/** The part of a key that a cluster hashes, by the rule in Redis's cluster specification. */
function hashTag(key: string): string {
  const start = key.indexOf('{')
  const end = key.indexOf('}', start + 1)
  return start === -1 || end === -1 || end === start + 1 ? key : key.slice(start + 1, end)
}
