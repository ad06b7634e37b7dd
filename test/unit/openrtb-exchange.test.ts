import type { Dispatcher } from 'undici'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { exchange, LATE_MS } from '../../src/bidders/openrtb/exchange.ts'
import { noBid } from '../../src/bidders/response.ts'

/** undici's older handlers, as the exchange is one. */
type Handler = Required<Dispatcher.DispatchHandler>

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

/** An exchange whose HTTP client is the test. */
function begin(read = vi.fn((_text: string, latencyMs: number) => noBid('acme', latencyMs))) {
  let handler = {} as Handler
  const abort = vi.fn(() => handler.onError(new Error('aborted')))
  const onSettled = vi.fn()
  const onEnded = vi.fn()
  const answered = exchange({
    dispatcher: {
      dispatch(_request, given) {
        handler = given as Handler
        return true
      },
    },
    bidderId: 'acme',
    request: { path: '/', method: 'POST' },
    waitMs: 100,
    now: () => performance.now(),
    read,
    onSettled,
    onEnded,
  })
  return { answered, handler, abort, onSettled, onEnded, read }
}

const body = Buffer.from('{}')
const answer = (handler: Handler) => {
  handler.onHeaders(200, [], () => {}, 'OK')
  handler.onData(body)
}

describe('exchange', () => {
  it('should take a request that is late out of its queue, and leave the connection', async () => {
    const { answered, handler, abort, onEnded } = begin()
    vi.advanceTimersByTime(100)
    expect(await answered).toMatchObject({ outcome: 'TIMED_OUT', latencyMs: null })
    expect(onEnded).not.toHaveBeenCalled()
    expect(() => handler.onConnect(abort)).toThrow('late')
    handler.onError(new Error('late'))
    vi.advanceTimersByTime(LATE_MS)
    expect([abort.mock.calls.length, onEnded.mock.calls.length]).toEqual([0, 1])
  })

  it('should drop what comes late, and cut what goes on for longer than its bound', async () => {
    const { answered, handler, abort, onSettled, onEnded, read } = begin()
    handler.onConnect(abort)
    vi.advanceTimersByTime(100)
    expect(await answered).toMatchObject({ outcome: 'TIMED_OUT' })
    answer(handler)
    vi.advanceTimersByTime(LATE_MS - 1)
    expect(abort).not.toHaveBeenCalled()
    vi.advanceTimersByTime(1)
    expect([abort, onSettled, onEnded, read].map(({ mock }) => mock.calls.length)).toEqual([1, 1, 1, 0])
  })

  it('should cut a late answer that is too large', async () => {
    const { answered, handler, abort } = begin()
    handler.onConnect(abort)
    vi.advanceTimersByTime(100)
    await answered
    handler.onHeaders(200, [], () => {}, 'OK')
    handler.onData(Buffer.alloc(256 * 1024))
    expect(abort).not.toHaveBeenCalled()
    handler.onData(Buffer.alloc(1))
    expect(abort).toHaveBeenCalledOnce()
  })

  it('should leave no timer behind, and settle once, whatever comes when', async () => {
    const { answered, handler, abort, onSettled, onEnded } = begin()
    handler.onConnect(abort)
    answer(handler)
    handler.onComplete([])
    handler.onError(new Error('the connection was closed afterwards'))
    expect(await answered).toMatchObject({ outcome: 'NO_BID' })
    expect([onSettled.mock.calls.length, onEnded.mock.calls.length, vi.getTimerCount()]).toEqual([1, 1, 0])
  })

  it('should take an answer for late that was read after its time', async () => {
    const { answered, handler, abort, read } = begin()
    handler.onConnect(abort)
    // The event loop was busy: the timer is due and has not been served.
    vi.spyOn(performance, 'now').mockReturnValue(performance.now() + 101)
    answer(handler)
    handler.onComplete([])
    expect(await answered).toMatchObject({ outcome: 'TIMED_OUT' })
    expect(read).not.toHaveBeenCalled()
  })
})
