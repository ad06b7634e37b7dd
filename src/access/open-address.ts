import { isIPv4 } from 'node:net'
import { AccessError } from './types.ts'

export interface Address {
  readonly host: string
  readonly apiKeysFile?: string | undefined
  /** `1`: anybody may call. */
  readonly allowAnonymous: '0' | '1'
}

/**
 * Refuses to serve anybody who can reach this machine, unless somebody has said so.
 * @throws AccessError naming both remedies
 */
export function refuseOpenAddress({ host, apiKeysFile, allowAnonymous }: Address): void {
  if (isLoopback(host) || apiKeysFile !== undefined || allowAnonymous === '1') return
  throw new AccessError(
    `HOST ${host} can be reached from other machines, where anybody could sell and read everything. Set API_KEYS_FILE (\`auction keys create\` makes the file), or ALLOW_ANONYMOUS=1 where something else decides who may call, such as a firewall.`,
  )
}

function isLoopback(host: string): boolean {
  const name = host.toLowerCase()
  return name === 'localhost' || name === '::1' || (isIPv4(name) && name.startsWith('127.'))
}
