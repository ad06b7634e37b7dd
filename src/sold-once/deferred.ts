import { KEPT_MS, type KeyedSale } from './types.ts'

/** The most answers that wait to be kept, and characters of them, two bytes each: beyond it the oldest are forgotten. */
export const DEFERRED_MAX = 10_000
export const DEFERRED_CHARACTERS_MAX = 32 * 2 ** 20
/** How often answers that wait are tried again, in milliseconds. */
export const RETRY_INTERVAL_MS = 250
/** How many of them at once. */
export const RETRIES_AT_ONCE_MAX = 100

/** Answers of sales that were made while Redis went away: this process remembers them until Redis has them. */
export interface DeferredAnswers {
  find(name: string): Deferred | undefined
  add(sale: KeyedSale, answer: string): void
  dispose(): void
}

export interface Deferred {
  readonly sale: KeyedSale
  readonly answer: string
}

/**
 * @param send hands an answer over; rejects where that failed
 * @param now a monotonic clock in milliseconds
 */
export function createDeferredAnswers({
  send,
  isAway,
  now,
}: {
  readonly send: (sale: KeyedSale, answer: string) => Promise<unknown>
  readonly isAway: () => boolean
  readonly now: () => number
}): DeferredAnswers {
  const deferred = new Map<string, Deferred & { readonly until: number }>()
  let characters = 0
  let timer: NodeJS.Timeout | undefined
  let isDisposed = false

  function forget(name: string): void {
    characters -= deferred.get(name)?.answer.length ?? 0
    deferred.delete(name)
  }

  function schedule(): void {
    if (deferred.size > 0 && !isDisposed) timer ??= setTimeout(retry, RETRY_INTERVAL_MS).unref()
  }

  async function retry(): Promise<void> {
    if (!isAway()) {
      await Promise.all(
        [...deferred.values()].slice(0, RETRIES_AT_ONCE_MAX).map(async (each) => {
          const { sale, answer, until } = each
          const isDone = until <= now() || (await send(sale, answer).then(isTrue, isFalse))
          if (deferred.get(sale.name) !== each) return
          if (isDone) return forget(sale.name)
          // What Redis refuses has the others tried first.
          deferred.delete(sale.name)
          deferred.set(sale.name, each)
        }),
      )
    }
    timer = undefined
    schedule()
  }

  return {
    find: (name) => deferred.get(name),
    add(sale, answer) {
      forget(sale.name)
      deferred.set(sale.name, { sale, answer, until: now() + KEPT_MS })
      characters += answer.length
      for (const oldest of deferred.keys()) {
        if (deferred.size <= DEFERRED_MAX && characters <= DEFERRED_CHARACTERS_MAX) break
        forget(oldest)
      }
      schedule()
    },
    dispose() {
      isDisposed = true
      clearTimeout(timer)
    },
  }
}

const isTrue = () => true
const isFalse = () => false
