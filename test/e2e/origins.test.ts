import { once } from 'node:events'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { SMALL_CATALOG, startApp, type TestApp } from '../support/app.ts'
import { type HttpRequest, send } from '../support/graphql.ts'

const QUERY = '{ supply(id: "supply1") { id } }'
const FORM = 'application/x-www-form-urlencoded'
const LISTED = 'https://ads.example'
const FOREIGN = 'https://evil.example'

describe('pages of other origins', () => {
  let closed: TestApp
  let listing: TestApp
  beforeAll(async () => {
    closed = await startApp({ catalog: SMALL_CATALOG })
    listing = await startApp({ catalog: SMALL_CATALOG, env: { CORS_ORIGINS: `${LISTED}, https://b.example:8443` } })
  })
  afterAll(async () => {
    await Promise.all([closed?.dispose(), listing?.dispose()])
  })

  function post(app: TestApp, origin: string | undefined, contentType = 'application/json') {
    const body = contentType === FORM ? `query=${encodeURIComponent(QUERY)}` : JSON.stringify({ query: QUERY })
    return send(app.graphql, { headers: { 'content-type': contentType, ...(origin && { origin }) }, body })
  }

  /** The status of the answer, 101 where the WebSocket was opened. */
  async function openWebSocket(app: TestApp, origin: string | undefined): Promise<number> {
    const socket = new WebSocket(app.graphql, 'graphql-transport-ws', origin === undefined ? {} : { origin })
    const [response] = await Promise.race([
      once(socket, 'unexpected-response').then(([, response]) => [response.statusCode]),
      once(socket, 'open').then(() => [101]),
    ])
    socket.on('error', () => {})
    socket.terminate()
    return response
  }

  function preflight(app: TestApp, origin: string, path = '/graphql') {
    return fetch(`${app.url}${path}`, {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'content-type' },
    })
  }

  it('should not run a form of another origin, and run that of the own and of a program', async () => {
    const refused = await post(closed, FOREIGN, FORM)
    expect(refused.status).toBe(403)
    expect(refused.text).toContain('FORBIDDEN_ORIGIN')
    expect((await post(closed, 'null', FORM)).status).toBe(403)
    expect((await post(closed, new URL(closed.url).origin, FORM)).status).toBe(200)
    expect((await post(closed, undefined, FORM)).status).toBe(200)
    expect((await post(listing, LISTED, FORM)).status).toBe(200)
    expect((await post(listing, FOREIGN, FORM)).status).toBe(403)
  })

  it('should open no WebSocket to a page of another origin that is not listed', async () => {
    expect(await openWebSocket(closed, FOREIGN)).toBe(403)
    expect(await openWebSocket(closed, 'null')).toBe(403)
    expect(await openWebSocket(closed, new URL(closed.url).origin)).toBe(101)
    expect(await openWebSocket(closed, undefined)).toBe(101)
    expect(await openWebSocket(listing, LISTED)).toBe(101)
    expect(await openWebSocket(listing, FOREIGN)).toBe(403)
  })

  it('should tell the browser of a listed page that it may read the answer, whichever way that came', async () => {
    for (const lane of ['first request, by Yoga', 'second request, by the lane']) {
      const { headers } = await post(listing, LISTED)
      expect([lane, headers['access-control-allow-origin'], headers.vary]).toEqual([lane, LISTED, 'Origin'])
      expect(headers['access-control-expose-headers']).toContain('Retry-After, RateLimit, RateLimit-Policy')
    }
    expect((await post(listing, FOREIGN)).headers).not.toHaveProperty('access-control-allow-origin')
    expect((await post(closed, FOREIGN)).headers).not.toHaveProperty('access-control-allow-origin')
  })

  it('should tell a listed page so whatever refuses it, for it to read why', async () => {
    const form = `query=${encodeURIComponent(QUERY)}`
    const refusals: [number, string, HttpRequest][] = [
      [404, '/nothing', { method: 'GET' }],
      [404, '/openrtb2/auction', { method: 'PUT', body: '{}' }],
      [405, '/graphql', { method: 'PUT', body: form, headers: { 'content-type': FORM } }],
      [405, '/graphql', { method: 'DELETE' }],
      [421, '/graphql', { body: '{}', headers: { host: 'elsewhere.example' } }],
    ]
    for (const [status, path, { headers, ...request }] of refusals) {
      const answer = await send(listing.url + path, { ...request, headers: { ...headers, origin: LISTED } })
      expect([path, answer.status, answer.headers]).toEqual([
        path,
        status,
        expect.objectContaining({
          'access-control-allow-origin': LISTED,
          'access-control-expose-headers': 'Retry-After, RateLimit, RateLimit-Policy, X-Request-Id',
          vary: 'Origin',
        }),
      ])
    }
  })

  it('should tell a browser that asks what a listed page may send, and others nothing', async () => {
    for (const path of ['/graphql', '/openrtb2/auction']) {
      const { status, headers } = await preflight(listing, LISTED, path)
      expect([status, headers.get('access-control-allow-origin')]).toEqual([204, LISTED])
      expect([headers.get('access-control-allow-methods'), headers.get('access-control-allow-headers')]).toEqual([
        'GET, POST',
        'content-type',
      ])
      expect((await preflight(listing, FOREIGN, path)).headers.has('access-control-allow-origin')).toBe(false)
    }
  })
})
