import { randomUUID } from 'node:crypto'
import type { RedisConnection } from '../redis/connect.ts'
import { defineScript } from '../redis/script.ts'
import { SHARDS } from '../redis/shards.ts'
import { type Counted, parseCounted } from './counted.ts'
import { streamKeys } from './stream-keys.ts'

/** The auction log on its way through Redis, as whoever ships it sees it. Commits of the statistics add to it. */
export interface LogStream {
  /** Its name among those of one Redis. */
  readonly part: string
  /** The entries after a position, the oldest first; from the beginning where none is given. */
  read(after: string | undefined, countMax: number): Promise<readonly StreamEntry[]>
  /** The position of the newest entry there ever was; undefined where there was none. */
  last(): Promise<string | undefined>
  /** Deletes the entries up to a position. */
  trim(upTo: string): Promise<void>
  /** What was counted of rows that were given up, under a name: the same each time, until it is deleted. */
  takeCounted(): Promise<NamedCounted | undefined>
  deleteCounted(): Promise<void>
  /** Whether there is anything that was counted so and is not in the database. */
  hasCounted(): Promise<boolean>
  size(): Promise<StreamSize>
}

export interface StreamEntry {
  /** Grows from each entry to the next: `<milliseconds>-<number>`. */
  readonly position: string
  readonly packed: Buffer
}

export interface NamedCounted extends Counted {
  readonly name: string
}

export interface StreamSize {
  readonly entries: number
  readonly bytes: number
  /** When the oldest entry came, in milliseconds since 1970 by Redis' clock; undefined where there is none. */
  readonly oldestAtMs: number | undefined
}

/** The streams of one Redis: one, and on a cluster one for each shard. */
export function createLogStreams({ client, isCluster }: Pick<RedisConnection, 'client' | 'isCluster'>): LogStream[] {
  const trimScript = defineScript(client, 'trimAuctionLog', new URL('trim-stream.lua', import.meta.url))
  const sizeScript = defineScript(client, 'sizeAuctionLog', new URL('stream-size.lua', import.meta.url))
  const drainScript = defineScript(client, 'drainCounted', new URL('drain-counted.lua', import.meta.url))
  return isCluster ? SHARDS.map(createLogStream) : [createLogStream()]

  function createLogStream(shard?: string): LogStream {
    const { part, stream, bytes, counted, draining } = streamKeys(shard)
    return {
      part,
      async read(after, countMax) {
        const start = after === undefined ? '-' : `(${after}`
        const entries = await client.xrangeBuffer(stream, start, '+', 'COUNT', countMax)
        return entries.map(([position, [, packed]]) => ({ position: position.toString(), packed: packed ?? EMPTY }))
      },
      async last() {
        const [newest] = await client.xrevrange(stream, '+', '-', 'COUNT', 1)
        return newest?.[0]
      },
      async trim(upTo) {
        await trimScript([stream, bytes], [nextPosition(upTo)])
      },
      async takeCounted() {
        const answer = (await drainScript([counted, draining], [randomUUID()])) as string[]
        const hash: Record<string, string> = {}
        for (let index = 0; index < answer.length; index += 2) hash[answer[index] ?? ''] = answer[index + 1] ?? ''
        const { name, ...fields } = hash
        return name === undefined ? undefined : { name, ...parseCounted(fields) }
      },
      async deleteCounted() {
        await client.del(draining)
      },
      async hasCounted() {
        return (await client.exists(counted, draining)) > 0
      },
      async size() {
        const [entries, size, oldest] = (await sizeScript([stream, bytes], [])) as [
          number,
          string | null,
          string | null,
        ]
        return {
          entries,
          bytes: Number(size ?? 0),
          oldestAtMs: oldest === null ? undefined : Number.parseInt(oldest, 10),
        }
      },
    }
  }
}

/** Whether a position is after another. */
export function isAfter(position: string, other: string): boolean {
  const [ms = 0, number = 0] = position.split('-').map(Number)
  const [otherMs = 0, otherNumber = 0] = other.split('-').map(Number)
  return ms > otherMs || (ms === otherMs && number > otherNumber)
}

function nextPosition(position: string): string {
  const [ms, number] = position.split('-')
  return `${ms}-${Number(number) + 1}`
}

const EMPTY = Buffer.alloc(0)
