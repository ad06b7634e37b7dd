import type { SupplyStats } from './types.ts'

/**
 * One subscriber of live statistics. It holds ids of changed supplies, never values, and takes the newest value of one
 * when its reader asks: a slow reader skips values, and costs a bounded amount of memory.
 */
export interface Subscriber extends AsyncIterableIterator<SupplyStats> {
  /** Says that a supply has a new value. */
  changed(supplyId: string): void
  /** Whether it has not been told every first value yet. */
  isStarting(): boolean
}

export interface SubscriberOptions {
  /** Each supply is told at most once in this time, in milliseconds. */
  readonly minIntervalMs: number
  /** The supplies told first, whatever their value. */
  readonly initialIds: Iterable<string> | AsyncIterable<string>
  /** Reads the values told first, in the order of the ids. */
  readonly read: (ids: readonly string[]) => Promise<SupplyStats[]>
  /** The newest value known of a supply. */
  readonly newest: (supplyId: string) => SupplyStats | undefined
  /** Runs what tells a value when its turn among all subscribers has come. */
  readonly inTurn: (task: () => void) => void
  /** Called once, when the subscription ends. */
  readonly onEnd: () => void
}

type Reader = { resolve: (result: IteratorResult<SupplyStats>) => void; reject: (error: unknown) => void }

export function createSubscriber(options: SubscriberOptions): Subscriber {
  const { minIntervalMs, initialIds, read, newest, inTurn, onEnd } = options
  const initial = pages(initialIds)
  let initialValues: SupplyStats[] | undefined = []
  const dirty = new Set<string>()
  /** When each supply was last told, oldest first; forgotten after minIntervalMs. */
  const toldAtMs = new Map<string, number>()
  let reader: Reader | undefined
  let timer: NodeJS.Timeout | undefined
  let hasEnded = false

  return {
    changed(supplyId) {
      dirty.add(supplyId)
      if (reader && !initialValues && !(timer && isHeldBack(supplyId))) inTurn(tellReady)
    },
    isStarting: () => initialValues !== undefined,
    next() {
      if (hasEnded) return Promise.resolve(END)
      return new Promise((resolve, reject) => {
        // A generator's callers queue; subscription servers ask once at a time, and an earlier question is answered first.
        reader?.resolve(END)
        reader = { resolve, reject }
        if (initialValues) void tellInitial(initialValues)
        else if (dirty.size > 0) inTurn(tellReady)
      })
    },
    return() {
      end()
      return Promise.resolve(END)
    },
    [Symbol.asyncIterator]() {
      return this
    },
  }

  async function tellInitial(values: SupplyStats[]): Promise<void> {
    try {
      if (values.length === 0) {
        const page = await initial.next()
        if (hasEnded) return
        if (page.done) {
          initialValues = undefined
          if (dirty.size > 0) inTurn(tellReady)
          return
        }
        values.push(...(await read(page.value)).reverse())
        if (hasEnded) return
      }
    } catch (error) {
      const waiting = reader
      end()
      waiting?.reject(error)
      return
    }
    inTurn(tellFirst)
  }

  /** Answers the reader with the next of the first values. */
  function tellFirst(): void {
    const value = hasEnded ? undefined : initialValues?.pop()
    if (!value) return
    dirty.delete(value.supplyId)
    tell(newest(value.supplyId) ?? value)
  }

  /** Answers the reader with a supply whose time has come, or sets the timer for the first that will. */
  function tellReady(): void {
    if (!reader || hasEnded) return
    const nowMs = performance.now()
    for (const [id, atMs] of toldAtMs) {
      if (atMs + minIntervalMs > nowMs) break
      toldAtMs.delete(id)
    }
    for (const id of dirty) {
      if (toldAtMs.has(id)) continue
      dirty.delete(id)
      const value = newest(id)
      if (value) {
        tell(value)
        return
      }
    }
    if (dirty.size === 0 || timer) return
    let firstMs = Number.POSITIVE_INFINITY
    for (const id of dirty) firstMs = Math.min(firstMs, toldAtMs.get(id) ?? 0)
    timer = setTimeout(
      () => {
        timer = undefined
        inTurn(tellReady)
      },
      Math.max(1, Math.ceil(firstMs + minIntervalMs - nowMs)),
    )
  }

  function isHeldBack(supplyId: string): boolean {
    const atMs = toldAtMs.get(supplyId)
    return atMs !== undefined && atMs + minIntervalMs > performance.now()
  }

  function tell(value: SupplyStats): void {
    toldAtMs.delete(value.supplyId)
    toldAtMs.set(value.supplyId, performance.now())
    const waiting = reader
    reader = undefined
    waiting?.resolve({ done: false, value })
  }

  function end(): void {
    if (hasEnded) return
    hasEnded = true
    clearTimeout(timer)
    dirty.clear()
    toldAtMs.clear()
    initialValues = undefined
    onEnd()
    reader?.resolve(END)
    reader = undefined
  }
}

async function* pages(ids: Iterable<string> | AsyncIterable<string>): AsyncGenerator<string[]> {
  let page: string[] = []
  for await (const id of ids) {
    page.push(id)
    if (page.length < INITIAL_PAGE) continue
    yield page
    page = []
  }
  if (page.length > 0) yield page
}

const END: IteratorReturnResult<undefined> = Object.freeze({ done: true, value: undefined })
/** Supplies read in one call for a subscriber's start. */
const INITIAL_PAGE = 50
