import { createHash } from 'node:crypto'
import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import { request } from 'undici'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startApp, type TestApp } from '../support/app.ts'

describe('the page of GraphiQL', () => {
  let app: TestApp
  beforeAll(async () => {
    app = await startApp()
  })
  afterAll(() => app?.dispose())

  async function page(acceptEncoding: string | undefined, headers: Record<string, string> = {}) {
    const encoding = acceptEncoding === undefined ? {} : { 'accept-encoding': acceptEncoding }
    const response = await request(app.graphql, { headers: { accept: 'text/html', ...encoding, ...headers } })
    return { ...response, bytes: Buffer.from(await response.body.arrayBuffer()) }
  }

  it('should be the same page in every encoding, and a small part of it compressed', async () => {
    const plain = await page(undefined)
    expect(plain.headers['content-encoding']).toBeUndefined()
    expect(plain.bytes.toString()).toContain('RunAuction')

    const brotli = await page('gzip, deflate, br')
    expect(brotli.headers).toMatchObject({ 'content-encoding': 'br', vary: 'Accept-Encoding' })
    expect(brotliDecompressSync(brotli.bytes).equals(plain.bytes)).toBe(true)
    expect(brotli.bytes.length).toBeLessThan(plain.bytes.length / 3)

    const gzip = await page('gzip')
    expect(gzip.headers).toMatchObject({ 'content-encoding': 'gzip', vary: 'Accept-Encoding' })
    expect(gunzipSync(gzip.bytes).equals(plain.bytes)).toBe(true)
  })

  it('should run its own script alone, be shown in no frame and speak to nobody else', async () => {
    const { headers, bytes } = await page(undefined)
    const [, script = ''] = /<script>([\s\S]*)<\/script>/.exec(bytes.toString()) ?? []
    const hash = createHash('sha256').update(script).digest('base64')
    const { headers: unchanged } = await page(undefined, { 'if-none-match': String(headers.etag) })
    for (const sent of [headers, unchanged, (await page('br')).headers]) {
      const policy = String(sent['content-security-policy']).split('; ')
      expect(policy).toEqual(
        expect.arrayContaining([
          "default-src 'none'",
          `script-src 'sha256-${hash}'`,
          "connect-src 'self'",
          "frame-ancestors 'none'",
        ]),
      )
      expect(sent).toMatchObject({
        'x-content-type-options': 'nosniff',
        'x-frame-options': 'DENY',
        'referrer-policy': 'no-referrer',
        'cross-origin-opener-policy': 'same-origin',
      })
    }
  })

  it('should not use an encoding that a client refuses', async () => {
    const { headers: gzip } = await page('br;q=0, gzip')
    expect(gzip['content-encoding']).toBe('gzip')
    const { headers: plain } = await page('br;q=0, gzip;q=0')
    expect(plain['content-encoding']).toBeUndefined()
  })

  it('should not be sent again to a client that has it', async () => {
    const { headers } = await page('br')
    const again = await page('br', { 'if-none-match': String(headers.etag) })
    expect(again.statusCode).toBe(304)
    expect(again.bytes.length).toBe(0)
    expect((await page('gzip', { 'if-none-match': String(headers.etag) })).statusCode).toBe(200)
  })
})
