import type { IncomingMessage } from 'node:http'
import { describe, expect, it } from 'vitest'
import { createRequestIds, fieldsOf, requestIdOf } from '../../src/asker.ts'

const TRACE_ID = '0af7651916cd43dd8448eb211c80319c'

function requestWith(headers: Readonly<Record<string, string>>): IncomingMessage {
  return { headers } as unknown as IncomingMessage
}

/** The id that a request gets with the header. */
function idFor(sent: string): string {
  const request = requestWith({ 'x-request-id': sent })
  createRequestIds({ key: '3f9a2c1d' })(request)
  return requestIdOf(request)
}

describe('a request’s id', () => {
  it.each(['7', 'a'.repeat(128), 'Root=1-67891233-abcdef012345678912345678', '1f/2:3+4_5.6@7'])(
    'should be the one that was sent: %s',
    (sent) => {
      expect(idFor(sent)).toBe(sent)
    },
  )

  it.each(['', 'a'.repeat(129), 'two, of them', 'a"b', 'a\tb', 'é', '{}', '${jndi}', '<b>'])(
    'should be a new one where that cannot be used: %j',
    (sent) => {
      expect(idFor(sent)).toBe('3f9a2c1d-1')
    },
  )

  it('should be a new one for each request that sends none', () => {
    const identify = createRequestIds({ key: '3f9a2c1d' })
    const requests = [requestWith({}), requestWith({}), requestWith({})]
    for (const request of requests) identify(request)
    expect(requests.map(requestIdOf)).toEqual(['3f9a2c1d-1', '3f9a2c1d-2', '3f9a2c1d-3'])
  })
})

describe('the fields of who asked', () => {
  function fields(headers: Readonly<Record<string, string>>, operationId?: string) {
    const request = requestWith(headers)
    createRequestIds({ key: 'k' })(request)
    return fieldsOf({ origin: { request }, operationId })
  }

  it('should be none where that is not known', () => {
    expect(fieldsOf(undefined)).toEqual({})
    expect(fieldsOf({ origin: { request: requestWith({}) } })).toEqual({})
  })

  it('should be the request, a WebSocket’s operation, and the caller’s trace', () => {
    expect(fields({})).toEqual({ requestId: 'k-1' })
    expect(fields({}, 'op7')).toEqual({ requestId: 'k-1', operationId: 'op7' })
    expect(fields({}, 'x'.repeat(90_000)).operationId).toBe('x'.repeat(128))
    const traceparent = `00-${TRACE_ID}-b7ad6b7169203331-01`
    expect(fields({ traceparent })).toEqual({ requestId: 'k-1', traceId: TRACE_ID })
    expect(fields({ traceparent: `01-${TRACE_ID}-b7ad6b7169203331-01-more` }).traceId).toBe(TRACE_ID)
  })

  it.each([
    `00-${'0'.repeat(32)}-b7ad6b7169203331-01`,
    `00-${TRACE_ID.toUpperCase()}-b7ad6b7169203331-01`,
    `00-${TRACE_ID}-b7ad6b7169203331`,
    `00-${TRACE_ID}00-b7ad6b7169203331-01`,
    '"',
  ])('should name no trace that is none: %s', (traceparent) => {
    expect(fields({ traceparent })).toEqual({ requestId: 'k-1' })
  })
})
