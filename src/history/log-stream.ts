import { randomUUID } from 'node:crypto'
import type { RedisConnection } from '../redis/connect.ts'
import { defineScript } from '../redis/script.ts'
import { type Counted, parseCounted } from './counted.ts'
import { COUNTED_DRAINING_KEY, COUNTED_KEY, STREAM_BYTES_KEY, STREAM_KEY } from './stream-keys.ts'

/** The auction log on its way through Redis, as whoever ships it sees it. Commits of the statistics add to it. */
export interface LogStream {
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
}

export function createLogStream({ client }: Pick<RedisConnection, 'client'>): LogStream {
  const trimScript = defineScript(client, 'trimAuctionLog', new URL('trim-stream.lua', import.meta.url))
  const drainScript = defineScript(client, 'drainCounted', new URL('drain-counted.lua', import.meta.url))

  return {
    async read(after, countMax) {
      const start = after === undefined ? '-' : `(${after}`
      const entries = await client.xrangeBuffer(STREAM_KEY, start, '+', 'COUNT', countMax)
      return entries.map(([position, [, packed]]) => ({ position: position.toString(), packed: packed ?? EMPTY }))
    },
    async last() {
      const [newest] = await client.xrevrange(STREAM_KEY, '+', '-', 'COUNT', 1)
      return newest?.[0]
    },
    async trim(upTo) {
      await trimScript([STREAM_KEY, STREAM_BYTES_KEY], [nextPosition(upTo)])
    },
    async takeCounted() {
      const answer = (await drainScript([COUNTED_KEY, COUNTED_DRAINING_KEY], [randomUUID()])) as string[]
      const hash: Record<string, string> = {}
      for (let index = 0; index < answer.length; index += 2) hash[answer[index] ?? ''] = answer[index + 1] ?? ''
      const { name, ...fields } = hash
      return name === undefined ? undefined : { name, ...parseCounted(fields) }
    },
    async deleteCounted() {
      await client.del(COUNTED_DRAINING_KEY)
    },
    async hasCounted() {
      return (await client.exists(COUNTED_KEY, COUNTED_DRAINING_KEY)) > 0
    },
    async size() {
      const [entries, bytes] = await Promise.all([client.xlen(STREAM_KEY), client.get(STREAM_BYTES_KEY)])
      return { entries, bytes: Number(bytes ?? 0) }
    },
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
