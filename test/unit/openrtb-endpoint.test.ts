import type { Dispatcher, Pool } from 'undici'
import { describe, expect, it } from 'vitest'
import { createBidRequests } from '../../src/bidders/openrtb/bid-request.ts'
import { createEndpoint } from '../../src/bidders/openrtb/endpoint.ts'
import { createAnswerReader } from '../../src/bidders/openrtb/read-answer.ts'
import { DEFAULT_SUPPLY_SETTINGS } from '../../src/catalog/types.ts'
import { bidderAt } from '../support/openrtb-bidders.ts'

/** A bidder that answers after `answerMs`, over connections whose round trip is told to be `roundTripMs`. */
function endpointOf({ answerMs, roundTripMs, ownDelayMs = 0 }: Record<string, number>) {
  let nowMs = 0
  const told: number[] = []
  const pool = {
    dispatch({ body }: Dispatcher.DispatchOptions, handler: Required<Dispatcher.DispatchHandler>) {
      told.push(JSON.parse(String(body)).tmax)
      nowMs += answerMs ?? 0
      handler.onHeaders(204, [], () => {}, '')
      handler.onComplete([])
      return true
    },
  } as unknown as Pool
  const ended = async () => {}
  const endpoint = createEndpoint({
    bidder: bidderAt('http://bidder.test/'),
    headers: [],
    read: createAnswerReader(),
    now: () => nowMs,
    ownDelayMs: () => ownDelayMs,
    onHealthChange: () => {},
    connections: { pool: () => pool, roundTripMs: () => roundTripMs ?? 0, renew: ended, close: ended, destroy: ended },
  })
  const bodyOf = createBidRequests({ seller: { domain: 'x', accountId: '1' }, sendsFullAddress: false })
  const ask = (tmaxMs: number) => {
    const auctionId = `0198c0de-0000-7000-8000-${String(told.length).padStart(12, '0')}`
    const rest = { supplyId: 's', ip: '203.0.113.7', country: 'US', supply: DEFAULT_SUPPLY_SETTINGS }
    const request = { ...rest, auctionId, tmaxMs, details: undefined, chance: 0 }
    return endpoint.ask(request, bodyOf(request), nowMs + tmaxMs)
  }
  return { ask, told, reservedMs: () => endpoint.status().reservedMs }
}

describe('createEndpoint', () => {
  it('should keep back a round trip and what the process itself takes, and half of the time at most', async () => {
    const { ask, told } = endpointOf({ answerMs: 60, roundTripMs: 30, ownDelayMs: 2.5 })
    await ask(200)
    await ask(40)
    expect(told).toEqual([167, 20])
  })

  it('should take a bidder for no farther away than its quickest answers', async () => {
    const near = endpointOf({ answerMs: 5, roundTripMs: 80 })
    await near.ask(200)
    await near.ask(200)
    expect([near.told, near.reservedMs()]).toEqual([[120, 195], 5])
    const far = endpointOf({ answerMs: 90, roundTripMs: 80 })
    for (let auction = 0; auction < 3; auction++) await far.ask(200)
    expect(far.reservedMs()).toBe(80)
  })
})
