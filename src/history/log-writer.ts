import { messageOf } from '../db/database-error.ts'
import { createCounted, giveUp } from './counted.ts'
import type { PackedAuctions } from './packed-auction.ts'
import { type AuctionLogStore, type LogBatch, WHOLE } from './types.ts'

/** Auctions wait for the store up to this many bytes, some 300,000 of eight responses each. */
export const PENDING_BYTES_MAX = 64 * 1024 * 1024

/**
 * Writes auctions into a store in batches, so that each adds to the statistics of its hour little at a time. While the
 * store is away they wait, within a bound; past it the oldest rows are given up and only counted.
 */
export interface LogWriter {
  add(auctions: PackedAuctions): void
  /** Writes what waits without waiting for more. */
  flush(): void
  /** Ends the writing; what waits stays unwritten. */
  dispose(): Promise<void>
}

export interface LogProgress {
  /** Auctions in the store, with those whose rows were given up and that are counted there. */
  readonly written: number
  readonly pendingBytes: number
  readonly givenUp: number
  /** Why nothing can be written, where that is so. */
  readonly error: string | undefined
}

export interface LogWriterOptions {
  readonly store: AuctionLogStore
  /** The most auctions of a batch. */
  readonly batchMax: number
  readonly pendingBytesMax?: number
  readonly onProgress: (progress: LogProgress) => void
}

interface SizedBatch extends LogBatch {
  readonly auctions: number
}

export function createLogWriter({
  store,
  batchMax,
  pendingBytesMax = PENDING_BYTES_MAX,
  onProgress,
}: LogWriterOptions): LogWriter {
  const waiting: PackedAuctions[] = []
  let waitingAuctions = 0
  let pendingBytes = 0
  /** The rows that were given up since the last batch was made. */
  let counted = createCounted()
  let countedAuctions = 0
  let givenUp = 0
  let written = 0
  let batches = 0
  let error: string | undefined
  let isFlushing = false
  let isDisposed = false
  let wake: (() => void) | undefined
  let lastWriteAt = Number.NEGATIVE_INFINITY
  let running: Promise<void> | undefined

  async function run(): Promise<void> {
    let retryMs = RETRY_MIN_MS
    let batch: SizedBatch | undefined
    while (!isDisposed) {
      if (batch === undefined) {
        if (waitingAuctions + countedAuctions === 0) break
        await untilDue()
        batch = takeBatch()
        lastWriteAt = performance.now()
      }
      try {
        await store.write(batch)
        written += batch.auctions
        for (const { bytes } of batch.rows) pendingBytes -= bytes.length
        batch = undefined
        error = undefined
        retryMs = RETRY_MIN_MS
        tell()
      } catch (cause) {
        error = messageOf(cause)
        tell()
        await pause(retryMs)
        retryMs = Math.min(2 * retryMs, RETRY_MAX_MS)
      }
    }
    isFlushing = false
  }

  /** Until a batch is full, or the last one was begun long enough ago. */
  async function untilDue(): Promise<void> {
    const isDue = () => isFlushing || isDisposed || waitingAuctions >= batchMax
    const dueAt = lastWriteAt + WRITE_INTERVAL_MS
    while (!isDue() && performance.now() < dueAt) await pause(dueAt - performance.now())
  }

  /** Until so much time has passed, or there is something new to decide by. */
  function pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      wake = () => {
        clearTimeout(timer)
        wake = undefined
        resolve()
      }
      const timer = setTimeout(wake, ms)
    })
  }

  function takeBatch(): SizedBatch {
    const { rollups, givenUp } = counted
    const rows: PackedAuctions[] = []
    let auctions = countedAuctions
    let rowCount = 0
    while (waiting[0] !== undefined && (rowCount === 0 || rowCount + waiting[0].count <= batchMax)) {
      const packed = waiting.shift() as PackedAuctions
      rows.push(packed)
      rowCount += packed.count
      rollups.addAll(packed)
    }
    waitingAuctions -= rowCount
    auctions += rowCount
    batches += 1
    const batch = { positions: new Map([[WHOLE, String(batches)]]), rows, rollups, givenUp, auctions }
    counted = createCounted()
    countedAuctions = 0
    return batch
  }

  /** Joins what is small: over a long time at a low rate, their objects would be larger than the auctions. */
  function append(auctions: PackedAuctions): void {
    const last = waiting.at(-1)
    const bytes = auctions.bytes.length + (last?.bytes.length ?? 0)
    const count = auctions.count + (last?.count ?? 0)
    if (last === undefined || bytes > JOINED_BYTES_MAX || count > batchMax) waiting.push(auctions)
    else waiting[waiting.length - 1] = { bytes: Buffer.concat([last.bytes, auctions.bytes], bytes), count }
  }

  function giveUpOldest(): void {
    const packed = waiting.shift() as PackedAuctions
    giveUp(counted, packed)
    waitingAuctions -= packed.count
    countedAuctions += packed.count
    givenUp += packed.count
    pendingBytes -= packed.bytes.length
  }

  function tell(): void {
    onProgress({ written, pendingBytes, givenUp, error })
  }

  return {
    add(auctions) {
      append(auctions)
      waitingAuctions += auctions.count
      pendingBytes += auctions.bytes.length
      while (pendingBytes > pendingBytesMax && waiting.length > 1) giveUpOldest()
      if (waitingAuctions >= batchMax && error === undefined) wake?.()
      start()
    },
    flush() {
      isFlushing = true
      wake?.()
      start()
    },
    async dispose() {
      isDisposed = true
      wake?.()
      await running
      await store.dispose()
    },
  }

  function start(): void {
    running ??= run().finally(() => {
      running = undefined
      // What came while it ended.
      if (waitingAuctions > 0 && !isDisposed) start()
    })
  }
}

/** Auctions that come apart are held together up to this many bytes. */
const JOINED_BYTES_MAX = 65_536
/** How often a batch is written where none is full, in milliseconds: what a process that is killed may lose. */
const WRITE_INTERVAL_MS = 500
/** A batch that could not be written is tried again after this long, then twice as long, up to a bound, in milliseconds. */
const RETRY_MIN_MS = 100
const RETRY_MAX_MS = 2_000
