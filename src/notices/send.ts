import { isIP } from 'node:net'
import { Agent, request } from 'undici'
import { URL_LENGTH_MAX } from '../auction/macros.ts'
import { codeOf, messageOf } from '../db/database-error.ts'
import { AddressRefusedError, createPublicLookup, isPublicAddress, type PublicLookupOptions } from './public-address.ts'

/** Calls bidders' URLs, which come from outside: none of this machine's networks, for a bounded time and answer. */
export interface NoticeSending {
  send(url: URL): Promise<SendResult>
  dispose(): Promise<void>
}

export type SendResult =
  | { readonly type: 'SENT' }
  /** To be tried again. */
  | { readonly type: 'FAILED'; readonly reason: string }
  /** Not to be tried again: it must not be called. */
  | { readonly type: 'REFUSED'; readonly reason: string }

export interface NoticeSendingOptions extends PublicLookupOptions {
  /** Whether addresses may be called that are not of the public internet. */
  readonly allowPrivate: boolean
  /** How long a call may take in all, in milliseconds. */
  readonly timeoutMs?: number
}

/** A URL as it is called; or why it is not. */
export function parseNoticeUrl(text: string): URL | { readonly reason: string } {
  if (text.length > URL_LENGTH_MAX) return { reason: `the URL is longer than ${URL_LENGTH_MAX} characters` }
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined) return { reason: 'it is no URL' }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return { reason: `${url.protocol} is not http: or https:` }
  return url
}

export function createNoticeSending(options: NoticeSendingOptions): NoticeSending {
  const { allowPrivate, timeoutMs = TIMEOUT_MS } = options
  const agent = new Agent({
    connections: CONNECTIONS_PER_HOST,
    connect: { timeout: timeoutMs, ...(!allowPrivate && { lookup: createPublicLookup(options) }) },
  })

  return {
    async send(url) {
      // A connection to an address looks nothing up. By now it is written in the one usual way, whatever it was before.
      const host = url.hostname.replace(/^\[|\]$/g, '')
      if (!allowPrivate && isIP(host) !== 0 && !isPublicAddress(host)) {
        return { type: 'REFUSED', reason: new AddressRefusedError(host, host).message }
      }
      try {
        const signal = AbortSignal.timeout(timeoutMs)
        const { statusCode, body } = await request(url, { dispatcher: agent, signal, headers: HEADERS })
        // Read so that its connection can be used again; what the answer says is of no interest.
        await body.dump({ limit: ANSWER_BYTES_MAX }).catch(() => {})
        const isSent = statusCode >= 200 && statusCode < 300
        return isSent ? { type: 'SENT' } : { type: 'FAILED', reason: `it answered ${statusCode}` }
      } catch (error) {
        const isRefused = codeOf(error) === 'ADDRESS_REFUSED'
        return { type: isRefused ? 'REFUSED' : 'FAILED', reason: messageOf(error) }
      }
    },
    dispose: () => agent.destroy(),
  }
}

/** Calls of one host at the same time. */
export const CONNECTIONS_PER_HOST = 64

const HEADERS = { 'user-agent': 'auction' }
const TIMEOUT_MS = 2_000
/** Of an answer that is longer the connection is closed. */
const ANSWER_BYTES_MAX = 65_536
