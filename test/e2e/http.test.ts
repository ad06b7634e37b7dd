import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { SMALL_CATALOG, startApp, type TestApp } from '../support/app.ts'
import { answerOf, dataOf, exchange, execute, send } from '../support/graphql.ts'
import { readmeBlocks } from '../support/readme.ts'

let app: TestApp
beforeAll(async () => {
  app = await startApp({ catalog: SMALL_CATALOG })
})
afterAll(() => app?.dispose())

const json = { 'content-type': 'application/json' }
/** As it is where MAX_BODY_BYTES says nothing else. */
const MAX_BODY_BYTES = 100_000
const TYPENAME = JSON.stringify({ query: '{ __typename }' })
const RUN =
  'mutation($ip: IPAddress!) { runAuction(input: {supplyId: "supply1", ip: $ip, country: "US"}) { __typename } }'

/** A POST's bytes, its connection kept unless it is the last one. */
function post(body: string, ...headers: readonly string[]): string {
  const lines = ['POST /graphql HTTP/1.1', 'Host: localhost', 'Content-Type: application/json', ...headers]
  return `${lines.join('\r\n')}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
}

function bodiesOf(text: string): string[] {
  return text.split(/HTTP\/1\.1 \d+ [\s\S]*?\r\n\r\n/).slice(1)
}

describe('HTTP', () => {
  it('should answer pipelined requests in their order', async () => {
    // The first is slower than the second: it reads the database.
    const slow = JSON.stringify({ query: '{ supplies(first: 1) { nodes { id } } }' })
    await send(app.graphql, { headers: json, body: slow })
    await send(app.graphql, { headers: json, body: TYPENAME })
    const text = await exchange(app.url, `${post(slow)}${post(TYPENAME)}${post(slow, 'Connection: close')}`)
    const [first, second, third] = bodiesOf(text)
    expect(first).toContain('"supplies"')
    expect(second).toContain('"__typename"')
    expect(third).toBe(first)
  })

  it('should answer a body that arrives in many pieces', async () => {
    const message = post(JSON.stringify({ query: '{ __typename } # é€😀' }), 'Connection: close')
    const pieces = [...Buffer.from(message)].map((byte) => Buffer.from([byte]))
    expect(await exchange(app.url, ...pieces)).toContain('{"data":{"__typename":"Query"}}')
  })

  it('should answer a chunked body', async () => {
    const request = httpRequest(app.graphql, { method: 'POST', headers: json, agent: false })
    for (const piece of TYPENAME.match(/.{1,5}/g) ?? []) request.write(piece)
    expect((await answerOf(request.end())).text).toBe('{"data":{"__typename":"Query"}}')
  })

  it.each([
    ['its length told', false],
    ['its length not told', true],
  ])('should refuse a body that is too large with 413, %s', async (_name, isChunked) => {
    const body = JSON.stringify({ query: '{ __typename }', variables: { text: 'x'.repeat(1_000_000) } })
    const request = httpRequest(app.graphql, {
      method: 'POST',
      headers: isChunked ? json : { ...json, 'content-length': body.length },
      agent: false,
    })
    request.write(body)
    const answer = await answerOf(request.end())
    expect(answer).toMatchObject({ status: 413, headers: { 'content-type': 'application/json; charset=utf-8' } })
    expect(JSON.parse(answer.text).errors[0].extensions.code).toBe('PAYLOAD_TOO_LARGE')
  })

  it('should keep the connection of a refused body until that has been sent, so that its client reads the refusal', async () => {
    const socket = connect(Number(new URL(app.url).port), '127.0.0.1').setEncoding('utf8')
    const ended = vi.fn()
    socket.once('end', ended)
    socket.write(post('').replace('Content-Length: 0', `Content-Length: ${3 * MAX_BODY_BYTES}`))
    const [answer] = await once(socket, 'data')
    expect(answer).toMatch(/^HTTP\/1\.1 413 .*PAYLOAD_TOO_LARGE/s)
    // Whatever the server does at once, it has done when another request is answered.
    await execute(app.graphql, '{ __typename }')
    expect(ended).not.toHaveBeenCalled()
    socket.write('x'.repeat(3 * MAX_BODY_BYTES))
    await once(socket, 'close')
    expect(ended).toHaveBeenCalledOnce()
  })

  it('should take a body of exactly the limit, and not one byte more', async () => {
    const empty = JSON.stringify({ query: '{ __typename }', variables: { text: '' } })
    const bodyOf = (bytes: number) => empty.replace('""', `"${'x'.repeat(bytes - empty.length)}"`)
    expect((await send(app.graphql, { headers: json, body: bodyOf(MAX_BODY_BYTES) })).status).toBe(200)
    expect((await send(app.graphql, { headers: json, body: bodyOf(MAX_BODY_BYTES + 1) })).status).toBe(413)
  })

  it('should end the connection of an endless body', async () => {
    const socket = connect(Number(new URL(app.url).port), '127.0.0.1')
    await once(socket, 'connect')
    socket.write(
      'POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n',
    )
    const chunk = `4000\r\n${'x'.repeat(0x4000)}\r\n`
    let text = ''
    socket.setEncoding('utf8').on('data', (piece) => {
      text += piece
    })
    socket.on('error', () => {})
    const closed = new Promise((resolve) => socket.once('close', resolve))
    const timer = setInterval(() => socket.write(chunk), 1)
    await closed
    clearInterval(timer)
    expect(text).toContain('413 Payload Too Large')
  })

  it('should survive a body that is aborted, counting nothing', async () => {
    const body = JSON.stringify({ query: RUN, variables: { ip: '203.0.113.1' } })
    const before = app.services.auctioneer.inFlight()
    for (const cut of [0, 1, body.length - 1]) {
      const request = httpRequest(app.graphql, {
        method: 'POST',
        headers: { ...json, 'content-length': body.length },
        agent: false,
      })
      request.on('error', () => {})
      request.write(body.slice(0, cut))
      request.flushHeaders()
      await once(request, 'socket').then(([socket]) => socket.connecting && once(socket, 'connect'))
      request.destroy()
    }
    expect(app.services.auctioneer.inFlight()).toBe(before)
    expect(await dataOf(app.graphql, '{ stats { totalRequests } }')).toEqual({ stats: [] })
  })

  it('should survive a client that leaves before the answer', async () => {
    const slowApp = await startApp({ catalog: SMALL_CATALOG, env: { SIMULATED_LATENCY_FACTOR: '100' } })
    try {
      for (const path of ['/graphql', '/graphql?yoga']) {
        const body = JSON.stringify({ query: RUN, variables: { ip: '203.0.113.2' } })
        const request = httpRequest(`${slowApp.url}${path}`, { method: 'POST', headers: json, agent: false })
        request.on('error', () => {})
        request.end(body)
        await vi.waitFor(() => expect(slowApp.services.auctioneer.inFlight()).toBe(1))
        request.destroy()
        // The impression was offered, so it is counted.
        await vi.waitFor(() => expect(slowApp.services.auctioneer.inFlight()).toBe(0))
      }
      const { stats } = await dataOf<{ stats: { totalRequests: number }[] }>(
        slowApp.graphql,
        '{ stats { totalRequests } }',
      )
      expect(stats[0]?.totalRequests).toBe(2)
    } finally {
      await slowApp.dispose()
    }
  })

  it('should answer HTTP/1.0', async () => {
    const text = await exchange(app.url, post(TYPENAME).replace('HTTP/1.1', 'HTTP/1.0'))
    expect(text).toMatch(/^HTTP\/1\.1 200 OK\r\n/)
    expect(text).toContain('{"data":{"__typename":"Query"}}')
  })

  it('should answer GET with a query', async () => {
    const answer = await send(`${app.graphql}?query={__typename}`, { method: 'GET' })
    expect(answer).toMatchObject({ status: 200, text: '{"data":{"__typename":"Query"}}' })
  })

  it('should have no browser guess what an answer is, and no cache keep what a GET got', async () => {
    const known = { headers: json, body: TYPENAME }
    const answers = [
      await send(app.graphql, known),
      await send(app.graphql, known),
      await send(`${app.graphql}?yoga`, known),
      await send(app.graphql, { ...known, headers: { ...json, accept: 'text/event-stream' } }),
      await send(`${app.url}/openrtb2/auction`, { headers: json, body: '{}' }),
      ...(await Promise.all(
        ['/', '/livez', '/metrics', '/nothing'].map((path) => send(`${app.url}${path}`, { method: 'GET' })),
      )),
    ]
    for (const { headers } of answers) expect(headers['x-content-type-options']).toBe('nosniff')
    const { headers } = await send(`${app.graphql}?query={__typename}`, { method: 'GET' })
    expect(headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'cache-control': 'no-store' })
  })

  it('should answer a form and a bare query', async () => {
    for (const [type, body] of [
      ['application/x-www-form-urlencoded', 'query={__typename}'],
      ['application/graphql', '{ __typename }'],
    ] as const) {
      const answer = await send(app.graphql, { headers: { 'content-type': type }, body })
      expect(answer.text).toBe('{"data":{"__typename":"Query"}}')
    }
  })

  it.each(['GET', 'HEAD'])('should lead from / to GraphiQL by %s', async (method) => {
    expect(await send(`${app.url}/`, { method })).toMatchObject({ status: 302, headers: { location: '/graphql' } })
  })

  it('should answer HEAD without a body', async () => {
    for (const path of ['/livez', '/readyz', '/nothing', '/graphql']) {
      const answer = await send(`${app.url}${path}`, { method: 'HEAD' })
      expect(answer.text).toBe('')
      expect(answer.status).toBeLessThan(500)
    }
  })

  it.each([
    ['GET', '/nothing'],
    ['POST', '/'],
    ['POST', '/graphql/'],
    ['GET', '/graphql/x'],
    ['GET', '/%00'],
    ['GET', '//evil.example/graphql'],
  ])('should answer %s %s with a coded 404', async (method, path) => {
    const answer = await send(`${app.url}${path}`, { method })
    expect(answer.status).toBe(404)
    expect(JSON.parse(answer.text).errors[0].extensions.code).toBe('NOT_FOUND')
  })

  it('should tell that it lives and is ready', async () => {
    expect(JSON.parse((await send(`${app.url}/livez`, { method: 'GET' })).text)).toEqual({ status: 'ok' })
    const ready = await send(`${app.url}/readyz`, { method: 'GET' })
    expect(ready.status).toBe(200)
    expect(JSON.parse(ready.text)).toEqual({
      status: 'ready',
      dependencies: {
        database: { status: 'up', kind: 'embedded' },
        catalog: { status: 'up', supplies: expect.any(Number) },
        auctionLog: {
          status: 'up',
          pendingAuctions: expect.any(Number),
          pendingBytes: expect.any(Number),
          pendingBytesMax: 67_108_864,
          givenUp: 0,
          strays: 0,
        },
        notices: expect.objectContaining({ status: 'up' }),
      },
      latency: {
        ownOverheadMs: {
          count: expect.any(Number),
          p50: expect.any(Number),
          p99: expect.any(Number),
          p999: expect.any(Number),
        },
        eventLoopDelayMs: { p50: expect.any(Number), p99: expect.any(Number), max: expect.any(Number) },
      },
      load: { shed: 0, admittedShare: 1, auctionsInFlight: 0 },
      liveStatistics: { subscribers: 0, heldBackMs: 0 },
    })
  })

  it('should be ready in the shape that the README shows', async () => {
    const { text } = await send(`${app.url}/readyz`, { method: 'GET' })
    const [sample = ''] = await readmeBlocks('### Health', 'json')
    const shapeOf = (json: string) => JSON.parse(json, (_name, value) => (typeof value === 'number' ? 'number' : value))
    expect(shapeOf(sample)).toEqual(shapeOf(text))
  })
})

describe('the rate limit over HTTP', () => {
  it('should answer what was sold where a further auction of the document is refused, alike in every lane', async () => {
    const auction = (ip: string) =>
      `runAuction(input: { supplyId: "supply1", ip: "${ip}", country: "US" }) { __typename }`
    const document = (ip: string) => `mutation { ${[1, 2, 3, 4].map((n) => `a${n}: ${auction(ip)}`).join(' ')} }`
    const answers = [
      await send(app.graphql, { headers: json, body: JSON.stringify({ query: document('203.0.113.21') }) }),
      await send(`${app.graphql}?yoga`, { headers: json, body: JSON.stringify({ query: document('203.0.113.22') }) }),
    ]
    for (const { status, headers, text } of answers) {
      expect(status).toBe(200)
      expect(headers['retry-after']).toBeUndefined()
      const { data, errors } = JSON.parse(text)
      expect(Object.values(data).map((value) => value !== null)).toEqual([true, true, true, false])
      expect(errors).toMatchObject([{ path: ['a4'], extensions: { code: 'RATE_LIMITED' } }])
    }
  })

  it('should answer with 429, Retry-After and the limit, alike in every lane', async () => {
    const run = { query: RUN, variables: { ip: '203.0.113.9' } }
    for (let index = 0; index < 3; index++) await execute(app.graphql, run.query, run.variables)
    const refused = { headers: json, body: JSON.stringify(run) }
    const fast = await send(app.graphql, refused)
    const slow = await send(`${app.graphql}?yoga`, refused)
    for (const answer of [fast, slow]) {
      expect(answer.status).toBe(429)
      const { data, errors } = JSON.parse(answer.text)
      const [{ message, path, extensions }] = errors
      expect(data).toEqual({ runAuction: null })
      expect(path).toEqual(['runAuction'])
      expect(extensions).toEqual({ code: 'RATE_LIMITED', retryAfterMs: expect.any(Number) })
      expect(message).toContain(`${extensions.retryAfterMs} ms`)
      const seconds = String(Math.ceil(extensions.retryAfterMs / 1000))
      expect(answer.headers).toMatchObject({
        'retry-after': seconds,
        'ratelimit-policy': '"address";q=3;w=60',
        ratelimit: `"address";r=0;t=${seconds}`,
      })
    }
    const moment = /\d+ ms|"retryAfterMs":\d+/g
    expect(slow.text.replaceAll(moment, '')).toBe(fast.text.replaceAll(moment, ''))
    expect(Object.keys(slow.headers).sort()).toEqual(Object.keys(fast.headers).sort())
  })
})
