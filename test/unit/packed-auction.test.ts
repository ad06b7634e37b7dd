import { describe, expect, it } from 'vitest'
import type { Auction } from '../../src/auction/types.ts'
import { reasonOfCode } from '../../src/bidders/reasons.ts'
import type { BidderOutcome, BidderResponse } from '../../src/bidders/types.ts'
import {
  OUTCOME_CODES,
  type PackedReader,
  packAuction,
  packedBytesMax,
  readPacked,
} from '../../src/history/packed-auction.ts'
import { noticesOf } from '../../src/notices/notices-of.ts'
import { readNotices } from '../../src/notices/packed-notices.ts'
import { arbitraryAuction, ODD_IDS, packAll, randomAuctions } from '../support/auctions.ts'
import { bidWith, withBids } from '../support/bids.ts'
import fc from '../support/fast-check.ts'

const OUTCOMES = new Map(Object.entries(OUTCOME_CODES).map(([outcome, code]) => [code, outcome as BidderOutcome]))

/** The auction that a reader stands at, as it was before it was packed, but for the winner's country. */
function unpacked(bytes: Buffer, auction: PackedReader): unknown {
  const hex = bytes.toString('hex', auction.idStart, auction.idStart + 16)
  const responses = Array.from({ length: auction.responses }, (_, index) => ({
    bidderId: bytes.toString('utf8', auction.bidderStart(index), auction.bidderEnd(index)),
    outcome: OUTCOMES.get(auction.outcome(index)),
    latencyMs: Number.isNaN(auction.latencyMs(index)) ? null : auction.latencyMs(index),
    priceMicros: Number.isNaN(auction.bidMicros(index)) ? null : auction.bidMicros(index),
    reason: reasonOfCode(auction.reason(index)),
  }))
  return {
    id: hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5'),
    supplyId: bytes.toString('utf8', auction.supplyStart, auction.supplyEnd),
    country: auction.country,
    tmaxMs: auction.tmaxMs,
    durationMs: auction.durationMs,
    priceMicros: auction.priceMicros,
    startedAtMs: auction.startedAtMs,
    responses,
  }
}

function roundTrip(auctions: readonly Auction[]): unknown[] {
  const { bytes } = packAll(auctions)
  const reader = readPacked({ bytes })
  const read: unknown[] = []
  while (reader.next()) read.push(unpacked(bytes, reader))
  return read
}

const packed = ({ winner: _, auctionType: __, floorMicros: ___, responses, ...auction }: Auction) => ({
  ...auction,
  responses: responses.map(({ bid: _bid, ...response }) => response),
})
const [AUCTION] = randomAuctions(1) as [Auction]
const WON: BidderResponse = { bidderId: 'won', outcome: 'WON', priceMicros: 2, latencyMs: 1 }
const LOST = ODD_IDS.map((bidderId): BidderResponse => ({ bidderId, outcome: 'LOST', priceMicros: 1, latencyMs: 1 }))
/** As it was written by the first version: supply news, one bidder, which won at 0.23. */
const EARLIER =
  '3f000000019ac9f089ab7cde8f0123456789abcd5553c800000048410000000080130c4104006e6577730100040061636d6577000048410000000080130c41'

describe('packAuction and readPacked', () => {
  it('should give back every auction as it was, whatever its ids, prices and latencies', () => {
    fc.assert(
      fc.property(fc.array(arbitraryAuction, { maxLength: 8 }), (auctions) => {
        expect(roundTrip(auctions)).toEqual(auctions.map(packed))
      }),
    )
  })

  it.each([0, 1, 63, 64, 65, 300])('should give back one of %i responses, and the next', (count) => {
    const responses = Array.from({ length: count }, (_, index) => ({
      bidderId: `bidder${index}`,
      outcome: 'NO_BID' as const,
      priceMicros: null,
      latencyMs: index,
    }))
    const auctions = [{ ...AUCTION, responses }, AUCTION]
    expect(roundTrip(auctions)).toEqual(auctions.map(packed))
  })

  it('should take no more bytes than it says, also where each character of an id takes three', () => {
    const id = '語'.repeat(128)
    const responses = Array.from({ length: 3 }, () => ({
      bidderId: id,
      outcome: 'LOST' as const,
      priceMicros: 1,
      latencyMs: 1,
    }))
    const auction = { ...AUCTION, supplyId: id, responses }
    const bytes = Buffer.alloc(packedBytesMax(auction, undefined))
    const end = packAuction(auction, undefined, bytes, new DataView(bytes.buffer, bytes.byteOffset, bytes.length), 0)
    expect(end).toBeLessThanOrEqual(bytes.length)
    expect(bytes.readUInt32LE(0)).toBe(end)
  })

  it('should give back notices, whatever their bidders are called, and auctions without them beside', () => {
    const told = withBids({ ...AUCTION, responses: [WON, ...LOST], priceMicros: 1 }, (bidderId) =>
      bidWith({ nurl: `http://é/${bidderId}`, burl: '語'.repeat(9_000), lurl: 'http://l/${AUCTION_LOSS}' }),
    )
    const { bytes } = packAll([AUCTION, told, AUCTION])
    expect(roundTrip([AUCTION, told, AUCTION])).toEqual([AUCTION, told, AUCTION].map(packed))
    const reader = readPacked({ bytes })
    const notices: unknown[] = []
    while (reader.next()) notices.push(reader.hasNotices ? readNotices(bytes, reader.end) : undefined)
    expect(notices).toEqual([undefined, noticesOf(told), undefined])
    expect(notices[1]).toHaveLength(2 + LOST.length)
  })

  it('should add no byte to an auction that nobody is told of', () => {
    const silent = withBids({ ...AUCTION, responses: [WON, ...LOST] }, () => bidWith())
    expect(packAll([silent]).bytes).toEqual(packAll([{ ...AUCTION, responses: [WON, ...LOST] }]).bytes)
  })

  it('should take a byte for each response where one has a reason, ahead of the notices', () => {
    const silent = { ...AUCTION, responses: [WON, ...LOST], priceMicros: 1 }
    const refused = {
      ...silent,
      responses: [WON, ...LOST.slice(1), { ...LOST[0], reason: 'BELOW_FLOOR' }] as BidderResponse[],
    }
    expect(packAll([refused]).bytes).toHaveLength(packAll([silent]).bytes.length + 1 + LOST.length)
    const told = withBids(refused, () => bidWith({ nurl: 'http://n' }))
    const { bytes } = packAll([told, AUCTION])
    expect(roundTrip([told, AUCTION])).toEqual([told, AUCTION].map(packed))
    const reader = readPacked({ bytes })
    expect([reader.next(), reader.hasReasons, reader.hasNotices]).toEqual([true, true, true])
    expect(readNotices(bytes, reader.end)).toEqual(noticesOf(told))
  })

  it('should read an entry of before there were notices', () => {
    const bytes = Buffer.from(EARLIER, 'hex')
    const reader = readPacked({ bytes })
    expect(reader.next()).toBe(true)
    expect(unpacked(bytes, reader)).toMatchObject({ supplyId: 'news', tmaxMs: 200, priceMicros: 230_000 })
    expect([reader.hasNotices, reader.hasReasons, reader.reason(0)]).toEqual([false, false, 0])
    expect(reader.next()).toBe(false)
  })

  it('should keep the bytes of an id, of capital letters as well', () => {
    const id = '019aC9F0-89aB-7cDe-8f01-23456789abcD'
    const { bytes } = packAll([{ ...AUCTION, id }])
    expect(bytes.toString('hex', 4, 20)).toBe(id.replaceAll('-', '').toLowerCase())
  })

  it('should refuse bytes that are cut off, wherever they are', () => {
    const auctions = randomAuctions(3)
    const { bytes } = packAll(auctions)
    const ends = new Set(auctions.map((_, index) => packAll(auctions.slice(0, index + 1)).bytes.length))
    for (let end = 1; end < bytes.length; end += 1) {
      const reader = readPacked({ bytes: bytes.subarray(0, end) })
      const readAll = () => {
        while (reader.next());
      }
      if (ends.has(end)) expect(readAll).not.toThrow()
      else expect(readAll).toThrow(RangeError)
    }
  })

  it('should refuse an entry whose length is not that of what is in it', () => {
    for (const by of [-1, 1, -4, 100]) {
      const { bytes } = packAll(randomAuctions(2))
      bytes.writeUInt32LE(bytes.readUInt32LE(0) + by, 0)
      const reader = readPacked({ bytes })
      expect(() => {
        while (reader.next());
      }).toThrow(RangeError)
    }
    const { bytes } = packAll(randomAuctions(1))
    const longer = Buffer.concat([bytes, Buffer.alloc(1)])
    longer.writeUInt32LE(longer.length, 0)
    expect(() => readPacked({ bytes: longer }).next()).toThrow(RangeError)
  })
})
