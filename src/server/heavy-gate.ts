import type { GraphQLError } from 'graphql'
import { overloaded } from '../graphql/errors.ts'
import { isHeavy } from '../graphql/query-cost.ts'
import type { Admission, Ticket } from './admission.ts'

export interface HeavyGateOptions {
  readonly slots?: number
  readonly maxWaiting?: number
  readonly maxWaitMs?: number
}

/**
 * The admission that lets heavy operations run a few at a time. The others of their kind wait in the order they came, and
 * are refused as OVERLOADED where too many wait or they have waited too long. Everything else, auctions above all, passes.
 */
export function createHeavyGate({
  slots = SLOTS,
  maxWaiting = MAX_WAITING,
  maxWaitMs = MAX_WAIT_MS,
}: HeavyGateOptions = {}): Admission {
  let running = 0
  /** One that gives up is taken out. */
  const waiting = new Set<() => void>()

  return (_context, operation) => {
    if (!isHeavy(operation.cost) || operation.type === 'subscription') return undefined
    if (running < slots) {
      running += 1
      return leave
    }
    if (waiting.size >= maxWaiting) throw refusal()
    return waitForSlot()
  }

  function waitForSlot(): Promise<Ticket> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        waiting.delete(begin)
        reject(refusal())
      }, maxWaitMs)
      function begin(): void {
        clearTimeout(timer)
        resolve(leave)
      }
      waiting.add(begin)
    })
  }

  /** The first that waits takes over the slot. */
  function leave(): void {
    const [next] = waiting
    if (!next) {
      running -= 1
      return
    }
    waiting.delete(next)
    next()
  }

  function refusal(): GraphQLError {
    return overloaded(maxWaitMs)
  }
}

/** Heavy operations that run at a time: while one waits for the database, another may use the processor. */
const SLOTS = 2
/** Heavy operations that may wait for a slot. */
const MAX_WAITING = 100
/** How long one may wait for a slot, in milliseconds. */
const MAX_WAIT_MS = 5000
