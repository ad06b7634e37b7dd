import type { RedisConnection } from './connect.ts'

/** A connection's state, for health reports. */
export interface RedisStatus {
  readonly status: 'up' | 'down'
  readonly kind: 'single' | 'cluster'
  /** Why it is down, where that is known. */
  readonly error?: string
}

export function redisStatus(connection: RedisConnection): RedisStatus {
  const status = connection.state()
  const error = status === 'down' ? connection.lastError()?.message : undefined
  return { status, kind: connection.isCluster ? 'cluster' : 'single', ...(error !== undefined && { error }) }
}
