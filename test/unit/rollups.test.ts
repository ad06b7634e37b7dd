import { describe, expect, it } from 'vitest'
import type { Auction } from '../../src/auction/types.ts'
import { readPacked } from '../../src/history/packed-auction.ts'
import { type BidderRow, createRollups, type Rollups, type SupplyRow } from '../../src/history/rollups.ts'
import { arbitraryAuction, packAll, randomAuctions } from '../support/auctions.ts'
import fc from '../support/fast-check.ts'
import { groupBy } from '../support/group-by.ts'

function rollupsOf(auctions: readonly Auction[]): Rollups {
  const rollups = createRollups()
  const { bytes } = packAll(auctions)
  const reader = readPacked({ bytes })
  while (reader.next()) rollups.add(bytes, reader)
  return rollups
}

const hourOf = ({ startedAtMs }: Auction) => Math.floor(startedAtMs / 3_600_000)
const sum = (values: readonly (number | null)[]) => values.reduce<number>((total, value) => total + (value ?? 0), 0)
const outcomes = (auctions: readonly Auction[], ...wanted: string[]) =>
  auctions.flatMap(({ responses }) => responses).filter(({ outcome }) => wanted.includes(outcome)).length

const groupsOf = <Value>(values: readonly Value[], keyOf: (value: Value) => readonly unknown[]) => [
  ...groupBy(values, (value) => JSON.stringify(keyOf(value))).values(),
]

/** Counted in the simplest way there is: a group at a time. */
function supplyRows(auctions: readonly Auction[], isOfAll = false): SupplyRow[] {
  return groupsOf(auctions, (auction) => [hourOf(auction), isOfAll || auction.supplyId, auction.country]).map(
    (group) => ({
      hour: hourOf(group[0] as Auction),
      supplyId: isOfAll ? '' : (group[0] as Auction).supplyId,
      country: (group[0] as Auction).country,
      requests: group.length,
      sold: group.filter(({ winner }) => winner !== null).length,
      bids: outcomes(group, 'WON', 'LOST'),
      noBids: outcomes(group, 'NO_BID'),
      timeouts: outcomes(group, 'TIMED_OUT'),
      errors: outcomes(group, 'ERROR'),
      skipped: outcomes(group, 'SKIPPED'),
      revenueMicros: sum(group.map(({ priceMicros }) => priceMicros)),
    }),
  )
}

function bidderRows(auctions: readonly Auction[], isOfAll = false): BidderRow[] {
  const answers = auctions.flatMap((auction) => auction.responses.map((response) => ({ auction, response })))
  return groupsOf(answers, ({ auction, response }) => [
    hourOf(auction),
    isOfAll || auction.supplyId,
    response.bidderId,
  ]).map((group) => {
    const { auction, response } = group[0] as (typeof group)[number]
    const of = (outcome: string) => group.filter((each) => each.response.outcome === outcome)
    return {
      hour: hourOf(auction),
      supplyId: isOfAll ? '' : auction.supplyId,
      bidderId: response.bidderId,
      country: auction.country,
      asked: group.length - of('SKIPPED').length,
      wins: of('WON').length,
      losses: of('LOST').length,
      noBids: of('NO_BID').length,
      timeouts: of('TIMED_OUT').length,
      errors: of('ERROR').length,
      skipped: of('SKIPPED').length,
      revenueMicros: sum(of('WON').map((each) => each.auction.priceMicros)),
      bidsMicros: sum(group.map((each) => each.response.priceMicros)),
    }
  })
}

function sorted<Row extends SupplyRow | BidderRow>(rows: readonly Row[]): Row[] {
  const keyOf = (row: Row) => [row.supplyId, 'bidderId' in row ? row.bidderId : '', row.country] as const
  return rows.toSorted((a, b) => {
    const unequal = keyOf(a).findIndex((part, index) => part !== keyOf(b)[index])
    return a.hour - b.hour || (unequal < 0 ? 0 : (keyOf(a)[unequal] ?? '') < (keyOf(b)[unequal] ?? '') ? -1 : 1)
  })
}

/** Rows in their order, and the sums that are expected of the auctions. */
function expectSums(rollups: Rollups, auctions: readonly Auction[]): void {
  expect(rollups.supplies()).toEqual(sorted(supplyRows(auctions)))
  expect(rollups.bidders()).toEqual(sorted(bidderRows(auctions)))
  expect(rollups.exchange()).toEqual(sorted(supplyRows(auctions, true)))
  expect(rollups.exchangeBidders()).toEqual(sorted(bidderRows(auctions, true)))
}

/** A bidder is of one country, and sums are exact. */
const auctions = fc.array(arbitraryAuction, { maxLength: 20 }).map((all) =>
  all.map((auction, index) => ({
    ...auction,
    priceMicros: auction.winner ? index + 1 : 0,
    responses: auction.responses.map(({ bidderId, outcome, latencyMs, priceMicros }) => ({
      bidderId: `${auction.country} ${bidderId}`,
      outcome,
      latencyMs,
      priceMicros: priceMicros === null ? null : priceMicros % 2 ** 40,
    })),
  })),
)

describe('createRollups', () => {
  it('should be empty before the first auction', () => {
    const rollups = createRollups()
    expect(rollups.isEmpty()).toBe(true)
    expectSums(rollups, [])
  })

  it('should count every auction in its hour, in order, as a plain count does', () => {
    fc.assert(fc.property(auctions, (all) => expectSums(rollupsOf(all), all)))
    const many = randomAuctions(2000, { hours: 30 })
    expect(rollupsOf(many).supplies().length).toBeGreaterThan(150)
    expectSums(rollupsOf(many), many)
  })

  it('should count a request that nobody was eligible for', () => {
    const [auction] = randomAuctions(1) as [Auction]
    const unsold = { ...auction, responses: [], winner: null, priceMicros: 0 }
    const rollups = rollupsOf([unsold])
    expect(rollups.isEmpty()).toBe(false)
    expectSums(rollups, [unsold])
    expect(rollups.supplies()).toMatchObject([{ requests: 1, sold: 0, bids: 0 }])
  })

  it('should keep the millisecond before an hour apart from the hour', () => {
    const at = (startedAtMs: number) => randomAuctions(1, { from: startedAtMs, hours: 1 / 3_600_000 })
    const hour = Date.UTC(2026, 10, 29)
    const both = [...at(hour - 1), ...at(hour)]
    expect(both.map(({ startedAtMs }) => startedAtMs)).toEqual([hour - 1, hour])
    expectSums(rollupsOf(both), both)
    expect(rollupsOf(both).exchange()).toHaveLength(2)
  })
})
