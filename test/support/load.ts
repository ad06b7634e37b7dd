import { expect, vi } from 'vitest'
import { createHttpTransport } from '../../src/load-test/http-transport.ts'
import { createRequests, type RunAuctionInput } from '../../src/load-test/requests.ts'
import { runLoad as generateLoad } from '../../src/load-test/run-load.ts'
import type { Answer, Transport } from '../../src/load-test/types.ts'
import { add, type Counters } from './statistics.ts'

export interface LoadOptions {
  /** The instances' /graphql addresses; requests go to them in turn. Read anew for each request. */
  readonly targets: readonly string[]
  readonly concurrency: number
  /** How many auctions to run in all, or true while more are wanted. */
  readonly auctions: number | (() => boolean)
  readonly supplyIds: readonly string[]
  readonly countries: readonly string[]
  readonly tmax?: number
  /** Called with each auction that was answered. */
  readonly onAcknowledged?: (total: number) => void
}

export interface LoadResult {
  acknowledged: number
  /** What the acknowledged answers add up to. */
  readonly counters: Counters
  /** GraphQL errors by code. */
  readonly errors: Map<string, number>
  /** Requests without an answer: the connection broke, or could not be made. */
  unanswered: number
}

/** Another IPv4 address each time, so that the rate limit is not met. */
export function nextAddress(): string {
  addresses += 1
  return `10.${(addresses >> 16) & 255}.${(addresses >> 8) & 255}.${addresses & 255}`
}

/** Runs auctions from ever new addresses, by the load test's generator, and adds up what was answered. */
export async function runLoad(options: LoadOptions): Promise<LoadResult> {
  const { concurrency, auctions, supplyIds, countries, tmax = 100, onAcknowledged } = options
  const result: LoadResult = { acknowledged: 0, counters: new Map(), errors: new Map(), unanswered: 0 }
  const pairs = countries.flatMap((country) => supplyIds.map((supplyId) => ({ supplyId, country })))
  const makeRequest = createRequests({ targets: pairs, tmaxMs: tmax })
  let started = 0
  const nextRequest = () => {
    if (typeof auctions === 'number' ? started >= auctions : !auctions()) return undefined
    started += 1
    return { ...makeRequest(), ip: nextAddress() }
  }
  const transport = toAllInTurn(options, (request, { responses, errorCode, isDisconnected }) => {
    if (isDisconnected) {
      result.unanswered += 1
    } else if (errorCode !== undefined) {
      add(result.errors, errorCode)
    } else {
      result.acknowledged += 1
      countAuction(result.counters, request, responses ?? [])
      onAcknowledged?.(result.acknowledged)
    }
  })
  const recorder = { record: () => {} }
  try {
    await generateLoad({ transport, nextRequest, recorder, pace: { concurrency }, durationMs: MAX_DURATION_MS })
  } finally {
    await transport.dispose()
  }
  return result
}

/** Load that goes on until it is stopped. */
export interface RunningLoad {
  /** How many auctions were answered so far. */
  acknowledged(): number
  /** Resolves when so many further auctions were answered. */
  more(auctions: number): Promise<void>
  /** Resolves when everything in flight is answered. */
  stop(): Promise<LoadResult>
}

export function startLoad(options: Omit<LoadOptions, 'auctions' | 'onAcknowledged'>): RunningLoad {
  let isRunning = true
  let acknowledged = 0
  const onAcknowledged = (total: number) => {
    acknowledged = total
  }
  const result = runLoad({ ...options, auctions: () => isRunning, onAcknowledged })
  return {
    acknowledged: () => acknowledged,
    more: async (auctions) => {
      const goal = acknowledged + auctions
      await vi.waitFor(() => expect(acknowledged).toBeGreaterThan(goal), { interval: 5 })
    },
    stop: () => {
      isRunning = false
      return result
    },
  }
}

/** One way to several services. */
function toAllInTurn(
  { targets, concurrency }: LoadOptions,
  onAnswered: (request: RunAuctionInput, answer: Answer) => void,
): Transport {
  const transports = new Map<string, Transport>()
  let sent = 0

  function transportTo(target: string): Transport {
    const known = transports.get(target) ?? createHttpTransport({ url: new URL(target), connections: concurrency })
    transports.set(target, known)
    return known
  }

  return {
    send: (request, onAnswer) =>
      transportTo(targets[sent++ % targets.length] ?? '').send(request, (answer) => {
        onAnswered(request, answer)
        onAnswer(answer)
      }),
    dispose: async () => void (await Promise.all([...transports.values()].map((transport) => transport.dispose()))),
  }
}

function countAuction(
  counters: Counters,
  { supplyId, country }: RunAuctionInput,
  responses: NonNullable<Answer['responses']>,
): void {
  add(counters, `${supplyId} total`)
  add(counters, `${supplyId} country ${country}`)
  for (const { bidderId, outcome, price } of responses) {
    add(counters, `${supplyId} ${bidderId} ${outcome}`)
    if (outcome === 'WON') add(counters, `${supplyId} ${bidderId} revenue`, Math.round((price ?? 0) * 1e6))
  }
}

let addresses = 0
/** A run that nothing has ended by then ends by itself, in milliseconds. */
const MAX_DURATION_MS = 300_000
