import { timedOut } from '../bidders/response.ts'
import type { BidderClient, BidderResponse, BidRequest } from '../bidders/types.ts'
import type { Bidder } from '../catalog/types.ts'
import type { Auction } from './types.ts'

/**
 * Asks all bidders at the same time and gives a response for each, in their order, at the slowest answer in time, or at
 * tmax where anyone is late: never later. Where nobody makes it wait they come without a promise; bidders that say at once
 * when they answer share one timer.
 * @param deadlineMs when tmax is over, by the clock's `monotonic()`
 */
export function collectBids(
  request: BidRequest,
  bidders: readonly Bidder[],
  client: BidderClient,
  deadlineMs: number,
): BidderResponse[] | Promise<BidderResponse[]> {
  const responses: BidderResponse[] = new Array(bidders.length)
  let waitMs = 0
  for (let index = 0; index < bidders.length; index++) {
    const answer = client.bid(bidders[index] as Bidder, request, deadlineMs)
    if (answer instanceof Promise) return collectLater(request, bidders, client, deadlineMs, responses, index, answer)
    responses[index] = answer
    const answerMs = settle(answer, request.tmaxMs)
    if (answerMs > waitMs) waitMs = answerMs
  }
  if (waitMs === 0) return responses
  return new Promise((resolve) => {
    setTimeout(resolve, Math.ceil(waitMs), responses)
  })
}

/**
 * The same from the first bidder on that answers at its own time. One that has not by tmax has timed out; what it says
 * later changes nothing.
 */
function collectLater(
  request: BidRequest,
  bidders: readonly Bidder[],
  client: BidderClient,
  deadlineMs: number,
  responses: BidderResponse[],
  firstIndex: number,
  firstAnswer: Promise<BidderResponse>,
): Promise<BidderResponse[]> {
  const { tmaxMs } = request
  let awaited = 0
  let isOver = false

  return new Promise((resolve, reject) => {
    const timer = setTimeout(end, tmaxMs)
    try {
      wait(firstIndex, firstAnswer)
      for (let index = firstIndex + 1; index < bidders.length; index++) {
        const answer = client.bid(bidders[index] as Bidder, request, deadlineMs)
        if (answer instanceof Promise) wait(index, answer)
        else responses[index] = answer
      }
      waitForKnown()
    } catch (error) {
      fail(error)
    }

    function wait(index: number, answer: Promise<BidderResponse>): void {
      awaited++
      answer.then((response) => {
        if (isOver) return
        settle(response, tmaxMs)
        responses[index] = response
        arrive()
      }, fail)
    }

    /** Answers that came without a promise arrive after their latency: the slowest stands for all. */
    function waitForKnown(): void {
      let slowestMs = 0
      for (const response of responses) if (response) slowestMs = Math.max(slowestMs, settle(response, tmaxMs))
      if (slowestMs === 0) return
      awaited++
      // Where one is late, it is the timer of tmax that ends the wait.
      if (slowestMs < tmaxMs) setTimeout(arrive, Math.ceil(slowestMs))
    }

    function arrive(): void {
      awaited--
      if (awaited === 0) end()
    }

    function end(): void {
      if (isOver) return
      isOver = true
      clearTimeout(timer)
      bidders.forEach(({ id }, index) => {
        responses[index] ??= timedOut(id)
      })
      resolve(responses)
    }

    function fail(error: unknown): void {
      isOver = true
      clearTimeout(timer)
      reject(error)
    }
  })
}

/**
 * How long an auction had to wait for its bidders, in milliseconds: the slowest answer in time; where any was late tmax, or
 * as long as it took where its bidders have less.
 */
export function biddersTime({ responses, tmaxMs, durationMs }: TimedAuction): number {
  let slowestMs = 0
  for (const { outcome, latencyMs } of responses) {
    if (outcome === 'TIMED_OUT') return Math.min(tmaxMs, durationMs)
    if (latencyMs !== null && latencyMs > slowestMs) slowestMs = latencyMs
  }
  return slowestMs
}

type TimedAuction = Pick<Auction, 'responses' | 'tmaxMs' | 'durationMs'>

/**
 * Makes a late answer a timeout. Returns how long the auction waits for this one, in milliseconds: not at all for a bidder
 * that was not asked.
 */
function settle(response: BidderResponse, tmaxMs: number): number {
  const { outcome, latencyMs } = response
  if (outcome !== 'TIMED_OUT' && latencyMs !== null && latencyMs <= tmaxMs) return latencyMs
  if (outcome === 'SKIPPED') return 0
  response.outcome = 'TIMED_OUT'
  response.priceMicros = null
  response.reason = undefined
  return tmaxMs
}
