import type { RedisConnection } from './connect.ts'

/** Redis cannot be used as it was named: waiting would not help. The message names the remedy. */
export class RedisRefusedError extends Error {
  override readonly name = 'RedisRefusedError'
  readonly code = 'REDIS_REFUSED'
}

/**
 * The database that a URL names by its path, 0 where it names none.
 * @throws RedisRefusedError where the path is no number, or a cluster is to have another than 0
 */
export function databaseOf(nodes: readonly string[]): number {
  const [database = 0] = nodes.map((node) => {
    const { host, pathname } = new URL(node)
    const path = pathname.replace(/^\//, '')
    if (!/^\d{0,9}$/.test(path)) {
      throw new RedisRefusedError(
        `The URL of Redis at ${host} ends in /${path}: it may end in the number of a database.`,
      )
    }
    if (nodes.length > 1 && Number(path) !== 0) {
      throw new RedisRefusedError(`The URL of Redis at ${host} ends in /${path}: a cluster has database 0 alone.`)
    }
    return Number(path)
  })
  return database
}

/**
 * Asks whether Redis takes this client at all, once it is up or could not be reached.
 * @throws RedisRefusedError where it refuses the name and password, or has no such database
 */
export async function checkAccepted({ client, isCluster, database, state, lastError }: RedisConnection): Promise<void> {
  const reason = refusalOf(lastError())
  if (state() === 'down') {
    if (reason)
      throw new RedisRefusedError(`Redis refuses this client (${reason}): correct name and password in its URL.`)
    return
  }
  if (isCluster || database === 0) return
  try {
    await client.call('SELECT', String(database))
  } catch (error) {
    if (!(error instanceof Error) || !error.message.includes('DB index')) return
    throw new RedisRefusedError(`Redis has no database ${database} (${error.message}): correct the end of its URL.`)
  }
}

/** What Redis said of the credentials; a cluster's client tells it of the last node that it tried. */
function refusalOf(error: Error | undefined): string | undefined {
  const { message } = (error as { lastNodeError?: Error } | undefined)?.lastNodeError ?? error ?? { message: '' }
  return /^(WRONGPASS|NOAUTH|NOPERM|ERR AUTH)/.test(message) ? message : undefined
}
