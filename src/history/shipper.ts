import { setTimeout as delay } from 'node:timers/promises'
import { isAfter, type LogStream, type NamedCounted } from './log-stream.ts'
import { type PackedAuctions, readPacked } from './packed-auction.ts'
import { createRollups } from './rollups.ts'
import type { Positions, ResumableLogStore } from './types.ts'

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
  readonly streams: readonly LogStream[]
  /** Where the position in each stream is kept as well, in one transaction with what was written. */
  readonly store: ResumableLogStore
  /** The most auctions of a batch, give or take what is read at once. */
  readonly batchMax: number
  /** What has gone wrong, for an operator. */
  readonly describe: (error: unknown) => string
  readonly onProgress: (progress: ShipperProgress) => void
}

/** A stream and how far it was written. */
interface Source {
  readonly stream: LogStream
  position: string | undefined
  /** Whether nothing up to the position is left in the stream. */
  isTrimmed: boolean
  /** Whether entries that come next may have been written, so that each is looked for. */
  mayRepeat: boolean
}

export function createShipper({ streams, store, batchMax, describe, onProgress }: ShipperOptions): Shipper {
  const stopping = new AbortController()
  const entriesPerRead = Math.ceil(ENTRIES_PER_READ / streams.length)
  let shipped = 0

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      try {
        const resumed = await store.resume()
        if (resumed.isStandby) tell(true, undefined)
        else await ship(resumed.positions)
      } catch (error) {
        tell(false, describe(error))
      }
      await pause(RETRY_MS)
    }
  }

  /** Until the store fails, or every stream: then the positions are asked for again. */
  async function ship(positions: Positions): Promise<void> {
    const sources = streams.map(
      (stream): Source => ({ stream, position: positions.get(stream.part), isTrimmed: false, mayRepeat: false }),
    )
    while (!stopping.signal.aborted) {
      const beganAt = performance.now()
      const round = createRound()
      await round.each(sources, settle)
      const { rows, ends } = await readBatch(sources, round)
      if (round.failures.size === sources.length) throw round.firstFailure()
      if (ends.size > 0) await write(rows, ends)
      await round.each([...ends.keys()], trim)
      await shipCounted(sources, round)
      tell(false, round.failures.size > 0 ? describe(round.firstFailure()) : undefined)
      await pause(beganAt + INTERVAL_MS - performance.now())
    }
  }

  /**
   * A stream that ends before the position has lost what was there and begins anew, or has lost its newest entries alone,
   * as in a crash of Redis. Deletes what was written before and not deleted.
   */
  async function settle(source: Source): Promise<void> {
    const last = await source.stream.last()
    if (source.position !== undefined && last !== undefined && isAfter(source.position, last)) {
      source.position = undefined
      source.mayRepeat = true
    }
    if (!source.isTrimmed) await trim(source)
  }

  async function trim(source: Source): Promise<void> {
    if (source.position !== undefined) await source.stream.trim(source.position)
    source.isTrimmed = true
  }

  /** What is after the positions, and where that ends in the streams that have something. */
  async function readBatch(sources: readonly Source[], round: Round): Promise<{ rows: PackedAuctions[]; ends: Ends }> {
    const rows: PackedAuctions[] = []
    const ends: Ends = new Map()
    let auctions = 0
    for (let left = sources; left.length > 0 && auctions < batchMax; ) {
      const withMore: Source[] = []
      await round.each(left, async (source) => {
        const entries = await source.stream.read(ends.get(source) ?? source.position, entriesPerRead)
        for (const { position, packed } of entries) {
          const counted = source.mayRepeat && (await isWritten(packed)) ? NOTHING : countedOf(packed)
          rows.push(counted)
          auctions += counted.count
          ends.set(source, position)
        }
        if (entries.length === entriesPerRead) withMore.push(source)
        else source.mayRepeat = false
      })
      left = withMore
    }
    return { rows, ends }
  }

  /** An entry is written as a whole, so its first auction tells. */
  async function isWritten(packed: Buffer): Promise<boolean> {
    const reader = readPacked({ bytes: packed })
    if (!reader.next()) return false
    return store.has(packed.toString('hex', reader.idStart, reader.idStart + ID_BYTES), reader.startedAtMs)
  }

  async function write(rows: readonly PackedAuctions[], ends: Ends): Promise<void> {
    const positions = new Map([...ends].map(([{ stream }, end]) => [stream.part, end]))
    await store.write({ positions, rows, rollups: rollupsOf(rows), givenUp: new Map() })
    for (const [source, position] of ends) Object.assign(source, { position, isTrimmed: false })
    for (const { count } of rows) shipped += count
  }

  async function shipCounted(sources: readonly Source[], round: Round): Promise<void> {
    const taken = new Map<Source, NamedCounted>()
    await round.each(sources, async (source) => {
      const counted = await source.stream.takeCounted()
      if (counted !== undefined) taken.set(source, counted)
    })
    for (const [source, { name, rollups, givenUp }] of taken) {
      const positions = new Map([[`${source.stream.part}:counted`, name]])
      await store.write({ positions, rows: [], rollups, givenUp })
      await round.each([source], ({ stream }) => stream.deleteCounted())
    }
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
      await store.dispose()
    },
  }
}

/** Where in each stream a batch ends. */
type Ends = Map<Source, string>

/** Tries something with each stream, and no more in this round with one that has failed. */
interface Round {
  each(sources: readonly Source[], act: (source: Source) => Promise<void>): Promise<void>
  readonly failures: ReadonlyMap<Source, unknown>
  firstFailure(): unknown
}

/** A node of a cluster may be away alone, and keeps no auctions of the others waiting. */
function createRound(): Round {
  const failures = new Map<Source, unknown>()
  return {
    failures,
    firstFailure: () => failures.values().next().value,
    async each(sources, act) {
      const able = sources.filter((source) => !failures.has(source))
      await Promise.all(able.map((source) => act(source).catch((error) => void failures.set(source, error))))
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

const NOTHING: PackedAuctions = { bytes: Buffer.alloc(0), count: 0 }
const ID_BYTES = 16
/** How often a batch is written where none is full, in milliseconds. */
const INTERVAL_MS = 500
/** How long to wait after a failure, and between two looks whether another process still ships, in milliseconds. */
const RETRY_MS = 1_000
/** Entries are commits, of one auction each where nothing is to do, and of hundreds where much is. Of all streams together. */
const ENTRIES_PER_READ = 500
