import type pg from 'pg'
import { createPgClient } from '../db/client.ts'
import { codeOf, messageOf } from '../db/database-error.ts'
import { inTime } from '../in-time.ts'
import { type BidderSets, createBidderSets } from './bidder-sets.ts'
import type { LogBatch, Positions, ResumableLogStore } from './types.ts'
import { writeNotices } from './write-notices.ts'
import { writeRollups } from './write-rollups.ts'
import { copyRows, insertRows, type WriteRows } from './write-rows.ts'

export interface PostgresLogStoreOptions {
  readonly connectionString: string
  readonly embedded: boolean
  /** Names who writes: batches of one name are written one after the other. */
  readonly writer: string
  /** How long a batch may take, in milliseconds. */
  readonly timeoutMs?: number
}

/**
 * The log in PostgreSQL: a batch is one transaction of its rows, the notices of their bidders, what they add to the
 * statistics of their hours, and the record that it is there. Connects when it first writes, and again after a failure. Makes the days' partitions ahead.
 *
 * Once it was told to `resume`, it writes over the connection of that time alone, which holds the lock of who writes: after
 * a failure another process may have it.
 */
export function createPostgresLogStore({
  connectionString,
  embedded,
  writer,
  timeoutMs = BATCH_TIMEOUT_MS,
}: PostgresLogStoreOptions): ResumableLogStore {
  const writeRows = embedded ? insertRows : copyRows
  let connection: Connection | undefined
  let isExclusive = false
  let daysMadeAt = Number.NEGATIVE_INFINITY

  async function connect(): Promise<pg.Client> {
    const connecting = createPgClient(connectionString, STATEMENT_TIMEOUT_MS)
    await connecting.connect()
    return connecting
  }

  async function makeDays(connected: pg.Client): Promise<void> {
    const now = performance.now()
    if (now - daysMadeAt < MAKE_DAYS_INTERVAL_MS) return
    await connected.query("SELECT auction_log_make_days((now() AT TIME ZONE 'UTC')::date, $1)", [DAYS_AHEAD])
    await connected.query(
      `DELETE FROM auction_log_writers WHERE written_at < now() - interval '${FORGET_WRITERS_AFTER}'`,
    )
    daysMadeAt = now
  }

  async function disconnect(): Promise<void> {
    const ending = connection
    connection = undefined
    if (ending !== undefined) await inTime(ending.client.end(), DISCONNECT_TIMEOUT_MS).catch(() => {})
  }

  async function writeOnce(batch: LogBatch): Promise<void> {
    connection ??= toConnection(await connect())
    const { client, bidderSets } = connection
    await makeDays(client)
    await client.query('BEGIN')
    const isNew = await claim(client, writer, batch.positions)
    if (isNew) await writeBatch(client, batch, writeRows, bidderSets)
    await client.query(isNew ? 'COMMIT' : 'ROLLBACK')
  }

  return {
    async write(batch) {
      if (connection === undefined && isExclusive) throw new Error('the connection was lost')
      try {
        await inTime(writeOnce(batch), timeoutMs)
      } catch (error) {
        // What this connection is in the middle of is rolled back with it.
        await disconnect()
        throw withRemedy(error)
      }
    },
    async resume() {
      isExclusive = true
      await disconnect()
      const connecting = await connect()
      try {
        const lock = await connecting.query(LOCK, [writer])
        if (lock.rows[0]?.is_mine !== true) {
          await connecting.end()
          return { isStandby: true }
        }
        const known = await connecting.query<{ part: string; position: string }>(POSITIONS, [writer])
        connection = toConnection(connecting)
        return { isStandby: false, positions: new Map(known.rows.map(({ part, position }) => [part, position])) }
      } catch (error) {
        await connecting.end().catch(() => {})
        throw error
      }
    },
    async has(id, startedAtMs) {
      if (connection === undefined) throw new Error('the connection was lost')
      const found = await connection.client.query(FIND, [id, new Date(startedAtMs).toISOString()])
      return found.rows.length > 0
    },
    dispose: disconnect,
  }
}

interface Connection {
  readonly client: pg.Client
  /** What is written over this connection is known here: after a failure nothing is known to be there. */
  readonly bidderSets: BidderSets
}

function toConnection(client: pg.Client): Connection {
  return { client, bidderSets: createBidderSets() }
}

/** Whether this batch is not there yet; if so, it is from this transaction on. */
async function claim(client: pg.Client, writer: string, positions: Positions): Promise<boolean> {
  const { rowCount } = await client.query(CLAIM, [writer, [...positions.keys()], [...positions.values()]])
  // All of a batch's are there or none.
  return rowCount !== 0
}

async function writeBatch(
  client: pg.Client,
  { rows, rollups, givenUp }: LogBatch,
  writeRows: WriteRows,
  bidderSets: BidderSets,
): Promise<void> {
  if (rows.length > 0) await writeRows(client, rows, bidderSets)
  await writeNotices(client, rows)
  await writeRollups(client, rollups)
  for (const [hour, count] of givenUp) await client.query(GIVE_UP, [hour, count])
}

/** What an operator is to do, where it is known. */
function withRemedy(error: unknown): unknown {
  const remedy = REMEDIES.find(([codes]) => codes.test(codeOf(error) ?? ''))?.[1]
  return remedy === undefined ? error : new Error(`${messageOf(error)}: ${remedy}`, { cause: error })
}

/** By PostgreSQL's codes. */
const REMEDIES = [
  [/^(42P01|42703|42883)$/, 'run `auction migrate up`'],
  [/^42501$/, "let DATABASE_URL's role own the log's tables, or GRANT it the role that does"],
  [/^53100$/, "make room on the database's disk"],
] as const

const FIND = 'SELECT FROM auction_log WHERE id = $1::uuid AND started_at = $2::timestamptz'
/** Given back with the connection. */
const LOCK = `SELECT pg_try_advisory_lock(hashtext('auction_log_writers'), hashtext($1)) AS is_mine`
/** A part's name goes after its writer's. */
const POSITIONS = `
  SELECT substr(writer, length($1) + 1) AS part, position FROM auction_log_writers WHERE starts_with(writer, $1)`
const CLAIM = `
  INSERT INTO auction_log_writers AS known (writer, position, written_at)
  SELECT $1 || part, position, now() FROM unnest($2::text[], $3::text[]) AS batch (part, position)
  ON CONFLICT (writer) DO UPDATE SET position = excluded.position, written_at = excluded.written_at
  WHERE known.position <> excluded.position`
const GIVE_UP = `
  INSERT INTO auction_log_given_up AS known (hour, rows) VALUES (to_timestamp($1::bigint * 3600), $2)
  ON CONFLICT (hour) DO UPDATE SET rows = known.rows + excluded.rows`

/** How long one statement of a batch may take, in milliseconds. */
const STATEMENT_TIMEOUT_MS = 30_000
/** A batch that takes longer is on a connection that has fallen silent, which no timeout of the server ends. */
const BATCH_TIMEOUT_MS = 60_000
/** How long a connection may take to end, in milliseconds. */
const DISCONNECT_TIMEOUT_MS = 1_000
/** Partitions that there are ahead of time, today's included. */
const DAYS_AHEAD = 8
const MAKE_DAYS_INTERVAL_MS = 3_600_000
/** A writer that wrote nothing for so long has ended: its last batch will not come again. */
const FORGET_WRITERS_AFTER = '7 days'
