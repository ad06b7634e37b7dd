import { once } from 'node:events'
import type { RequestListener, ServerResponse } from 'node:http'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { createNoticeSending } from '../../src/notices/send.ts'
import { type Receiver, startReceiver } from '../support/receiver.ts'
import { timed } from '../support/timed.ts'

describe('a notice that is sent', () => {
  const open: { dispose(): Promise<void> }[] = []
  afterEach(async () => {
    for (const { dispose } of open.splice(0).reverse()) await dispose()
  })

  async function receive(answer?: RequestListener): Promise<Receiver> {
    const receiver = await startReceiver(answer)
    open.push(receiver)
    return receiver
  }

  function begin(timeoutMs?: number) {
    const sending = createNoticeSending({ allowPrivate: true, ...(timeoutMs && { timeoutMs }) })
    open.push(sending)
    return (url: string) => sending.send(new URL(url))
  }

  it.each([200, 204, 299])('should be known to be received where the answer is %i', async (status) => {
    const receiver = await receive((_request, response) => response.writeHead(status).end())
    expect(await begin()(`${receiver.url}/win?price=1.234567&seat=a%26b`)).toEqual({ type: 'SENT' })
    expect(receiver.received).toEqual(['/win?price=1.234567&seat=a%26b'])
  })

  it.each([400, 404, 429, 500, 503])('should be tried again where the answer is %i', async (status) => {
    const receiver = await receive((_request, response) => response.writeHead(status).end())
    expect(await begin()(receiver.url)).toEqual({ type: 'FAILED', reason: `it answered ${status}` })
  })

  it.each([301, 302, 303, 307, 308])('should not follow a redirect of status %i', async (status) => {
    const other = await receive()
    const receiver = await receive((_request, response) => response.writeHead(status, { location: other.url }).end())
    expect(await begin()(receiver.url)).toEqual({ type: 'FAILED', reason: `it answered ${status}` })
    expect(other.received).toEqual([])
  })

  it.each<[string, RequestListener]>([
    ['nothing', () => {}],
    ['headers that never end', ({ socket }) => void socket.write('HTTP/1.1 200 OK\r\nx: y\r\n')],
    ['informational answers alone', ({ socket }) => void socket.write('HTTP/1.1 102 Processing\r\n\r\n')],
  ])('should be tried again where %s comes in time', async (_what, answer) => {
    const receiver = await receive(answer)
    const { ownMs } = await timed(async () => expect(await begin(300)(receiver.url)).toMatchObject({ type: 'FAILED' }))
    expect(ownMs).toBeLessThan(1_500)
  })

  it('should be tried again where nobody listens, or what listens hangs up', async () => {
    const closed = await startReceiver()
    await closed.dispose()
    expect(await begin()(closed.url)).toMatchObject({ type: 'FAILED', reason: expect.stringContaining('ECONNREFUSED') })
    const rude = await receive(({ socket }) => void socket.destroy())
    expect(await begin()(rude.url)).toMatchObject({ type: 'FAILED' })
  })

  it('should read no more of an answer than a little, and close what goes on', async () => {
    let written = 0
    let isClosed = false
    const receiver = await receive((_request, response) => {
      response.writeHead(200)
      void writeForEver(response, (bytes) => {
        written += bytes
      }).then(() => {
        isClosed = true
      })
    })
    expect(await begin()(receiver.url)).toEqual({ type: 'SENT' })
    await vi.waitFor(() => expect(isClosed).toBe(true))
    // Beside what was read there is what the system has taken.
    expect(written).toBeLessThan(16 * 1024 * 1024)
  })

  it('should be known to be received where its answer drips on for longer than there is time', async () => {
    const receiver = await receive((_request, response) => {
      response.writeHead(200)
      const timer = setInterval(() => response.write('x'), 20)
      response.once('close', () => clearInterval(timer))
    })
    const { ownMs } = await timed(async () => expect(await begin(300)(receiver.url)).toEqual({ type: 'SENT' }))
    expect(ownMs).toBeLessThan(1_500)
  })

  it('should use a connection again', async () => {
    const ports = new Set<number | undefined>()
    const receiver = await receive(({ socket }, response) => {
      ports.add(socket.remotePort)
      response.end('some answer')
    })
    const send = begin()
    for (let round = 0; round < 30; round += 1) await send(receiver.url)
    // The next call may begin before the last one's connection is idle.
    expect(ports.size).toBeLessThan(5)
  })
})

/** Writes whatever is taken, until the connection is closed. */
async function writeForEver(response: ServerResponse, onWritten: (bytes: number) => void): Promise<void> {
  const piece = Buffer.alloc(65_536)
  const closed = once(response, 'close')
  while (!response.destroyed) {
    onWritten(piece.length)
    if (!response.write(piece)) await Promise.race([once(response, 'drain'), closed])
  }
}
