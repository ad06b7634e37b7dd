import { type LookupAddress, type LookupOptions, lookup as systemLookup } from 'node:dns'
import { inTime } from '../../in-time.ts'

/** What a host's name stands for, looked up once for all connections that are made meanwhile. */
export interface Addresses {
  /** As sockets look names up. */
  lookup(hostname: string, options: LookupOptions, callback: LookupCallback): void
  /**
   * Looks again: connections that are kept alive never would. Where that fails, what was known stays.
   * @returns whether the name stands for other addresses than before
   */
  renew(): Promise<boolean>
}

export type LookupCallback = (
  error: NodeJS.ErrnoException | null,
  addresses: string | LookupAddress[],
  family?: number,
) => void

export type Lookup = (hostname: string) => Promise<LookupAddress[]>

export interface AddressesOptions {
  readonly hostname: string
  readonly now: () => number
  readonly lookup?: Lookup
}

export function createAddresses({ hostname, now, lookup = lookupAll }: AddressesOptions): Addresses {
  let known: LookupAddress[] | undefined
  let knownAtMs = 0
  let failure: NodeJS.ErrnoException | undefined
  let failedAtMs = 0
  let looking: Promise<LookupAddress[]> | undefined

  return {
    lookup(_hostname, { all }, callback) {
      resolve().then(
        (addresses) => {
          if (all) callback(null, addresses)
          else callback(null, addresses[0]?.address ?? '', addresses[0]?.family)
        },
        (error: NodeJS.ErrnoException) => callback(error, []),
      )
    },
    async renew() {
      const before = known
      try {
        const after = await look()
        return before !== undefined && fingerprint(before) !== fingerprint(after)
      } catch {
        return false
      }
    },
  }

  async function resolve(): Promise<LookupAddress[]> {
    const nowMs = now()
    if (known !== undefined && nowMs - knownAtMs < FRESH_MS) return known
    // A name that cannot be resolved takes one of four threads for as long as the resolver waits.
    const hasJustFailed = failure !== undefined && nowMs - failedAtMs < FAILED_MS
    try {
      if (hasJustFailed) throw failure
      return await (known === undefined ? look() : inTime(look(), LOOK_AGAIN_MS))
    } catch (error) {
      if (known === undefined) throw error
      // A resolver that says nothing stands for one that fails: nobody waits for it again before that is over.
      if (!hasJustFailed) {
        failure = error as NodeJS.ErrnoException
        failedAtMs = now()
      }
      return known
    }
  }

  /** One at a time: whoever needs it meanwhile waits for the same. */
  function look(): Promise<LookupAddress[]> {
    looking ??= lookup(hostname)
      .then(
        (addresses) => {
          known = addresses
          knownAtMs = now()
          failure = undefined
          return addresses
        },
        (error: NodeJS.ErrnoException) => {
          failure = error
          failedAtMs = now()
          throw error
        },
      )
      .finally(() => {
        looking = undefined
      })
    return looking
  }
}

function fingerprint(addresses: readonly LookupAddress[]): string {
  return addresses
    .map(({ address }) => address)
    .sort()
    .join()
}

function lookupAll(hostname: string): Promise<LookupAddress[]> {
  return new Promise((resolve, reject) => {
    systemLookup(hostname, { all: true }, (error, addresses) => (error ? reject(error) : resolve(addresses)))
  })
}

/** How long addresses are used for new connections without a new look, in milliseconds; and for how long a failure stands. */
const FRESH_MS = 60_000
const FAILED_MS = 1000
/** How long a connection waits for a new look where addresses are known, in milliseconds: resolvers that are away take 10 s. */
const LOOK_AGAIN_MS = 50
