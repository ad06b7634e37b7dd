import { describe, expect, it } from 'vitest'
import { readHttpAnswer, readResult } from '../../src/load-test/answer.ts'
import { createRequests, toGraphQLBody } from '../../src/load-test/requests.ts'

function auction(...answered: { outcome: string; latencyMs: number | null }[]) {
  const responses = answered.map((response, index) => ({ bidderId: `bidder${index}`, price: null, ...response }))
  return { data: { runAuction: { __typename: 'Auction', responses } } }
}

describe('an answer', () => {
  it('should tell the slowest bidder’s time where all were in time', () => {
    const result = auction({ outcome: 'WON', latencyMs: 12.5 }, { outcome: 'NO_BID', latencyMs: 80 })
    const { responses } = result.data.runAuction
    expect(readResult(result, 200)).toEqual({ resultType: 'Auction', responses, biddersMs: 80 })
  })

  it('should take tmax for the bidders’ time where any timed out', () => {
    const result = auction({ outcome: 'WON', latencyMs: 12.5 }, { outcome: 'TIMED_OUT', latencyMs: 271 })
    const { responses } = result.data.runAuction
    expect(readResult(result, 200)).toEqual({ resultType: 'Auction', responses, biddersMs: 200 })
  })

  it('should take no time for a bidder that was not asked', () => {
    const result = auction({ outcome: 'SKIPPED', latencyMs: null }, { outcome: 'WON', latencyMs: 12.5 })
    expect(readResult(result, 200)).toMatchObject({ biddersMs: 12.5 })
  })

  it('should not guess a time that a bidder does not tell', () => {
    const result = auction({ outcome: 'WON', latencyMs: null })
    const { responses } = result.data.runAuction
    expect(readResult(result, 200)).toEqual({ resultType: 'Auction', responses })
  })

  it.each([
    [200, '{"errors":[{"extensions":{"code":"BAD_USER_INPUT"}}]}', 'BAD_USER_INPUT'],
    [429, '{"errors":[{"extensions":{"code":"RATE_LIMITED"}}]}', 'RATE_LIMITED'],
    [200, '{"errors":[{"message":"no"}]}', 'GRAPHQL_ERROR'],
    [503, '{"errors":[{"message":"no"}]}', 'HTTP 503'],
    [502, '<html>Bad gateway</html>', 'HTTP 502'],
    [500, JSON.stringify(auction()), 'HTTP 500'],
    [200, '{"data":{"runAuction":null}}', 'NO_RESULT'],
    [200, 'null', 'HTTP 200'],
  ])('should give HTTP %i with %s the code %s', (status, body, code) => {
    expect(readHttpAnswer(status, body, 200)).toEqual({ errorCode: code })
  })
})

describe('requests', () => {
  it('should go through the targets in turn, each from an address of its own', () => {
    const targets = [
      { supplyId: 'a', country: 'US' },
      { supplyId: 'b', country: 'GB' },
    ]
    const next = createRequests({ targets, tmaxMs: 50, firstAddress: 2 ** 24 - 2 })
    expect([next(), next(), next()]).toEqual([
      { supplyId: 'a', ip: '10.255.255.255', country: 'US', tmax: 50 },
      { supplyId: 'b', ip: '10.0.0.0', country: 'GB', tmax: 50 },
      { supplyId: 'a', ip: '10.0.0.1', country: 'US', tmax: 50 },
    ])
  })

  it('should carry their input as a body’s variables', () => {
    const input = { supplyId: 'a "quoted" id', ip: '2001:db8::1', country: 'US', tmax: 7 }
    const body = JSON.parse(toGraphQLBody(input))
    expect(body.variables).toEqual({ input })
    expect(body.query).toContain('runAuction(input: $input)')
  })
})
