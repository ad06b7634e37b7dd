import { type Agent, request as httpRequest } from 'node:http'
import { connect } from 'node:net'

/** One request of Node's client. Bytes are characters of Latin-1. */
export interface FuzzRequest {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
  /** Sent in so many chunks, without a length; 0: with a length, at once. */
  readonly chunks?: number
  /** Whether nothing may ever be said, as to a subscription. */
  readonly mayStaySilent?: boolean
}

export interface FuzzAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
}

/** Sends it; of an answer that goes on for long, such as a subscription's, gives the beginning. */
export function sendRequest(url: string, agent: Agent | false, request: FuzzRequest): Promise<FuzzAnswer> {
  const { method, path, headers, body = '', chunks = 0, mayStaySilent = true } = request
  const bytes = Buffer.from(body, 'latin1')
  const { hostname, port } = new URL(url)
  return new Promise((resolve, reject) => {
    const hasBody = method !== 'GET' && method !== 'HEAD'
    // Node says it by itself for the methods that usually have a body, and leaves those of others without an end.
    const chunked = { 'transfer-encoding': 'chunked' }
    const framing = !hasBody ? {} : chunks === 0 ? { 'content-length': String(bytes.length) } : chunked
    const sent = httpRequest({ hostname, port, method, path, headers: { ...framing, ...headers }, agent })
    sent.once('error', reject)
    sent.setTimeout(ANSWER_TIMEOUT_MS, () => sent.destroy(new Error(`No answer within ${ANSWER_TIMEOUT_MS} ms`)))
    sent.once('response', (response) => {
      let text = ''
      const type = response.headers['content-type'] ?? ''
      const isStream = STREAM.test(type)
      const finish = () => {
        clearTimeout(timer)
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text })
      }
      const cut = () => {
        response.destroy()
        finish()
      }
      const timer = isStream && mayStaySilent ? setTimeout(cut, STREAM_MS) : undefined
      response.setEncoding('utf8').on('data', (chunk) => {
        text += chunk
        if (isStream && RESULT.test(text)) cut()
      })
      response.once('end', finish).once('error', finish)
    })
    for (let index = 0; hasBody && index < chunks; index++) {
      const size = Math.ceil(bytes.length / chunks)
      sent.write(bytes.subarray(index * size, (index + 1) * size))
    }
    sent.end(hasBody && chunks === 0 ? bytes : undefined)
  })
}

/** Sends bytes, says that there are no more, and gives all that comes back. */
export function sendRaw(url: string, text: string): Promise<string> {
  const { hostname, port } = new URL(url)
  return new Promise((resolve, reject) => {
    let answer = ''
    const socket = connect(Number(port), hostname)
    const timer = setTimeout(() => socket.destroy(), RAW_MS)
    socket.setEncoding('utf8').on('data', (chunk) => {
      answer += chunk
    })
    socket.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED') reject(error)
    })
    socket.once('close', () => {
      clearTimeout(timer)
      resolve(answer)
    })
    socket.end(Buffer.from(text, 'latin1'))
  })
}

/** A line that is a result, of an answer of any media type. */
export const RESULT = /(?<![^\n])(?:data: )?(\{[^\n]*\})\r?(?![^\n])/
/** Within it each request is answered, in milliseconds. */
const ANSWER_TIMEOUT_MS = 20_000
/** A stream that says nothing for so long is left, in milliseconds. */
const STREAM_MS = 1000
/** A connection over which the service waits for more is left, in milliseconds. */
const RAW_MS = 2000
/** Media types of answers that go on. */
export const STREAM = /^(text\/event-stream|multipart)/
