import { once } from 'node:events'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { SMALL_CATALOG, startApp, type TestApp } from '../support/app.ts'
import { exchange, send } from '../support/graphql.ts'

const QUERY = JSON.stringify({ query: '{ __typename }' })
const json = { 'content-type': 'application/json' }

describe('a service that is called by another name', () => {
  let app: TestApp
  beforeAll(async () => {
    app = await startApp({ catalog: SMALL_CATALOG })
  })
  afterAll(() => app?.dispose())

  it.each([
    ['POST', '/graphql', json, QUERY],
    ['POST', '/graphql?yoga', json, QUERY],
    ['POST', '/graphql', { ...json, accept: 'text/event-stream' }, QUERY],
    ['POST', '/openrtb2/auction', json, '{}'],
    ['GET', '/graphql?query={__typename}', {}, undefined],
    ['GET', '/graphql', { accept: 'text/html' }, undefined],
    ['GET', '/', {}, undefined],
    ['OPTIONS', '/graphql', { origin: 'https://a.example', 'access-control-request-method': 'POST' }, undefined],
  ])('should not answer %s %s, whatever the lane', async (method, path, headers, body) => {
    const request = { method, ...(body === undefined ? {} : { body }) }
    await send(`${app.url}${path}`, { ...request, headers: { ...headers, host: 'localhost' } })
    const { status, text } = await send(`${app.url}${path}`, {
      ...request,
      headers: { ...headers, host: 'evil.example' },
    })
    expect([status, JSON.parse(text)]).toEqual([
      421,
      {
        errors: [
          {
            message: 'This service does not answer under the name "evil.example": ALLOWED_HOSTS lists its names.',
            extensions: { code: 'MISDIRECTED_REQUEST' },
          },
        ],
      },
    ])
  })

  it('should open no WebSocket', async () => {
    const socket = new WebSocket(app.graphql, 'graphql-transport-ws', { headers: { host: 'evil.example' } })
    const [, response] = await once(socket, 'unexpected-response')
    socket.on('error', () => {})
    socket.terminate()
    expect(response.statusCode).toBe(421)
  })

  it('should answer probes and who collects metrics', async () => {
    for (const path of ['/livez', '/readyz', '/metrics']) {
      const { status } = await send(`${app.url}${path}`, { method: 'GET', headers: { host: 'evil.example' } })
      expect([path, status]).toEqual([path, 200])
    }
  })

  it('should answer a client that gives no name, which no browser is', async () => {
    const head = `POST /graphql HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: ${QUERY.length}\r\n\r\n`
    expect(await exchange(app.url, `${head}${QUERY}`)).toContain('{"data":{"__typename":"Query"}}')
  })
})
