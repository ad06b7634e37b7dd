import type { Recorder } from './recorder.ts'
import type { RunAuctionInput } from './requests.ts'
import { type Answer, REQUEST_TIMEOUT_MS, type Transport } from './types.ts'

export interface LoadOptions {
  readonly transport: Transport
  /** Makes the next request; undefined: there is none, and the run ends once all are answered. */
  readonly nextRequest: () => RunAuctionInput | undefined
  readonly recorder: Pick<Recorder, 'record'>
  readonly pace: Pace
  readonly durationMs: number
  /** Ends the run early; what was measured stays. */
  readonly signal?: AbortSignal
}

/** Either so many requests a second, whatever the service does, or so many in flight, each following an answer. */
export type Pace = { readonly ratePerSecond: number } | { readonly concurrency: number }

export interface LoadRun {
  /** From the start to the last answer, in milliseconds. */
  readonly elapsedMs: number
  /** Requests that were due by the end and not sent. */
  readonly unsent: number
}

/** Loads a service for a time, then waits for what is in flight. Never rejects. */
export async function runLoad(options: LoadOptions): Promise<LoadRun> {
  return 'ratePerSecond' in options.pace
    ? runAtRate(options, options.pace.ratePerSecond)
    : runConcurrently(options, options.pace.concurrency)
}

/**
 * Requests go out on a fixed timetable, and each one's latency counts from the time it was due. So a service that stalls
 * is charged with every request that fell due meanwhile; counting from the sending would leave out just those
 * (coordinated omission).
 */
function runAtRate(options: LoadOptions, ratePerSecond: number): Promise<LoadRun> {
  const { durationMs } = options
  const total = Math.max(1, Math.floor((durationMs / 1000) * ratePerSecond))
  const startedAt = performance.now()
  const endsAt = startedAt + durationMs
  const dueAt = (index: number) => startedAt + (index / ratePerSecond) * 1000
  let sent = 0

  return new Promise((resolve) => {
    const flights = createFlights(options, startedAt, resolve)
    tick()

    function tick(): void {
      const now = performance.now()
      while (sent < total && dueAt(sent) <= now && flights.count() < MAX_IN_FLIGHT && !flights.ended()) {
        flights.send(dueAt(sent++))
      }
      if (flights.ended()) return
      if (sent === total || now >= endsAt) {
        flights.end(total - sent)
        return
      }
      const waitMs = Math.min(dueAt(sent), endsAt) - performance.now()
      // A timer may be a millisecond late, which would be counted as the service's: the last bit is polled.
      if (waitMs > TIMER_SLACK_MS) setTimeout(tick, waitMs - TIMER_SLACK_MS)
      else setImmediate(tick)
    }
  })
}

function runConcurrently(options: LoadOptions, concurrency: number): Promise<LoadRun> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => flights.end(0), options.durationMs)
    const flights = createFlights(options, performance.now(), (run) => {
      clearTimeout(timer)
      resolve(run)
    })
    for (let index = 0; index < concurrency; index++) send()

    function send(): void {
      if (flights.ended()) return
      flights.send(performance.now(), ({ isDisconnected }) => {
        if (isDisconnected) setTimeout(send, RETRY_DELAY_MS)
        else send()
      })
    }
  })
}

/** Requests under way: records each answer, and at the end waits for those still to come, for a time. */
function createFlights(options: LoadOptions, startedAt: number, onDone: (run: LoadRun) => void) {
  const { transport, nextRequest, recorder, signal } = options
  let count = 0
  let lastAnswerAt = startedAt
  let unsent: number | undefined
  let isDone = false
  let timer: NodeJS.Timeout | undefined
  signal?.addEventListener('abort', abort)

  return {
    count: () => count,
    ended: () => unsent !== undefined,
    /** Sends the next request, whose latency counts from that time; where there is none, the run ends. */
    send(from: number, onAnswer?: (answer: Answer) => void): void {
      const request = nextRequest()
      if (!request) {
        end(0, DRAIN_MS)
        return
      }
      count++
      transport.send(request, (answer) => {
        count--
        if (isDone) return
        lastAnswerAt = performance.now()
        recorder.record(answer, lastAnswerAt - from)
        if (count === 0 && unsent !== undefined) finish()
        else onAnswer?.(answer)
      })
    },
    end: (left: number) => end(left, DRAIN_MS),
  }

  function abort(): void {
    end(0, ABORTED_DRAIN_MS)
  }

  function end(left: number, drainMs: number): void {
    unsent ??= left
    clearTimeout(timer)
    if (count === 0) finish()
    else timer = setTimeout(finish, drainMs)
  }

  function finish(): void {
    if (isDone) return
    isDone = true
    clearTimeout(timer)
    signal?.removeEventListener('abort', abort)
    onDone({ elapsedMs: lastAnswerAt - startedAt, unsent: unsent ?? 0 })
  }
}

/** Beyond so many unanswered requests those that are due wait; their latency counts all the same. */
const MAX_IN_FLIGHT = 20_000
/** How long answers are waited for after the last request, in milliseconds. */
const DRAIN_MS = REQUEST_TIMEOUT_MS + 1000
/** The same after the run was ended early. */
const ABORTED_DRAIN_MS = 500
/** After a failed connection the next request waits so long, in milliseconds. */
const RETRY_DELAY_MS = 100
/** How much earlier than a request is due its timer is set, in milliseconds. */
const TIMER_SLACK_MS = 2
