import { isUtf8 } from 'node:buffer'
import { gunzipSync } from 'node:zlib'
import type { ReasonName } from '../reasons.ts'

/** The most that an answer may have, compressed and not. */
export const ANSWER_BYTES_MAX = 256 * 1024

export interface AnswerText {
  readonly text: string
}

/**
 * The text of an answer's bytes; or why they are none. What is compressed is taken out within the same bound, so that a
 * few bytes cannot become many: at most a millisecond.
 * @param encoding of its `content-encoding`; empty where it has none
 */
export function answerText(chunks: readonly Buffer[], encoding: string): AnswerText | ReasonName {
  const sent = chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)
  const bytes = decode(sent, encoding)
  if (typeof bytes === 'string') return bytes
  return isUtf8(bytes) ? { text: bytes.toString() } : 'INVALID_ENCODING'
}

/** The value of `content-encoding` among headers as they came: name, value, name, value. */
export function encodingOf(headers: readonly Buffer[]): string {
  let encoding = ''
  for (let index = 0; index < headers.length; index += 2) {
    const name = headers[index] as Buffer
    if (name.length !== CONTENT_ENCODING.length || name.toString('latin1').toLowerCase() !== CONTENT_ENCODING) continue
    const value = headers[index + 1]?.toString('latin1').trim().toLowerCase() ?? ''
    // Of several headers of the name the list goes on.
    encoding = encoding === '' ? value : `${encoding}, ${value}`
  }
  return encoding
}

function decode(sent: Buffer, encoding: string): Buffer | ReasonName {
  if (encoding === '' || encoding === 'identity') return sent
  if (encoding !== 'gzip' && encoding !== 'x-gzip') return 'INVALID_ENCODING'
  try {
    return gunzipSync(sent, { maxOutputLength: ANSWER_BYTES_MAX })
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE' ? 'TOO_LARGE' : 'INVALID_ENCODING'
  }
}

const CONTENT_ENCODING = 'content-encoding'
