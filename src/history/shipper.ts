import { setTimeout as delay } from 'node:timers/promises'
import { isAfter, type LogStream, type StreamEntry } from './log-stream.ts'
import { type PackedAuctions, readPacked } from './packed-auction.ts'
import { createRollups } from './rollups.ts'
import type { AuctionLogStore, ResumableLogStore } from './types.ts'

/** Takes the auction log from Redis to its store, for as long as no other process does. */
export interface Shipper {
  /** Stops after the batch under way. */
  dispose(): Promise<void>
}

export interface ShipperProgress {
  /** Auctions that this shipper has written. */
  readonly shipped: number
  /** Whether another process ships: this one waits to take over. */
  readonly isStandby: boolean
  /** Why nothing can be shipped, where that is so. */
  readonly error: string | undefined
}

export interface ShipperOptions {
  readonly stream: LogStream
  /** Where the position in the stream is kept as well, in one transaction with what was written. */
  readonly store: ResumableLogStore
  /** For what is only counted. */
  readonly countedStore: AuctionLogStore
  /** The most auctions of a batch. */
  readonly batchMax: number
  /** What has gone wrong, for an operator. */
  readonly describe: (error: unknown) => string
  readonly onProgress: (progress: ShipperProgress) => void
}

export function createShipper(options: ShipperOptions): Shipper {
  const { stream, store, countedStore, batchMax, describe, onProgress } = options
  const stopping = new AbortController()
  let shipped = 0

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      try {
        const resumed = await store.resume()
        if (resumed.isStandby) tell(true, undefined)
        else await ship(resumed.position)
      } catch (error) {
        tell(false, describe(error))
      }
      await pause(RETRY_MS)
    }
  }

  /** Until something fails: then the position is asked for again. */
  async function ship(from: string | undefined): Promise<void> {
    let position = await validPosition(from)
    // What a process has written and had no time to delete.
    if (position !== undefined) await stream.trim(position)
    while (!stopping.signal.aborted) {
      const beganAt = performance.now()
      const entries = await readBatch(position)
      const last = entries.at(-1)
      if (last !== undefined) {
        const rows = entries.map(({ packed }) => counted(packed))
        await store.write({ position: last.position, rows, rollups: rollupsOf(rows), givenUp: new Map() })
        await stream.trim(last.position)
        position = last.position
        for (const { count } of rows) shipped += count
      }
      if (last === undefined) position = await validPosition(position)
      await shipCounted()
      tell(false, undefined)
      await pause(beganAt + INTERVAL_MS - performance.now())
    }
  }

  /** A stream that was lost begins anew, and so may a clock that was set back. */
  async function validPosition(position: string | undefined): Promise<string | undefined> {
    const last = await stream.last()
    return position !== undefined && last !== undefined && isAfter(position, last) ? undefined : position
  }

  async function readBatch(after: string | undefined): Promise<StreamEntry[]> {
    const batch: StreamEntry[] = []
    let auctions = 0
    let position = after
    while (auctions < batchMax) {
      const entries = await stream.read(position, ENTRIES_PER_READ)
      for (const entry of entries) auctions += counted(entry.packed).count
      batch.push(...entries)
      position = entries.at(-1)?.position ?? position
      if (entries.length < ENTRIES_PER_READ) break
    }
    return batch
  }

  async function shipCounted(): Promise<void> {
    const taken = await stream.takeCounted()
    if (taken === undefined) return
    const { name, rollups, givenUp } = taken
    await countedStore.write({ position: name, rows: [], rollups, givenUp })
    await stream.deleteCounted()
  }

  function tell(isStandby: boolean, error: string | undefined): void {
    onProgress({ shipped, isStandby, error })
  }

  async function pause(ms: number): Promise<void> {
    if (ms > 0) await delay(ms, undefined, { signal: stopping.signal }).catch(() => {})
  }

  const running = run()
  return {
    async dispose() {
      stopping.abort()
      await running
      await Promise.all([store.dispose(), countedStore.dispose()])
    },
  }
}

function counted(bytes: Buffer): PackedAuctions {
  const reader = readPacked({ bytes })
  let count = 0
  while (reader.next()) count += 1
  return { bytes, count }
}

function rollupsOf(rows: readonly PackedAuctions[]) {
  const rollups = createRollups()
  for (const { bytes } of rows) {
    const reader = readPacked({ bytes })
    while (reader.next()) rollups.add(bytes, reader)
  }
  return rollups
}

/** How often a batch is written where none is full, in milliseconds. */
const INTERVAL_MS = 500
/** How long to wait after a failure, and between two looks whether another process still ships, in milliseconds. */
const RETRY_MS = 1_000
/** Entries are commits, of one auction each where nothing is to do, and of hundreds where much is. */
const ENTRIES_PER_READ = 500
