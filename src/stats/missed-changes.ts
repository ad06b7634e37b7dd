import { setImmediate as nextTurn } from 'node:timers/promises'
import type { StatsStore } from './types.ts'

/** Looks for supplies whose change nobody was told of: by their totals, which are others after every change. */
export interface MissedChanges {
  /** Looks now; where it is looking already, once more after that. */
  look(): void
  dispose(): void
}

export interface MissedChangesDependencies {
  readonly store: Pick<StatsStore, 'totals' | 'supplyIds'>
  /** The supplies whose value is known. */
  readonly knownIds: () => Iterable<string>
  /** The total of a supply's known value, as the store's; 0 where none is known. */
  readonly totalOf: (supplyId: string) => number
  /** Whether supplies that are not known may have had their first request: then all that ever had one are gone through. */
  readonly mayBeUnknown: () => boolean
  /** Called with supplies that have another total than the known one. */
  readonly onMissed: (supplyIds: readonly string[]) => void
  /** Called where the store cannot be read any more; it is tried again. */
  readonly onError: (error: unknown) => void
}

export function createMissedChanges(dependencies: MissedChangesDependencies): MissedChanges {
  const { store, knownIds, totalOf, mayBeUnknown, onMissed, onError } = dependencies
  let isLooking = false
  let isDue = false
  let isFailing = false
  let isDisposed = false
  let timer: NodeJS.Timeout | undefined

  function look(): void {
    isDue = true
    if (isLooking || isDisposed) return
    clearTimeout(timer)
    isDue = false
    isLooking = true
    lookThrough().then(
      () => {
        isLooking = false
        isFailing = false
        if (isDue) look()
      },
      (error: unknown) => {
        isLooking = false
        if (isDisposed) return
        if (!isFailing) onError(error)
        isFailing = true
        timer = setTimeout(look, RETRY_AFTER_MS)
      },
    )
  }

  async function lookThrough(): Promise<void> {
    const ids = [...knownIds()]
    for (let from = 0; from < ids.length && !isDisposed; from += PAGE) {
      // A store in memory lets nothing else in between.
      if (from > 0) await nextTurn()
      await compare(ids.slice(from, from + PAGE))
    }
    if (!mayBeUnknown()) return
    const known = new Set(ids)
    for (let after: string | undefined; !isDisposed; ) {
      const page = await store.supplyIds({ first: PAGE, after })
      const unknown = page.filter((id) => !known.has(id))
      if (unknown.length > 0) await compare(unknown)
      if (page.length < PAGE) return
      after = page.at(-1)
      await nextTurn()
    }
  }

  async function compare(ids: readonly string[]): Promise<void> {
    const totals = await store.totals(ids)
    const missed = ids.filter((id, index) => totals[index] !== totalOf(id))
    if (missed.length > 0 && !isDisposed) onMissed(missed)
  }

  return {
    look,
    dispose: () => {
      isDisposed = true
      clearTimeout(timer)
    },
  }
}

/** Supplies looked at in one go: few milliseconds of Redis's time and of this process's. */
const PAGE = 500
/** After a failed look the next one comes this much later, in milliseconds. */
const RETRY_AFTER_MS = 500
