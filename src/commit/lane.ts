/** How long a commit may keep callers waiting, in milliseconds; then they are let go and the commit goes on alone. */
export const COMMIT_TIMEOUT_MS = 500

/** What is committed together, under a number that only grows. Sent again, it is the same in every part. */
export interface Batch<Value> {
  readonly sequence: number
  /** What waited, by key. */
  readonly entries: ReadonlyMap<string, Entry<Value>>
}

export interface Entry<Value> {
  /** Everything that was added under one key. */
  readonly value: Value
  /** How many items that is. */
  readonly items: number
}

/** Commits one batch after the other: what comes while one is in flight makes up the next. */
export interface Lane<Item> {
  /**
   * Adds an item to the next batch. Returns a promise that resolves when that batch is committed or has stalled; nothing
   * where batches are stalled already. Never rejects.
   */
  add(key: string, item: Item): Promise<void> | undefined
  /** Commits a stalled batch again; resolves when that came to an end, good or bad. */
  retry(): Promise<void>
  isIdle(): boolean
  /** Whether nobody waits: the commit in flight is late or the last one failed. */
  isStalled(): boolean
}

export interface LaneOptions<Item, Value> {
  /** Adds an item to what waits under its key already; makes the first value where nothing does. Must not throw. */
  readonly merge: (value: Value | undefined, item: Item) => Value
  /** How much of a batch's room a value takes, above 0. */
  readonly weigh: (value: Value) => number
  /** A batch takes values, those that waited longest first, until they weigh this much; one value it takes always. */
  readonly batchWeightMax: number
  /** Applies a batch, once per sequence number. Rejects where it failed or may have failed; must settle. */
  readonly apply: (batch: Batch<Value>) => Promise<void>
  /** Whether the store is known to be away, so that a commit need not be tried. */
  readonly isAway: () => boolean
  readonly nextSequence: () => number
  /** A batch was committed, and its callers are let go. Must not throw. */
  readonly onCommitted: (batch: Batch<Value>) => void
  /** The batch needs a `retry()`. Until one succeeds, items wait in memory and nobody waits for them. */
  readonly onStalled: (error: unknown) => void
}

interface WaitingEntry<Value> extends Entry<Value> {
  value: Value
  items: number
  /** Who waits for this entry: one promise for all, made where somebody does. */
  committed: Promise<void> | undefined
  release: (() => void) | undefined
}

export function createLane<Item, Value>(options: LaneOptions<Item, Value>): Lane<Item> {
  const { merge, weigh, batchWeightMax, apply, isAway, nextSequence, onCommitted, onStalled } = options
  let waiting = new Map<string, WaitingEntry<Value>>()
  /** In flight or, where it failed, to be committed again before anything else. */
  let batch: { readonly sequence: number; readonly entries: Map<string, WaitingEntry<Value>> } | undefined
  let inFlight: Promise<void> | undefined
  let isStalled = false

  function add(key: string, item: Item): Promise<void> | undefined {
    let entry = waiting.get(key)
    if (entry === undefined) {
      entry = { value: merge(undefined, item), items: 1, committed: undefined, release: undefined }
      waiting.set(key, entry)
    } else {
      entry.value = merge(entry.value, item)
      entry.items += 1
    }
    if (!isStalled && inFlight === undefined && isAway()) stall(undefined)
    if (isStalled) return undefined
    const committed = waitFor(entry)
    if (inFlight === undefined) commit()
    return committed
  }

  function commit(): void {
    batch ??= { sequence: nextSequence(), entries: takeEntries() }
    const current = batch
    // Where this process itself was too busy to read the answer, it lies there already: the immediate lets it be read.
    let lastChance: NodeJS.Immediate | undefined
    const timer = setTimeout(() => {
      lastChance = setImmediate(letGo)
    }, COMMIT_TIMEOUT_MS)
    inFlight = apply(current).then(
      () => {
        clearTimeout(timer)
        clearImmediate(lastChance)
        inFlight = undefined
        batch = undefined
        isStalled = false
        release(current.entries)
        if (waiting.size > 0) commit()
        onCommitted(current)
      },
      (error: unknown) => {
        clearTimeout(timer)
        clearImmediate(lastChance)
        inFlight = undefined
        stall(error)
      },
    )
  }

  /** The commit in flight is late: nobody waits for it any longer, but no second one is sent while it may still come. */
  function letGo(): void {
    isStalled = true
    if (batch !== undefined) release(batch.entries)
    release(waiting)
  }

  function stall(error: unknown): void {
    letGo()
    onStalled(error)
  }

  /** What waited longest, as much as fits into one batch. */
  function takeEntries(): Map<string, WaitingEntry<Value>> {
    let weight = 0
    for (const { value } of waiting.values()) weight += weigh(value)
    const taken = waiting
    waiting = new Map()
    if (weight <= batchWeightMax) return taken
    const fitting = new Map<string, WaitingEntry<Value>>()
    weight = 0
    for (const [key, entry] of taken) {
      weight += weigh(entry.value)
      const fits = fitting.size === 0 || weight <= batchWeightMax
      const target = fits ? fitting : waiting
      target.set(key, entry)
    }
    return fitting
  }

  return {
    add,
    retry: async () => {
      if (inFlight === undefined && (batch !== undefined || waiting.size > 0)) commit()
      await inFlight
    },
    isIdle: () => inFlight === undefined && batch === undefined && waiting.size === 0,
    isStalled: () => isStalled,
  }
}

function waitFor(entry: WaitingEntry<unknown>): Promise<void> {
  entry.committed ??= new Promise((resolve) => {
    entry.release = resolve
  })
  return entry.committed
}

function release(entries: ReadonlyMap<string, WaitingEntry<unknown>>): void {
  for (const entry of entries.values()) {
    entry.release?.()
    entry.release = undefined
    entry.committed = undefined
  }
}
