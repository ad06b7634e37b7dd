import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'

/**
 * Names this process of the service in its log: the host, and what no other process of it has, before or beside it. The
 * ids that it gives to requests begin with the latter, so that whoever has an id finds the log that knows of it.
 */
export interface Instance {
  /** Such as `web-1-3f9a2c1d`. */
  readonly name: string
  /** Such as `3f9a2c1d`. */
  readonly key: string
}

export function newInstance(): Instance {
  const key = randomBytes(KEY_BYTES).toString('hex')
  return { name: `${hostname()}-${key}`, key }
}

const KEY_BYTES = 4
