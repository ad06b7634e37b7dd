import { setTimeout as delay } from 'node:timers/promises'
import { type CatalogSource, readCatalog, readRevision, renewCatalog } from './snapshot.ts'
import type { Catalog, CatalogSnapshot } from './types.ts'

export interface CatalogOptions extends CatalogSource {
  /** How long between two looks at the revision, in milliseconds; 1000 by default. */
  readonly pollIntervalMs?: number
  /**
   * A number that grows by one with each statement or transaction in the database, where that can be told: while it
   * stands still, the revision is not looked at, which would cost auctions some milliseconds each time.
   */
  readonly uses?: (() => number) | undefined
  /** Told of each new snapshot, after `current()` gives it; not of the first. */
  readonly onChange?: (snapshot: CatalogSnapshot) => void
  /** Told that the catalogue cannot be refreshed: once, until it could be again. The last snapshot stays in use. */
  readonly onError?: (error: unknown) => void
  /** Told that the catalogue could be refreshed again after an error. */
  readonly onRecovery?: () => void
}

/**
 * Loads the catalogue, then keeps it new: looks at its revision at each interval and makes it new where that changed.
 * A database that is away later on never stops it. `refresh()` never rejects either: what went wrong is told to
 * `onError` and tried again at the next interval. `dispose()` waits a little for the look in flight.
 * @throws where the catalogue cannot be loaded at first
 */
export async function createCatalog(options: CatalogOptions): Promise<Catalog> {
  const { prisma, pollIntervalMs = POLL_INTERVAL_MS, uses, onChange, onError, onRecovery } = options
  let loaded = await readCatalog(options)
  let isFailing = false
  /** The uses at the last look, where it was the only one since the number was read; else another look is due. */
  let usesSeen: number | undefined
  let isDisposed = false
  let timer: NodeJS.Timeout | undefined
  let inFlight: Promise<void> | undefined
  let queued: Promise<void> | undefined
  schedule()

  return {
    current: () => loaded.snapshot,
    refresh,
    async dispose() {
      isDisposed = true
      clearTimeout(timer)
      await Promise.race([queued ?? inFlight, delay(DISPOSE_TIMEOUT_MS, undefined, { ref: false })])
    },
  }

  function schedule(): void {
    clearTimeout(timer)
    if (!isDisposed) timer = setTimeout(refresh, pollIntervalMs).unref()
  }

  /** One look at a time. One that is in flight may have read the revision already, so another follows it: one for all. */
  function refresh(): Promise<void> {
    if (queued !== undefined) return queued
    if (inFlight === undefined) return start()
    queued = inFlight.then(() => {
      queued = undefined
      return start()
    })
    return queued
  }

  function start(): Promise<void> {
    if (isDisposed) return Promise.resolve()
    inFlight = look().finally(() => {
      inFlight = undefined
      schedule()
    })
    return inFlight
  }

  async function look(): Promise<void> {
    const usesBefore = uses?.()
    if (usesBefore !== undefined && usesBefore === usesSeen) return
    try {
      // Not "greater": a database that was restored from a backup has an older revision, and is right.
      if ((await readRevision(prisma)) !== loaded.snapshot.revision) {
        loaded = await renewCatalog(options, loaded)
        onChange?.(loaded.snapshot)
      }
      if (usesBefore !== undefined) usesSeen = uses?.() === usesBefore + 1 ? usesBefore + 1 : undefined
      if (isFailing) onRecovery?.()
      isFailing = false
    } catch (error) {
      if (!isFailing) onError?.(error)
      isFailing = true
    }
  }
}

const POLL_INTERVAL_MS = 1000
/** How long a look may go on after the end: a database that hangs must not keep the process. */
const DISPOSE_TIMEOUT_MS = 2000
