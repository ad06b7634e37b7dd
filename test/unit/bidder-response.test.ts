import { expect, it } from 'vitest'
import { bidOf, failed, noBid, skipped, timedOut } from '../../src/bidders/response.ts'
import { toResponseFields } from '../../src/graphql/schema/bidder-response.ts'

it.each([
  ['a bid that was outbid', bidOf('a', 5, 1), 'OUTBID'],
  ['a bid under the floor', { ...bidOf('a', 5, 1), reason: 'BELOW_FLOOR' as const }, 'BELOW_FLOOR'],
  ['an answer that was wrong', failed('a', 'INVALID_JSON', 1), 'INVALID_JSON'],
  ['a bidder that was not asked', skipped('a', 'CIRCUIT_OPEN'), 'CIRCUIT_OPEN'],
  ['a bid that won', { ...bidOf('a', 5, 1), outcome: 'WON' as const }, null],
  ['no bid', noBid('a', 1), null],
  ['a timeout', timedOut('a'), null],
])('should tell the reason of %s', (_name, response, reason) => {
  expect(toResponseFields(response).reason).toBe(reason)
})
