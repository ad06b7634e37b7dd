import { setTimeout as delay } from 'node:timers/promises'
import { isAfter, type LogStream } from './log-stream.ts'
import { type PackedAuctions, readPacked } from './packed-auction.ts'
import { createRollups } from './rollups.ts'
import { type AuctionLogStore, type ResumableLogStore, WHOLE } from './types.ts'

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
        else await ship(resumed.positions.get(WHOLE))
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
      const { rows, last } = await readBatch(position)
      if (last !== undefined) {
        await store.write({ positions: new Map([[WHOLE, last]]), rows, rollups: rollupsOf(rows), givenUp: new Map() })
        await stream.trim(last)
        position = last
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

  /** What is after a position, and the last one's; undefined where there is nothing. */
  async function readBatch(after: string | undefined): Promise<{ rows: PackedAuctions[]; last: string | undefined }> {
    const rows: PackedAuctions[] = []
    let auctions = 0
    let last: string | undefined
    while (auctions < batchMax) {
      const entries = await stream.read(last ?? after, ENTRIES_PER_READ)
      for (const { packed } of entries) {
        const counted = countedOf(packed)
        rows.push(counted)
        auctions += counted.count
      }
      last = entries.at(-1)?.position ?? last
      if (entries.length < ENTRIES_PER_READ) break
    }
    return { rows, last }
  }

  async function shipCounted(): Promise<void> {
    const taken = await stream.takeCounted()
    if (taken === undefined) return
    const { name, rollups, givenUp } = taken
    await countedStore.write({ positions: new Map([[WHOLE, name]]), rows: [], rollups, givenUp })
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

function countedOf(bytes: Buffer): PackedAuctions {
  const reader = readPacked({ bytes })
  let count = 0
  while (reader.next()) count += 1
  return { bytes, count }
}

function rollupsOf(rows: readonly PackedAuctions[]) {
  const rollups = createRollups()
  for (const packed of rows) rollups.addAll(packed)
  return rollups
}

/** How often a batch is written where none is full, in milliseconds. */
const INTERVAL_MS = 500
/** How long to wait after a failure, and between two looks whether another process still ships, in milliseconds. */
const RETRY_MS = 1_000
/** Entries are commits, of one auction each where nothing is to do, and of hundreds where much is. */
const ENTRIES_PER_READ = 500
