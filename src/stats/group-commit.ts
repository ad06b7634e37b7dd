import { addToTally, createTally, type Tally } from './tally.ts'
import type { AuctionCount } from './types.ts'

/** How long a commit may keep callers waiting, in milliseconds; then they are let go and the commit goes on alone. */
export const COMMIT_TIMEOUT_MS = 500
/** A commit takes supplies until it has this many countries and bidders, so that no single one keeps Redis long. */
export const COUNTERS_PER_COMMIT_MAX = 5_000

/** What is committed together, under a number that only grows. Sent again, it is the same in every part. */
export interface Batch {
  readonly sequence: number
  readonly tallies: ReadonlyMap<string, Tally>
}

/** Counts that are committed one batch after the other: what comes while one is in flight makes up the next. */
export interface GroupCommit {
  /**
   * Adds one request to the next batch. Returns a promise that resolves when that batch is committed or has stalled;
   * nothing where batches are stalled already. Never rejects.
   */
  add(count: AuctionCount): Promise<void> | undefined
  /** Commits a stalled batch again; resolves when that came to an end, good or bad. */
  retry(): Promise<void>
  isIdle(): boolean
}

export interface GroupCommitOptions {
  /** Applies a batch, once per sequence number. Rejects where it failed or may have failed; must settle. */
  readonly apply: (batch: Batch) => Promise<void>
  /** Whether the store is known to be away, so that a commit need not be tried. */
  readonly isAway: () => boolean
  readonly nextSequence: () => number
  /** A batch was committed; everything else may be waiting still. */
  readonly onCommitted: (batch: Batch) => void
  /** The batch needs a `retry()`. Until one succeeds, counts wait in memory and nobody waits for them. */
  readonly onStalled: () => void
}

interface PendingTally extends Tally {
  /** Who waits for this tally: one promise for all, made where somebody does. */
  committed: Promise<void> | undefined
  release: (() => void) | undefined
}

export function createGroupCommit({
  apply,
  isAway,
  nextSequence,
  onCommitted,
  onStalled,
}: GroupCommitOptions): GroupCommit {
  let pending = new Map<string, PendingTally>()
  /** In flight or, where it failed, to be committed again before anything else. */
  let batch: { readonly sequence: number; readonly tallies: Map<string, PendingTally> } | undefined
  let inFlight: Promise<void> | undefined
  let isStalled = false

  function add(count: AuctionCount): Promise<void> | undefined {
    let tally = pending.get(count.supplyId)
    if (tally === undefined) {
      tally = { ...createTally(), committed: undefined, release: undefined }
      pending.set(count.supplyId, tally)
    }
    addToTally(tally, count)
    if (!isStalled && inFlight === undefined && isAway()) stall()
    if (isStalled) return undefined
    const committed = waitFor(tally)
    if (inFlight === undefined) commit()
    return committed
  }

  function commit(): void {
    batch ??= { sequence: nextSequence(), tallies: takeTallies() }
    const current = batch
    const timer = setTimeout(stallInFlight, COMMIT_TIMEOUT_MS)
    inFlight = apply(current).then(
      () => {
        clearTimeout(timer)
        inFlight = undefined
        batch = undefined
        isStalled = false
        release(current.tallies)
        if (pending.size > 0) commit()
        onCommitted(current)
      },
      () => {
        clearTimeout(timer)
        inFlight = undefined
        stall()
      },
    )
  }

  /** The commit in flight is late: nobody waits for it any longer, but no second one is sent while it may still come. */
  function stallInFlight(): void {
    isStalled = true
    if (batch !== undefined) release(batch.tallies)
    release(pending)
  }

  function stall(): void {
    stallInFlight()
    onStalled()
  }

  /** The supplies that waited longest, as many as fit into one batch. */
  function takeTallies(): Map<string, PendingTally> {
    let counters = 0
    for (const tally of pending.values()) counters += countersOf(tally)
    const taken = pending
    pending = new Map()
    if (counters <= COUNTERS_PER_COMMIT_MAX) return taken
    const fitting = new Map<string, PendingTally>()
    counters = 0
    for (const [supplyId, tally] of taken) {
      counters += countersOf(tally)
      const fits = fitting.size === 0 || counters <= COUNTERS_PER_COMMIT_MAX
      const target = fits ? fitting : pending
      target.set(supplyId, tally)
    }
    return fitting
  }

  return {
    add,
    retry: async () => {
      if (inFlight === undefined && (batch !== undefined || pending.size > 0)) commit()
      await inFlight
    },
    isIdle: () => inFlight === undefined && batch === undefined && pending.size === 0,
  }
}

function countersOf(tally: Tally): number {
  return 1 + tally.countries.size + tally.bidders.size
}

function waitFor(tally: PendingTally): Promise<void> {
  tally.committed ??= new Promise((resolve) => {
    tally.release = resolve
  })
  return tally.committed
}

function release(tallies: ReadonlyMap<string, PendingTally>): void {
  for (const tally of tallies.values()) {
    tally.release?.()
    tally.release = undefined
    tally.committed = undefined
  }
}
