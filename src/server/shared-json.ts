import type { ExecutionResult, FormattedExecutionResult } from 'graphql'
import type { EncodedResult } from '../graphql/encode-in-turns.ts'

/**
 * The JSON of results that many subscribers are told, made once for all of them. graphql-ws makes the message around it:
 * a stand-in has it leave the payload out, and the payload is put in when the message is sent.
 */
export interface SharedJson {
  /** What a message has as its payload in a result's place. */
  standIn(result: ExecutionResult): FormattedExecutionResult
  /** A message as it goes out; to be called with each one as soon as it is made. */
  complete(message: string): string
}

export function createSharedJson(): SharedJson {
  const texts = new WeakMap<ExecutionResult, string>()
  /** The payload that the message just made is without: graphql-ws sends what it has made at once. */
  let leftOut: string | undefined

  return {
    standIn(result) {
      const payload: object = {
        toJSON() {
          leftOut = textOf(result)
        },
      }
      return payload
    },
    complete(message) {
      if (leftOut === undefined) return message
      const payload = leftOut
      leftOut = undefined
      return `${message.slice(0, -1)},"payload":${payload}}`
    },
  }

  function textOf(result: ExecutionResult): string {
    const known = texts.get(result)
    if (known !== undefined) return known
    const { stringify = JSON.stringify } = result as Partial<EncodedResult>
    const text = stringify(result)
    texts.set(result, text)
    return text
  }
}
