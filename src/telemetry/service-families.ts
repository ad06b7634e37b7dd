import type { CatalogSnapshot } from '../catalog/types.ts'
import type { StatsFeed } from '../stats/feed.ts'
import type { Counts } from './counts.ts'
import { counter, type Family, gauge, MS_IN_SECONDS } from './family.ts'

export interface ServiceSources {
  readonly counts: Counts
  readonly catalog: () => CatalogSnapshot
  readonly catalogState: { readonly loadedAtMs: number; readonly isFailing: boolean }
  readonly feed: Pick<StatsFeed, 'subscribers' | 'heldBackMs'>
  readonly httpConnections: () => Promise<number>
  readonly webSocketConnections: () => number
}

/** What is sold from, who is connected, and what they are told. */
export function serviceFamilies(sources: ServiceSources): Family[] {
  const { counts, catalog, catalogState, feed, httpConnections, webSocketConnections } = sources
  return [
    gauge('auction_catalog_supplies', 'Supplies of the catalogue in use.', () => catalog().supplies.size),
    gauge('auction_catalog_bidders', 'Bidders of the catalogue in use.', () => catalog().bidders.size),
    gauge(
      'auction_catalog_loaded_timestamp_seconds',
      'When the catalogue in use was read, in seconds since 1970.',
      () => catalogState.loadedAtMs * MS_IN_SECONDS,
    ),
    gauge('auction_catalog_refresh_failing', '1 while it cannot be seen whether there is a newer catalogue.', () =>
      Number(catalogState.isFailing),
    ),
    gauge('auction_subscribers', 'Subscriptions of live statistics.', () => feed.subscribers()),
    gauge(
      'auction_feed_held_back_seconds',
      'For how long live statistics have been held back, so that auctions have their share of the event loop.',
      () => feed.heldBackMs() * MS_IN_SECONDS,
    ),
    counter('auction_graphql_errors_total', 'Errors that callers of GraphQL and OpenRTB were told, by code.', () =>
      [...counts.errors.all()].map(([code, errors]) => [{ code }, errors]),
    ),
    gauge('auction_http_connections', 'Open connections, WebSockets among them.', httpConnections),
    gauge('auction_websocket_connections', 'Open WebSockets.', webSocketConnections),
  ]
}
