import type { Bidder, BidderHttp } from './types.ts'

/** As the data file and the column `http` have it: what is as it is where nothing is said is left out. */
export type StoredHttp = Pick<BidderHttp, 'endpoint'> & {
  readonly [name in Exclude<keyof BidderHttp, 'endpoint'>]?: NonNullable<BidderHttp[name]>
}

/** A bidder's row; `http` is null where the bidder is simulated. */
export interface BidderRow {
  readonly id: string
  readonly country: string
  readonly http: StoredHttp | null
}

export function bidderOf({ id, country, http }: BidderRow): Bidder {
  return { id, country, http: http === null ? undefined : httpOf(http) }
}

export function httpOf(stored: StoredHttp): BidderHttp {
  return {
    endpoint: stored.endpoint,
    timeoutMs: stored.timeoutMs ?? null,
    maxQps: stored.maxQps ?? null,
    maxInFlight: stored.maxInFlight ?? null,
    headers: stored.headers ?? {},
    gzip: stored.gzip ?? false,
  }
}

export function storedHttp({ endpoint, timeoutMs, maxQps, maxInFlight, headers, gzip }: BidderHttp): StoredHttp {
  return {
    endpoint,
    ...(timeoutMs !== null && { timeoutMs }),
    ...(maxQps !== null && { maxQps }),
    ...(maxInFlight !== null && { maxInFlight }),
    ...(Object.keys(headers).length > 0 && { headers }),
    ...(gzip && { gzip }),
  }
}

/** What the column has. */
export function httpText(http: BidderHttp | undefined): string | undefined {
  return http && JSON.stringify(storedHttp(http))
}
