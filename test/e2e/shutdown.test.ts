import { once } from 'node:events'
import { connect } from 'node:net'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { SMALL_CATALOG, startApp, type TestApp } from '../support/app.ts'
import { execute, send } from '../support/graphql.ts'

const RUN = 'mutation { runAuction(input: {supplyId: "supply1", ip: "203.0.113.1", country: "US"}) { __typename } }'
/** Each is sent over a connection of its own. */
const GET = { method: 'GET' }

describe('a service that stops', () => {
  let app: TestApp | undefined
  afterEach(() => app?.dispose())

  async function start(env: Readonly<Record<string, string>>): Promise<TestApp> {
    app = await startApp({ catalog: SMALL_CATALOG, env })
    return app
  }

  it('should take new connections for SHUTDOWN_GRACE_MS, and say 503 at /readyz to each', async () => {
    const { url, graphql, dispose } = await start({ SHUTDOWN_GRACE_MS: '2500' })
    const stopped = dispose()

    const ready = await send(`${url}/readyz`, GET)
    expect(ready.status).toBe(503)
    expect(JSON.parse(ready.text).status).toBe('shutting down')
    expect((await send(`${url}/livez`, GET)).status).toBe(200)
    expect(await execute(graphql, RUN)).toMatchObject({ data: { runAuction: { __typename: 'Auction' } } })

    await stopped
    await expect(send(`${url}/readyz`, GET)).rejects.toThrow('ECONNREFUSED')
  })

  it('should take no new connection at once where no SHUTDOWN_GRACE_MS is set', async () => {
    const { url, dispose } = await start({ SHUTDOWN_TIMEOUT_MS: '10000' })
    const stopped = dispose()
    await expect(send(`${url}/readyz`, GET)).rejects.toThrow('ECONNREFUSED')
    await stopped
  })

  it.each([
    [
      'a body',
      'POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 90\r\n\r\n{"query"',
    ],
    ['headers', 'POST /graphql HTTP/1.1\r\nHost: localhost\r\n'],
  ])('should not wait its whole time for %s whose sender has stopped in the middle', async (_name, half) => {
    const { url, dispose } = await start({ SHUTDOWN_TIMEOUT_MS: '30000' })
    const socket = connect(Number(new URL(url).port), '127.0.0.1').setEncoding('utf8')
    let answer = ''
    socket.on('data', (piece) => {
      answer += piece
    })
    await once(socket, 'connect')
    socket.write(half)

    const startedAt = performance.now()
    await dispose()
    expect(performance.now() - startedAt).toBeLessThan(10_000)
    await vi.waitFor(() => expect(answer).toMatch(/^HTTP\/1\.1 408 /))
    socket.destroy()
  })
})
