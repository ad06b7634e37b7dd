import { createHash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { renderGraphiQL } from '@graphql-yoga/render-graphiql'
import type { Catalog, CatalogSnapshot } from '../catalog/types.ts'
import { exampleTabs } from './example-operations.ts'

/** Answers a browser's request for GraphiQL; returns false, having done nothing, for any other request. */
export type GraphiQL = (request: IncomingMessage, response: ServerResponse) => boolean

/**
 * GraphiQL, from the package alone. The page has some nine megabytes: it is made once for each catalogue, whose supplies
 * its examples name, and every browser is sent the same bytes, so that slow ones cost no memory.
 */
export function createGraphiQL({ catalog }: { readonly catalog: Pick<Catalog, 'current'> }): GraphiQL {
  let page: { readonly catalog: CatalogSnapshot; readonly html: Buffer; readonly etag: string } | undefined

  return (request, response) => {
    const isPage =
      (request.method === 'GET' || request.method === 'HEAD') && request.headers.accept?.includes('text/html')
    if (!isPage) return false
    if (page?.catalog !== catalog.current()) page = render(catalog.current())
    const { html, etag } = page
    if (request.headers['if-none-match'] === etag) {
      response.writeHead(304, { ETag: etag }).end()
      return true
    }
    response.writeHead(200, {
      'Content-Type': 'text/html; charset=utf-8',
      'Content-Length': html.length,
      'Cache-Control': 'no-cache',
      ETag: etag,
    })
    response.end(request.method === 'HEAD' ? undefined : html)
    return true
  }
}

function render(catalog: CatalogSnapshot) {
  const html = Buffer.from(
    renderGraphiQL({
      title: 'Ad exchange auctions',
      subscriptionsProtocol: 'WS',
      defaultTabs: exampleTabs(catalog),
      shouldPersistHeaders: false,
    }),
  )
  return { catalog, html, etag: `"${createHash('sha256').update(html).digest('base64url')}"` }
}
