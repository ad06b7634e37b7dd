import type { Dispatcher } from 'undici'
import { roundToHundredths } from '../../hundredths.ts'
import { failed, noBid, timedOut } from '../response.ts'
import type { BidderResponse } from '../types.ts'
import { ANSWER_BYTES_MAX, answerText, encodingOf } from './answer-bytes.ts'
import { transportReason } from './transport-reason.ts'

/** One bid request to one bidder, and what becomes of it. */
export interface ExchangeOptions {
  readonly dispatcher: Pick<Dispatcher, 'dispatch'>
  readonly bidderId: string
  readonly request: Dispatcher.DispatchOptions
  /** How long the bidder has to answer, in milliseconds. */
  readonly waitMs: number
  readonly now: () => number
  /** Reads the text of an answer that came in time. */
  readonly read: (text: string, latencyMs: number) => BidderResponse
  /**
   * Told what the bidder answered, when it is known.
   * @param overdueMs how much longer than it had that took, which is this process's own delay
   */
  readonly onSettled: (response: BidderResponse, overdueMs: number) => void
  /** Told once nothing of the exchange is left: its connection is free, or gone. */
  readonly onEnded: () => void
}

/**
 * Sends a bid request and resolves with what the bidder answers, or that it has timed out: never later than it has to
 * answer, and never rejecting. What comes later is read and dropped for LATE_MS more and up to ANSWER_BYTES_MAX, so that
 * the connection may be used again; beyond that it is cut.
 */
export function exchange(options: ExchangeOptions): Promise<BidderResponse> {
  return new Promise((resolve) => {
    const { dispatcher, bidderId, request, waitMs, now, read, onSettled, onEnded } = options
    const startedAtMs = now()
    let isSettled = false
    let isEnded = false
    let abort: (() => void) | undefined
    let status = 0
    let encoding = ''
    let bytes = 0
    let chunks: Buffer[] | undefined
    let timer = setTimeout(expire, Math.ceil(waitMs))

    // The handler that undici calls itself: of the newer kind it would make an object with the headers for each answer.
    dispatcher.dispatch(request, {
      onConnect(abortExchange) {
        // Nothing was sent yet: thrown here, it takes the request out of the queue and leaves the connection as it is.
        if (isSettled) throw new Error('the bid request is late')
        abort = abortExchange
      },
      onHeaders(statusCode, headers) {
        // Of several that are informational only the last one counts.
        status = statusCode
        if (statusCode < 200 || isSettled) return true
        encoding = encodingOf(headers)
        if (statusCode !== 200 && statusCode !== 204) settle(failed(bidderId, 'HTTP_STATUS', latencyMs()))
        return true
      },
      onData(chunk) {
        bytes += chunk.length
        if (bytes > ANSWER_BYTES_MAX) {
          settle(failed(bidderId, 'TOO_LARGE', latencyMs()))
          cut()
        } else if (!isSettled) {
          chunks ??= []
          chunks.push(chunk)
        }
        return true
      },
      onComplete() {
        end(isSettled ? undefined : answer())
      },
      onError(error) {
        end(failed(bidderId, transportReason(error), latencyMs()))
      },
    })

    function answer(): BidderResponse {
      const tookMs = latencyMs()
      if (tookMs > waitMs) return timedOut(bidderId)
      if (status === 204 || chunks === undefined) return noBid(bidderId, tookMs)
      const answered = answerText(chunks, encoding)
      return typeof answered === 'string' ? failed(bidderId, answered, tookMs) : read(answered.text, tookMs)
    }

    function settle(response: BidderResponse): void {
      if (isSettled) return
      isSettled = true
      chunks = undefined
      clearTimeout(timer)
      if (!isEnded) timer = setTimeout(cut, LATE_MS)
      onSettled(response, now() - startedAtMs - waitMs)
      resolve(response)
    }

    function expire(): void {
      settle(timedOut(bidderId))
    }

    function cut(): void {
      abort?.()
    }

    function end(response: BidderResponse | undefined): void {
      if (isEnded) return
      isEnded = true
      clearTimeout(timer)
      if (response !== undefined) settle(response)
      onEnded()
    }

    function latencyMs(): number {
      return roundToHundredths(now() - startedAtMs)
    }
  })
}

/** How long an answer that no longer counts may take to end, in milliseconds. */
export const LATE_MS = 1000
